// SPDX-License-Identifier: Apache-2.0
/* The wire format there and back, for every entry of the table of operations. */
#include "codec_util.h"

#include <math.h>

#define SMALL_TENSOR 64
#define LARGE_TENSOR 12000

static void send(struct host *h, struct call *c)
{
	assert_int_equal(call_encode(c), 0);
	host_map(h, c);
	if (host_decode(h, c->e.msg, c->e.msg_len, (uint32_t)c->e.reply_room))
		fail_msg("%s: %s", c->desc->name, h->dec.why);
	assert_ptr_equal(h->dec.desc, c->desc);
	assert_int_equal(h->dec.session, SESSION_ID);
}

static int answer(struct host *h, struct call *c)
{
	const struct vop_fetcher fetcher = {host_fetch, h};
	uint32_t cap = (uint32_t)c->e.reply_room, len = 0;
	uint8_t *reply = malloc(cap ? cap : 1);
	int ret;

	assert_int_equal(vop_encode_reply(&h->dec, reply, cap, &len), 0);
	assert_true(len <= cap);
	host_finish(h);
	host_write_back(h, c);
	ret = vop_decode_reply(&c->e, c->desc, c->vals, reply, len, &fetcher);
	free(reply);
	return ret;
}

static void there_and_back(const struct vop_desc *desc, enum layout layout, uint64_t tensor_bytes,
			   const uint64_t *out_sizes)
{
	struct call c;
	struct host h;

	host_init(&h);
	h.arena.retain = 1 << 20;
	/* Twice: the host's arena is used again. */
	for (int i = 0; i < 2; i++) {
		call_init(&c, desc, layout);
		c.out_sizes = out_sizes;
		send(&h, &c);
		check_inputs(&h, &c);
		host_touch(&h);
		host_fill(&h, tensor_bytes);
		assert_int_equal(answer(&h, &c), 0);
		check_outputs(&c, tensor_bytes);
		call_release(&c);
	}
	host_release(&h);
}

static void test_every_op(void **state)
{
	const uint64_t exact[] = {LARGE_TENSOR, LARGE_TENSOR}, roomy[] = {1 << 16, 1 << 16},
		       tight[] = {LARGE_TENSOR - 4, LARGE_TENSOR - 4}, none[] = {0, 0};
	const struct vop_desc *desc;

	(void)state;
	for (size_t i = 0; (desc = vop_at(i)); i++)
		for (int layout = 0; layout < NR_LAYOUTS; layout++) {
			there_and_back(desc, layout, SMALL_TENSOR, NULL);
			there_and_back(desc, layout, LARGE_TENSOR, NULL);
			there_and_back(desc, layout, LARGE_TENSOR, none);
			there_and_back(desc, layout, LARGE_TENSOR, exact);
			there_and_back(desc, layout, SMALL_TENSOR, roomy);
			there_and_back(desc, layout, LARGE_TENSOR, tight);
			there_and_back(desc, layout, 0, roomy);
		}
}

/* Decodes an op's message and tells whether a value is the program's own memory. */
static bool in_place(uint16_t op, unsigned int param, enum layout layout)
{
	struct call c;
	struct host h;
	bool same;

	host_init(&h);
	call_init(&c, vop_find(op), layout);
	send(&h, &c);
	same = h.dec.vals[param].p == c.vals[param].p;
	host_finish(&h);
	call_release(&c);
	host_release(&h);
	return same;
}

static void test_in_place(void **state)
{
	(void)state;
	assert_true(in_place(VACCEL_OP_BLAS_SGEMM, BLAS_SGEMM_a, LARGE));
	assert_true(in_place(VACCEL_OP_BLAS_SGEMM, BLAS_SGEMM_c, LARGE));
	assert_true(in_place(VACCEL_OP_FPGA_ARRAYCOPY, FPGA_ARRAYCOPY_out_a, LARGE));
	assert_true(in_place(VACCEL_OP_IMAGE_CLASSIFY, IMAGE_CLASSIFY_out_text, LARGE));
	assert_true(in_place(VIRTIO_ACCEL_OP_RESOURCE_WRITE, RESOURCE_WRITE_data, LARGE));
	/* inline, scattered, not aligned */
	assert_false(in_place(VACCEL_OP_BLAS_SGEMM, BLAS_SGEMM_a, SMALL));
	assert_false(in_place(VACCEL_OP_BLAS_SGEMM, BLAS_SGEMM_a, SCATTERED));
	assert_false(in_place(VACCEL_OP_BLAS_SGEMM, BLAS_SGEMM_a, UNALIGNED));
	/* parsed, so never */
	assert_false(in_place(VACCEL_OP_IMAGE_CLASSIFY, IMAGE_CLASSIFY_img, LARGE));
	assert_false(in_place(VACCEL_OP_IMAGE_POSE, IMAGE_POSE_img, LARGE));
}

/* What a parser reads must not change under it. */
static void test_parsed_is_private(void **state)
{
	struct call c;
	struct host h;
	uint8_t *img, before;
	struct vaccel_arg *guest, *host;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_IMAGE_CLASSIFY), LARGE);
	send(&h, &c);
	img = c.vals[IMAGE_CLASSIFY_img].p;
	before = img[1];
	img[1] ^= 0xff;
	assert_int_equal(((uint8_t *)h.dec.vals[IMAGE_CLASSIFY_img].p)[1], before);
	host_finish(&h);
	call_release(&c);

	/* Arguments: numbers are the guest's memory, all else is not. */
	call_init(&c, vop_find(VACCEL_OP_EXEC), LARGE);
	send(&h, &c);
	guest = c.vals[EXEC_read].p;
	host = h.dec.vals[EXEC_read].p;
	assert_int_equal(guest[0].type, VACCEL_ARG_FLOAT32_ARRAY);
	assert_ptr_equal(host[0].buf, guest[0].buf);
	assert_int_equal(guest[1].type, VACCEL_ARG_CUSTOM);
	assert_ptr_not_equal(host[1].buf, guest[1].buf);
	host_finish(&h);
	call_release(&c);

	/* The message itself is a private copy of the caller of vop_decode(); inline data leaves it. */
	call_init(&c, vop_find(VACCEL_OP_TF_MODEL_RUN), LARGE);
	send(&h, &c);
	assert_ptr_not_equal(((struct vaccel_tf_buffer *)h.dec.vals[TF_MODEL_RUN_run_options].p)->data,
			     ((struct vaccel_tf_buffer *)c.vals[TF_MODEL_RUN_run_options].p)->data);
	host_finish(&h);
	call_release(&c);
	host_release(&h);
}

/* An output of a parsed argument goes back through the copy. */
static void test_staged_output_goes_back(void **state)
{
	struct call c;
	struct host h;
	struct vaccel_arg *arg;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_OPENCV), LARGE);
	send(&h, &c);
	arg = (struct vaccel_arg *)h.dec.vals[OPENCV_write].p + 1;
	memset(arg->buf, 0x5a, arg->size);
	arg = (struct vaccel_arg *)c.vals[OPENCV_write].p + 1;
	assert_int_not_equal(((uint8_t *)arg->buf)[0], 0x5a);
	assert_int_equal(answer(&h, &c), 0);
	assert_int_equal(((uint8_t *)arg->buf)[0], 0x5a);
	assert_int_equal(((uint8_t *)arg->buf)[arg->size - 1], 0x5a);
	call_release(&c);
	host_release(&h);
}

/* What the plugin did not write is 0 or as it was, and nothing of the host's. */
static void test_unwritten_outputs(void **state)
{
	static const struct {
		enum layout layout;
		bool kept; /* the plugin works on the program's memory itself */
	} cases[] = {{SMALL, false}, {LARGE, true}, {SCATTERED, false}, {UNALIGNED, false}};
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	h.arena.retain = 1 << 20;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *out, *before;
		uint64_t bytes;

		/* Leaves something in the host's memory. */
		call_init(&c, vop_find(VACCEL_OP_FPGA_ARRAYCOPY), cases[i].layout);
		send(&h, &c);
		host_fill(&h, 0);
		assert_int_equal(answer(&h, &c), 0);
		call_release(&c);

		call_init(&c, vop_find(VACCEL_OP_FPGA_ARRAYCOPY), cases[i].layout);
		vop_length(c.desc, FPGA_ARRAYCOPY_out_a, c.vals, &bytes);
		out = c.vals[FPGA_ARRAYCOPY_out_a].p;
		before = malloc(bytes);
		memcpy(before, out, bytes);
		send(&h, &c);
		assert_int_equal(answer(&h, &c), 0);
		if (!cases[i].kept)
			memset(before, 0, bytes);
		assert_memory_equal(out, before, bytes);
		free(before);
		call_release(&c);
	}
	host_release(&h);
}

static void test_null(void **state)
{
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);

	/* Nullable outputs, with and without a length */
	for (int length = 0; length < 2; length++) {
		call_init(&c, vop_find(VACCEL_OP_IMAGE_CLASSIFY), SMALL);
		c.vals[IMAGE_CLASSIFY_out_imgname].p = NULL;
		if (!length)
			c.vals[IMAGE_CLASSIFY_len_out_imgname].i = 0;
		send(&h, &c);
		assert_null(h.dec.vals[IMAGE_CLASSIFY_out_imgname].p);
		assert_non_null(h.dec.vals[IMAGE_CLASSIFY_out_text].p);
		assert_int_equal(h.dec.vals[IMAGE_CLASSIFY_len_out_imgname].i,
				 c.vals[IMAGE_CLASSIFY_len_out_imgname].i);
		assert_int_equal(answer(&h, &c), 0);
		call_release(&c);
	}

	/* Buffers that must be there: the guest's side says so */
	call_init(&c, vop_find(VACCEL_OP_IMAGE_CLASSIFY), SMALL);
	c.vals[IMAGE_CLASSIFY_img].p = NULL;
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	c.vals[IMAGE_CLASSIFY_len_img].i = 0; /* nothing to read */
	send(&h, &c);
	assert_null(h.dec.vals[IMAGE_CLASSIFY_img].p);
	assert_int_equal(answer(&h, &c), 0);
	call_release(&c);

	call_init(&c, vop_find(VACCEL_OP_TF_MODEL_RUN), SMALL);
	/* No options, no status */
	c.vals[TF_MODEL_RUN_run_options].p = NULL;
	c.vals[TF_MODEL_RUN_status].p = NULL;
	send(&h, &c);
	assert_null(h.dec.vals[TF_MODEL_RUN_run_options].p);
	/* The plugin gets a status to write to all the same */
	assert_non_null(h.dec.vals[TF_MODEL_RUN_status].p);
	host_fill(&h, SMALL_TENSOR);
	assert_int_equal(answer(&h, &c), 0);
	call_drop_outputs(&c);

	/* Nothing in, nothing out: pointers are not looked at */
	c.vals[TF_MODEL_RUN_nr_inputs].i = c.vals[TF_MODEL_RUN_nr_outputs].i = 0;
	c.vals[TF_MODEL_RUN_in_nodes].p = c.vals[TF_MODEL_RUN_in_tensors].p = NULL;
	c.vals[TF_MODEL_RUN_out_nodes].p = c.vals[TF_MODEL_RUN_out_tensors].p = NULL;
	send(&h, &c);
	assert_int_equal(answer(&h, &c), 0);
	c.vals[TF_MODEL_RUN_nr_outputs].i = 1;
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	c.vals[TF_MODEL_RUN_nr_outputs].i = -1;
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	call_release(&c);
	host_release(&h);
}

/* Outputs that the plugin did not make, or made of nothing */
static void test_missing_outputs(void **state)
{
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_TORCH_MODEL_RUN), SMALL);
	send(&h, &c);
	assert_int_equal(answer(&h, &c), 0);
	assert_null(((void **)c.vals[TORCH_MODEL_RUN_outputs].p)[0]);
	assert_null(((void **)c.vals[TORCH_MODEL_RUN_outputs].p)[1]);
	call_release(&c);
	host_release(&h);
}

static int run_torch(struct host *h, struct call *c, uint64_t tensor_bytes, uint32_t cap)
{
	uint8_t *reply = malloc(cap);
	uint32_t len;
	int ret;

	assert_int_equal(call_encode(c), 0);
	host_map(h, c);
	assert_int_equal(host_decode(h, c->e.msg, c->e.msg_len, cap), 0);
	host_fill(h, tensor_bytes);
	ret = vop_encode_reply(&h->dec, reply, cap, &len);
	assert_true(len <= cap);
	host_finish(h);
	free(reply);
	return ret;
}

/* Kept or not: what the device can do with an output of unknown size */
static void test_where_outputs_go(void **state)
{
	const uint64_t sizes[] = {LARGE_TENSOR, LARGE_TENSOR};
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_TORCH_MODEL_RUN), SMALL);

	assert_int_equal(run_torch(&h, &c, SMALL_TENSOR, (uint32_t)c.e.reply_room + 4096), 0);
	assert_int_equal(h.nr_kept, 0); /* inline */
	assert_int_equal(run_torch(&h, &c, LARGE_TENSOR, 1 << 16), 0);
	assert_int_equal(h.nr_kept, 2);
	c.out_sizes = sizes;
	assert_int_equal(run_torch(&h, &c, LARGE_TENSOR, 1 << 16), 0);
	assert_int_equal(h.nr_kept, 2); /* in the prepared segments */
	/* larger than predicted */
	assert_int_equal(run_torch(&h, &c, LARGE_TENSOR + 4, 1 << 16), 0);
	assert_int_equal(h.nr_kept, 4);
	/* An output that gets lost is a failure, not a success without it. */
	h.cannot_keep = true;
	assert_int_equal(run_torch(&h, &c, LARGE_TENSOR + 4, 1 << 16), VACCEL_ENOMEM);
	call_release(&c);
	host_release(&h);
}

/* A plugin's mistakes, and what it is free to do */
static void test_plugins_tensors(void **state)
{
	int64_t dims[VOP_MAX_DIMS + 1] = {0};
	struct vaccel_torch_tensor odd = {.nr_dims = VOP_MAX_DIMS + 1, .dims = dims}, *copy, **out;
	struct call c;
	struct host h;
	uint8_t reply[4096] __attribute__((aligned(8))), data[3000];
	uint32_t len;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_TORCH_MODEL_RUN), SMALL);

	/* More dimensions than there can be: no output, and the op has failed. */
	assert_int_equal(call_encode(&c), 0);
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, sizeof(reply)), 0);
	out = h.dec.vals[TORCH_MODEL_RUN_outputs].p;
	out[0] = &odd;
	assert_int_equal(vop_encode_reply(&h.dec, reply, sizeof(reply), &len), VACCEL_EBACKEND);
	out[0] = NULL;
	host_finish(&h);
	assert_int_equal(vop_decode_reply(&c.e, c.desc, c.vals, reply, len, NULL), 0);
	assert_null(((void **)c.vals[TORCH_MODEL_RUN_outputs].p)[0]);

	/* Memory that is not the tensor's own: a copy of it is kept. */
	assert_int_equal(call_encode(&c), 0);
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, 600), 0);
	out = h.dec.vals[TORCH_MODEL_RUN_outputs].p;
	dims[0] = sizeof(data);
	vaccel_torch_tensor_new(&copy, 1, dims, VACCEL_TORCH_BYTE);
	memset(data, 0x3c, sizeof(data));
	vaccel_torch_tensor_set_data(copy, data, sizeof(data));
	out[0] = copy;
	assert_int_equal(vop_encode_reply(&h.dec, reply, 600, &len), 0);
	host_finish(&h);
	assert_int_equal(h.nr_kept, 1);
	assert_int_equal(h.kept_size[0], sizeof(data));
	assert_memory_equal(h.kept[0], data, sizeof(data));
	call_release(&c);
	host_release(&h);
}

/* What the program itself gets wrong */
static void test_bad_values(void **state)
{
	struct call c;
	struct vaccel_arg *args;

	(void)state;
	call_init(&c, vop_find(VACCEL_OP_EXEC), SMALL);
	args = c.vals[EXEC_read].p;
	args[1].buf = NULL; /* but a size */
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	call_release(&c);

	call_init(&c, vop_find(VACCEL_OP_TORCH_MODEL_RUN), SMALL);
	((void **)c.vals[TORCH_MODEL_RUN_inputs].p)[1] = NULL;
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	call_release(&c);

	call_init(&c, vop_find(VACCEL_OP_TFLITE_MODEL_RUN), SMALL);
	c.vals[TFLITE_MODEL_RUN_nr_outputs].i = 100000; /* more than a message can hold */
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	c.vals[TFLITE_MODEL_RUN_nr_outputs].i = 2;
	call_release(&c);

	call_init(&c, vop_find(VIRTIO_ACCEL_OP_RESOURCE_READ), SMALL);
	c.vals[RESOURCE_READ_len].i = -1;
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	c.vals[RESOURCE_READ_len].i = 0;
	call_release(&c);
}

/* Small outputs stay within the reply's room: the rest is kept. */
static void test_reply_room_is_shared(void **state)
{
	struct call c;
	struct host h;
	uint32_t room;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_TFLITE_MODEL_RUN), SMALL);
	assert_int_equal(call_encode(&c), 0);
	room = (uint32_t)c.e.reply_room - 2 * VOP_OUTPUT_MAX; /* what has to be there */
	assert_int_equal(run_torch(&h, &c, 400, room), 0);
	assert_int_equal(h.nr_kept, 2);
	assert_int_equal(run_torch(&h, &c, 400, room + 400), 0);
	assert_int_equal(h.nr_kept, 3);
	assert_int_equal(run_torch(&h, &c, 400, room + 800), 0);
	assert_int_equal(h.nr_kept, 3);
	/* Below that the message is refused before anything runs. */
	assert_int_equal(call_encode(&c), 0);
	host_map(&h, &c);
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, room - 1), VACCEL_EINVAL);
	host_finish(&h);
	call_release(&c);
	host_release(&h);
}

/* Of an inference that fails, a reply has sizes only; who says that it succeeded is not believed. */
static void test_missing_inference(void **state)
{
	struct vaccel_infer_tensor *out;
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_INFER_RUN), LARGE);
	out = c.vals[INFER_RUN_outputs].p;
	send(&h, &c);
	host_fill(&h, 100);
	assert_int_equal(answer(&h, &c), 0);
	assert_false(c.e.incomplete);
	call_drop_outputs(&c);

	send(&h, &c);
	((struct vaccel_infer_tensor *)h.dec.vals[INFER_RUN_outputs].p)->size = out[0].room + 1;
	assert_int_equal(answer(&h, &c), 0);
	assert_true(c.e.incomplete);
	assert_int_equal(out[0].size, out[0].room + 1);
	assert_null(out[1].data);
	vop_drop_outputs(&c.e, c.desc, c.vals);
	assert_int_equal(out[0].size, out[0].room + 1);
	call_release(&c);
	host_release(&h);
}

static void test_status_texts(void **state)
{
	static const uint32_t lengths[] = {0, 1, 7, 8, VOP_MAX_STATUS_TEXT - 1, VOP_MAX_STATUS_TEXT,
					   4 * VOP_MAX_STATUS_TEXT};
	struct vaccel_tf_status *status;
	char text[4 * VOP_MAX_STATUS_TEXT + 1];
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(text, 'x', lengths[i]);
		text[lengths[i]] = '\0';
		call_init(&c, vop_find(VACCEL_OP_TF_MODEL_LOAD), SMALL);
		send(&h, &c);
		vaccel_tf_status_init(h.dec.vals[TF_MODEL_LOAD_status].p, 250, text);
		assert_int_equal(answer(&h, &c), 0);
		status = c.vals[TF_MODEL_LOAD_status].p;
		assert_int_equal(status->code, 250);
		if (lengths[i] >= VOP_MAX_STATUS_TEXT)
			text[VOP_MAX_STATUS_TEXT - 1] = '\0'; /* cut */
		assert_string_equal(status->message, text);
		call_release(&c);
	}
	/* none at all */
	call_init(&c, vop_find(VACCEL_OP_TF_MODEL_LOAD), SMALL);
	send(&h, &c);
	assert_int_equal(answer(&h, &c), 0);
	status = c.vals[TF_MODEL_LOAD_status].p;
	assert_null(status->message);
	call_release(&c);
	host_release(&h);
}

/* Numbers at the ends of their types */
static void test_numbers(void **state)
{
	static const int64_t values[] = {0, 1, -1, INT32_MIN, INT32_MAX, UINT32_MAX, INT64_MAX,
					 INT64_MIN, (int64_t)UINT32_MAX + 1, (int64_t)INT32_MIN - 1};
	static const struct {
		uint16_t op;
		unsigned int param;
		int64_t min, max;
	} numbers[] = {
		{VACCEL_OP_MINMAX, MINMAX_low_threshold, INT32_MIN, INT32_MAX},
		{VIRTIO_ACCEL_OP_SESSION_INIT, SESSION_INIT_flags, 0, UINT32_MAX},
		{VIRTIO_ACCEL_OP_RESOURCE_SYNC, RESOURCE_SYNC_resource, INT64_MIN, INT64_MAX},
		{VIRTIO_ACCEL_OP_OUTPUT_DROP, OUTPUT_DROP_output, 0, INT64_MAX},
	};
	static const float floats[] = {0.0f, -0.0f, 1e-45f, 3.4e38f, INFINITY, -INFINITY};
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		call_init(&c, vop_find(numbers[n].op), SMALL);
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			bool fits = values[i] >= numbers[n].min && values[i] <= numbers[n].max;

			c.vals[numbers[n].param].i = values[i];
			assert_int_equal(call_encode(&c), 0);
			assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, 4096),
					 fits ? VACCEL_OK : VACCEL_EINVAL);
			if (fits)
				assert_int_equal(h.dec.vals[numbers[n].param].i, values[i]);
			host_finish(&h);
		}
		call_release(&c);
	}

	call_init(&c, vop_find(VACCEL_OP_BLAS_SGEMM), SMALL);
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		c.vals[BLAS_SGEMM_alpha].f = floats[i];
		send(&h, &c);
		assert_memory_equal(&h.dec.vals[BLAS_SGEMM_alpha].f, &floats[i], 4);
		host_finish(&h);
	}
	call_release(&c);
	host_release(&h);
}

/* Lengths that an op's numbers give */
static void test_lengths(void **state)
{
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_BLAS_SGEMM), SMALL);
	c.vals[BLAS_SGEMM_lda].i = 1; /* less than a line */
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	c.vals[BLAS_SGEMM_lda].i = INT64_MAX; /* overflows */
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	c.vals[BLAS_SGEMM_m].i = -3;
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	c.vals[BLAS_SGEMM_m].i = 0;
	send(&h, &c);
	assert_int_equal(answer(&h, &c), 0);
	call_release(&c);

	call_init(&c, vop_find(VACCEL_OP_EXEC), SMALL);
	c.vals[EXEC_nr_read].i = INT64_MAX;
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	call_release(&c);

	/* More than the device takes */
	call_init(&c, vop_find(VIRTIO_ACCEL_OP_RESOURCE_ADD), SMALL);
	c.vals[RESOURCE_ADD_name].p = malloc(test_info.max_message + 1);
	memset(c.vals[RESOURCE_ADD_name].p, 'n', test_info.max_message);
	((char *)c.vals[RESOURCE_ADD_name].p)[test_info.max_message] = '\0';
	assert_int_equal(call_encode(&c), VACCEL_EINVAL);
	((char *)c.vals[RESOURCE_ADD_name].p)[test_info.max_message - 1000] = '\0';
	send(&h, &c); /* and just what it takes, which outgrows the encoder's own room */
	assert_string_equal(h.dec.vals[RESOURCE_ADD_name].p, c.vals[RESOURCE_ADD_name].p);
	host_finish(&h);
	free(c.vals[RESOURCE_ADD_name].p);
	call_release(&c);
	host_release(&h);
}

/* More large buffers than segments: the rest travels inline, as far as it fits. */
static void test_more_buffers_than_segments(void **state)
{
	enum { NR = 70, SIZE = VOP_INLINE_MAX + 8 };
	struct vaccel_arg args[NR];
	uint8_t *data = calloc(NR, SIZE);
	struct call c;
	struct host h;

	(void)state;
	assert_true(NR > test_info.max_segments);
	for (unsigned int i = 0; i < NR; i++) {
		memset(data + i * SIZE, (int)i, SIZE);
		args[i] = (struct vaccel_arg){
			.buf = data + i * SIZE, .size = SIZE, .type = VACCEL_ARG_UINT8_ARRAY};
	}
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_EXEC), SMALL);
	c.vals[EXEC_read].p = args;
	c.vals[EXEC_nr_read].i = NR;
	send(&h, &c);
	assert_int_equal(c.e.nr_segs, test_info.max_segments);
	for (unsigned int i = 0; i < NR; i++)
		assert_memory_equal(((struct vaccel_arg *)h.dec.vals[EXEC_read].p)[i].buf,
				    args[i].buf, SIZE);
	host_finish(&h);
	call_release(&c);
	host_release(&h);
	free(data);
}

/* Staging memory is the VM's: over the limit the request fails, and nothing stays charged. */
static void test_staging_limit(void **state)
{
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_BLAS_SGEMM), SCATTERED);
	assert_int_equal(call_encode(&c), 0);
	host_map(&h, &c);
	h.limit = 3 * (39 * 41 + 40) * 4;
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, 4096), 0);
	assert_int_equal(h.charged, h.limit);
	host_finish(&h);
	h.limit--;
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, 4096), VACCEL_ENOMEM);
	host_finish(&h);
	call_release(&c);
	host_release(&h);
}

static void test_unknown_resource(void **state)
{
	struct call c;
	struct host h;

	(void)state;
	host_init(&h);
	call_init(&c, vop_find(VACCEL_OP_TORCH_MODEL_LOAD), SMALL);
	c.vals[TORCH_MODEL_LOAD_model].i = RESOURCE_ID + 1;
	assert_int_equal(call_encode(&c), 0);
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, 4096), VACCEL_ENOENT);
	host_finish(&h);
	call_release(&c);
	host_release(&h);
}

/* Tensors as each framework has them */
static void test_tensors(void **state)
{
	(void)state;
	for (int fw = VOP_TF; fw <= VOP_TORCH; fw++) {
		struct vop_tensor t = {.data = calloc(6, 4), .size = 24, .nr_dims = 2, .dims = {2, 3},
				       .data_type = fw == VOP_TORCH ? VACCEL_TORCH_FLOAT : 1},
				  u;
		void *tensor = vop_tensor_new(fw, &t), *data;

		assert_int_equal(vop_tensor_get(fw, tensor, &u), 0);
		assert_int_equal(u.nr_dims, 2);
		assert_int_equal(u.dims[0], 2);
		assert_int_equal(u.dims[1], 3);
		assert_true(vop_tensor_check(fw, &u));
		u.dims[1] = 4;
		assert_false(vop_tensor_check(fw, &u));
		u.dims[1] = -3;
		assert_false(vop_tensor_check(fw, &u));
		u.dims[0] = u.dims[1] = INT64_C(1) << 31;
		assert_false(vop_tensor_check(fw, &u));
		u.data_type = 0x7fffffff; /* not known: nothing to compare with */
		u.dims[0] = u.dims[1] = 3;
		assert_true(vop_tensor_check(fw, &u));

		data = vop_tensor_take(fw, tensor);
		assert_ptr_equal(data, t.data);
		assert_null(vop_tensor_take(fw, tensor)); /* no longer its own */
		free(data);
		vop_tensor_delete(fw, tensor);
		vop_tensor_delete(fw, NULL);
		assert_int_equal(vop_tensor_get(fw, NULL, &u), VACCEL_EINVAL);
	}
}

static void test_arena(void **state)
{
	struct vop_arena a = {.retain = 1 << 20};

	(void)state;
	for (int round = 0; round < 3; round++) {
		uint8_t *last = NULL;

		for (size_t size = 0; size < 70000; size = size * 2 + 1) {
			uint8_t *p = vop_arena_alloc(&a, size);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			memset(p, round, size);
			if (last)
				assert_int_equal(last[0], round);
			if (size)
				last = p;
		}
		vop_arena_reset(&a);
	}
	assert_null(vop_arena_alloc(&a, SIZE_MAX));
	assert_null(vop_arena_alloc(&a, SIZE_MAX - 20));
	vop_arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_op),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_parsed_is_private),
		cmocka_unit_test(test_staged_output_goes_back),
		cmocka_unit_test(test_unwritten_outputs),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_missing_outputs),
		cmocka_unit_test(test_where_outputs_go),
		cmocka_unit_test(test_plugins_tensors),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_reply_room_is_shared),
		cmocka_unit_test(test_missing_inference),
		cmocka_unit_test(test_status_texts),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_more_buffers_than_segments),
		cmocka_unit_test(test_staging_limit),
		cmocka_unit_test(test_unknown_resource),
		cmocka_unit_test(test_tensors),
		cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
