// SPDX-License-Identifier: Apache-2.0
/*
 * The messages and replies of test/vectors, which another program wrote: the guest's encoder makes
 * exactly these bytes, the host's decoder understands them, and the same for the reply.
 */
#include "codec_util.h"
#include "vectors.h"

#include <endian.h>

#include "wire/possession.h"

struct example {
	const char *name;
	uint16_t op;
	int64_t session;
	union vop_val vals[VOP_MAX_PARAMS];
	const uint64_t *out_sizes;
	bool times; /* the reply is to end with the host's */
	void (*plugin)(union vop_val *v);	      /* writes the outputs on the host */
	void (*check)(const union vop_val *v); /* what the guest's program got */
};

static uint8_t pattern_bytes[8192], segment_bytes[8192];

#define I(number) {.i = (number)}
#define F(number) {.f = (number)}
#define P(address) {.p = (void *)(address)}

static bool is_pattern(const void *data, size_t size)
{
	return !memcmp(data, pattern_bytes, size);
}

/* ---- Operations on the device's objects -------------------------------------------------- */

static int64_t id;

static void new_session(union vop_val *v)
{
	*(int64_t *)v[SESSION_INIT_id].p = 0x100000001;
}

static void is_new_session(const union vop_val *v)
{
	assert_int_equal(*(int64_t *)v[SESSION_INIT_id].p, 0x100000001);
}

static uint64_t calls[3], times[3];

static void profile(union vop_val *v)
{
	((uint64_t *)v[SESSION_PROFILE_calls].p)[1] = 2;
	((uint64_t *)v[SESSION_PROFILE_times].p)[1] = 3000000;
}

static void is_profile(const union vop_val *v)
{
	(void)v;
	assert_int_equal(calls[0] + calls[2] + times[0] + times[2], 0);
	assert_int_equal(calls[1], 2);
	assert_int_equal(times[1], 3000000);
}

static void new_plugin_session(union vop_val *v)
{
	assert_string_equal(v[SESSION_INIT_PLUGIN_name].p, "onnx");
	*(int64_t *)v[SESSION_INIT_PLUGIN_id].p = 0x100000001;
}

static void is_new_plugin_session(const union vop_val *v)
{
	assert_int_equal(*(int64_t *)v[SESSION_INIT_PLUGIN_id].p, 0x100000001);
}

static uint64_t clock_now;

static void tell_time(union vop_val *v)
{
	*(uint64_t *)v[SESSION_CLOCK_now].p = 0x123456789;
}

static void is_time(const union vop_val *v)
{
	(void)v;
	assert_int_equal(clock_now, 0x123456789);
}

static struct virtio_accel_plugin listed;
static uint64_t nr_listed;

static void list_plugins(union vop_val *v)
{
	const struct virtio_accel_plugin p = {.name = "onnx", .version = "0.8.0",
					      .engine = "ONNX Runtime", .type = htole32(3),
					      .ops = htole64(0xf8)};

	memcpy(v[PLUGIN_LIST_plugins].p, &p, sizeof(p));
	*(uint64_t *)v[PLUGIN_LIST_nr].p = 2;
}

static void is_plugin_list(const union vop_val *v)
{
	(void)v;
	assert_int_equal(sizeof(listed), 256);
	assert_int_equal(nr_listed, 2);
	assert_string_equal((char *)listed.name, "onnx");
	assert_int_equal(le64toh(listed.ops), 0xf8);
}

static void new_resource(union vop_val *v)
{
	*(int64_t *)v[RESOURCE_CREATE_id].p = 0x100000002;
}

static void is_new_resource(const union vop_val *v)
{
	assert_int_equal(*(int64_t *)v[RESOURCE_CREATE_id].p, 0x100000002);
}

static void read_resource(union vop_val *v)
{
	memcpy(v[RESOURCE_READ_data].p, pattern_bytes, (size_t)v[RESOURCE_READ_len].i);
}

static void make_key(union vop_val *v)
{
	memcpy(v[RESOURCE_CHALLENGE_key].p, pattern_bytes, POSSESSION_KEY_SIZE);
}

static void is_key(const union vop_val *v)
{
	assert_true(is_pattern(v[RESOURCE_CHALLENGE_key].p, POSSESSION_KEY_SIZE));
}

static uint8_t key[POSSESSION_KEY_SIZE], tag[POSSESSION_TAG_SIZE];

/* The tag of the example's content, as this project makes it */
static void make_tag(void)
{
	struct possession *p = possession_begin(pattern_bytes);

	assert_non_null(p);
	assert_true(possession_add(p, pattern_bytes, 1));
	assert_true(possession_add(p, pattern_bytes + 1, 99));
	assert_true(possession_end(p, tag));
}

static void is_read(const union vop_val *v)
{
	assert_true(is_pattern(v[RESOURCE_READ_data].p, 5));
}

static void fetch_output(union vop_val *v)
{
	memcpy(v[OUTPUT_FETCH_data].p, pattern_bytes, (size_t)v[OUTPUT_FETCH_len].i);
}

static void is_fetched(const union vop_val *v)
{
	assert_true(is_pattern(v[OUTPUT_FETCH_data].p, 4100));
}

/* ---- sgemm ---------------------------------------------------------------------------------- */

static float ab[] = {1, 2, 3, 4, 5, 6}, c_matrix[4];

static void sgemm(union vop_val *v)
{
	const float *a = v[BLAS_SGEMM_a].p, *b = v[BLAS_SGEMM_b].p;
	float *c = v[BLAS_SGEMM_c].p;

	for (int row = 0; row < 2; row++)
		for (int col = 0; col < 2; col++) {
			float sum = 0;

			for (int k = 0; k < 3; k++)
				sum += a[row * 3 + k] * b[k * 2 + col];
			c[row * 2 + col] = v[BLAS_SGEMM_alpha].f * sum +
					   v[BLAS_SGEMM_beta].f * c[row * 2 + col];
		}
}

static void is_product(const union vop_val *v)
{
	const float want[] = {27, 38, 64, 84};

	assert_memory_equal(v[BLAS_SGEMM_c].p, want, sizeof(want));
}

/* ---- Image classification ------------------------------------------------------------------- */

static char text[20];

static void classify(union vop_val *v)
{
	strcpy(v[IMAGE_CLASSIFY_out_text].p, "circle");
	if (v[IMAGE_CLASSIFY_out_imgname].p)
		memcpy(v[IMAGE_CLASSIFY_out_imgname].p, pattern_bytes,
		       (size_t)v[IMAGE_CLASSIFY_len_out_imgname].i);
}

static void is_classified(const union vop_val *v)
{
	assert_string_equal(v[IMAGE_CLASSIFY_out_text].p, "circle");
	if (v[IMAGE_CLASSIFY_out_imgname].p)
		assert_true(is_pattern(v[IMAGE_CLASSIFY_out_imgname].p, 8192));
}

/* ---- exec ----------------------------------------------------------------------------------- */

static int32_t ten = -10, result;
static float many[1100];
static struct vaccel_arg read_args[] = {
	{.buf = &ten, .size = 4, .type = VACCEL_ARG_INT32},
	{.buf = "blue", .size = 5, .type = VACCEL_ARG_STRING},
	{.buf = many, .size = sizeof(many), .type = VACCEL_ARG_FLOAT32_ARRAY},
};
static struct vaccel_arg write_args[] = {
	{.buf = &result, .size = 4, .type = VACCEL_ARG_INT32},
	{.type = VACCEL_ARG_CUSTOM, .custom_type_id = 77},
};

static void exec(union vop_val *v)
{
	struct vaccel_arg *args = v[EXEC_write].p;

	*(int32_t *)args[0].buf = 1234;
}

static void is_executed(const union vop_val *v)
{
	(void)v;
	assert_int_equal(result, 1234);
}

/* ---- Tensors -------------------------------------------------------------------------------- */

static float tf_in[] = {0.5f, 1, -2, 4};
static const float tf_out[] = {0.25f, 0.75f};
static int64_t tf_dims[] = {1, 4};
static struct vaccel_tf_tensor tf_tensor = {
	.data = tf_in, .size = sizeof(tf_in), .nr_dims = 2, .dims = tf_dims,
	.data_type = VACCEL_TF_FLOAT};
static struct vaccel_tf_tensor *tf_tensors[] = {&tf_tensor};
static const struct vaccel_tf_node tf_in_node = {(char *)"serving_default_x", 0},
				   tf_out_node = {(char *)"StatefulPartitionedCall", -1};
static struct vaccel_tf_status tf_status;

static void tf_run(union vop_val *v)
{
	struct vaccel_tf_tensor **out = v[TF_MODEL_RUN_out_tensors].p;
	const int64_t dims[] = {1, 2};

	vaccel_tf_tensor_allocate(out, 2, dims, VACCEL_TF_FLOAT, sizeof(tf_out));
	memcpy(out[0]->data, tf_out, sizeof(tf_out));
	vaccel_tf_status_init(v[TF_MODEL_RUN_status].p, 0, "OK");
}

static void is_tf_run(const union vop_val *v)
{
	struct vaccel_tf_tensor **out = v[TF_MODEL_RUN_out_tensors].p;

	assert_int_equal(out[0]->nr_dims, 2);
	assert_int_equal(out[0]->dims[0], 1);
	assert_int_equal(out[0]->dims[1], 2);
	assert_int_equal(out[0]->data_type, VACCEL_TF_FLOAT);
	assert_int_equal(out[0]->size, sizeof(tf_out));
	assert_memory_equal(out[0]->data, tf_out, sizeof(tf_out));
	assert_string_equal(tf_status.message, "OK");
	vaccel_tf_tensor_delete(out[0]);
	vaccel_tf_status_release(&tf_status);
}

static int32_t tflite_dims[] = {5, 1000};
static struct vaccel_tflite_tensor tflite_tensor = {
	.data = segment_bytes, .size = 5000, .nr_dims = 2, .dims = tflite_dims,
	.data_type = VACCEL_TFLITE_UINT8};
static struct vaccel_tflite_tensor *tflite_tensors[] = {&tflite_tensor};
static const uint64_t tflite_sizes[] = {6000, 0, 0};
static uint8_t tflite_status;

static void tflite_run(union vop_val *v)
{
	struct vaccel_tflite_tensor **out = v[TFLITE_MODEL_RUN_outputs].p;
	const int32_t one[] = {5500}, two[] = {2, 4500};

	vaccel_tflite_tensor_allocate(&out[0], 1, one, VACCEL_TFLITE_UINT8, 5500);
	vaccel_tflite_tensor_allocate(&out[1], 2, two, VACCEL_TFLITE_UINT8, 9000);
	memcpy(out[0]->data, pattern_bytes, 5500);
	memset(out[1]->data, 0xab, 9000);
	*(uint8_t *)v[TFLITE_MODEL_RUN_status].p = 0;
}

static void is_tflite_run(const union vop_val *v)
{
	struct vaccel_tflite_tensor **out = v[TFLITE_MODEL_RUN_outputs].p;

	assert_int_equal(out[0]->size, 5500);
	assert_true(is_pattern(out[0]->data, 5500));
	assert_int_equal(out[1]->size, 9000);
	assert_int_equal(out[1]->dims[1], 4500);
	assert_int_equal(((uint8_t *)out[1]->data)[8999], 0xab);
	assert_null(out[2]);
	assert_int_equal(tflite_status, 0);
	vaccel_tflite_tensor_delete(out[0]);
	vaccel_tflite_tensor_delete(out[1]);
}

static int64_t torch_in[] = {-1, INT64_C(1) << 40}, torch_dims[] = {2};
static struct vaccel_torch_tensor torch_tensor = {
	.data = torch_in, .size = sizeof(torch_in), .nr_dims = 1, .dims = torch_dims,
	.data_type = VACCEL_TORCH_LONG};
static struct vaccel_torch_tensor *torch_tensors[] = {&torch_tensor};
static const struct vaccel_torch_buffer torch_options = {(char *)"options", 7};

static void torch_run(union vop_val *v)
{
	struct vaccel_torch_tensor **in = v[TORCH_MODEL_RUN_inputs].p;
	struct vaccel_torch_tensor **out = v[TORCH_MODEL_RUN_outputs].p;
	const int64_t *x = in[0]->data, dims[] = {1, 1};

	vaccel_torch_tensor_allocate(out, 2, dims, VACCEL_TORCH_LONG, 8);
	*(int64_t *)out[0]->data = x[0] + x[1];
}

static void is_torch_run(const union vop_val *v)
{
	struct vaccel_torch_tensor **out = v[TORCH_MODEL_RUN_outputs].p;

	assert_int_equal(*(int64_t *)out[0]->data, (INT64_C(1) << 40) - 1);
	vaccel_torch_tensor_delete(out[0]);
}

static struct vaccel_infer_model infer_model;
static struct vaccel_infer_desc infer_desc;

static void infer_describe(union vop_val *v)
{
	struct vaccel_infer_model *info = v[INFER_METADATA_info].p;
	struct vaccel_infer_desc *d = v[INFER_METADATA_descs].p;

	assert_int_equal(v[INFER_METADATA_nr].i, 1);
	strcpy(info->name, "shapes.onnx");
	strcpy(info->version, "1");
	strcpy(info->platform, "onnx_onnxv1");
	info->nr_inputs = info->nr_outputs = 1;
	strcpy(d->name, "x");
	d->datatype = VACCEL_INFER_FP32;
	d->nr_dims = 2;
	d->shape[0] = -1;
	d->shape[1] = 3;
}

static void is_described(const union vop_val *v)
{
	(void)v;
	assert_string_equal(infer_model.platform, "onnx_onnxv1");
	assert_int_equal(infer_model.nr_outputs, 1);
	assert_string_equal(infer_desc.name, "x");
	assert_int_equal(infer_desc.shape[0], -1);
	assert_int_equal(infer_desc.shape[1], 3);
}

static float infer_x[] = {0.5f, -2};
static int64_t infer_y;
static struct vaccel_infer_tensor infer_in[] = {
	{.name = "x", .datatype = VACCEL_INFER_FP32, .nr_dims = 2, .shape = {1, 2}, .data = infer_x,
	 .size = sizeof(infer_x)},
	{.datatype = VACCEL_INFER_UINT8, .nr_dims = 1, .shape = {5000}, .data = pattern_bytes, .size = 5000},
};
static struct vaccel_infer_tensor infer_out[] = {
	{.name = "y", .data = &infer_y, .room = sizeof(infer_y)},
	{.name = "z", .data = segment_bytes, .room = 6000},
	{.name = NULL},
};

static void infer_run(union vop_val *v)
{
	struct vaccel_infer_tensor *out = v[INFER_RUN_outputs].p;
	static uint8_t infer_kept[9000];
	int64_t minus = -1;

	memset(infer_kept, 0xab, sizeof(infer_kept));
	assert_null(((struct vaccel_infer_tensor *)v[INFER_RUN_inputs].p)[1].name);
	assert_null(out[2].name);
	assert_int_equal(vaccel_infer_output(&out[0], &(struct vaccel_infer_tensor){
		.datatype = VACCEL_INFER_INT64, .data = &minus, .size = sizeof(minus)}), 0);
	assert_int_equal(vaccel_infer_output(&out[1], &(struct vaccel_infer_tensor){
		.datatype = VACCEL_INFER_UINT8, .nr_dims = 2, .shape = {2, 2750}, .data = pattern_bytes,
		.size = 5500}), 0);
	assert_int_equal(vaccel_infer_output(&out[2], &(struct vaccel_infer_tensor){
		.datatype = VACCEL_INFER_UINT8, .nr_dims = 1, .shape = {9000},
		.data = infer_kept, .size = 9000}), 0);
}

static void is_infer_run(const union vop_val *v)
{
	(void)v;
	assert_int_equal(infer_y, -1);
	assert_int_equal(infer_out[0].nr_dims, 0);
	assert_int_equal(infer_out[1].size, 5500);
	assert_int_equal(infer_out[1].shape[1], 2750);
	assert_true(is_pattern(segment_bytes, 5500));
	assert_int_equal(segment_bytes[5500], 0x77);
	assert_true(infer_out[2].owned);
	assert_int_equal(infer_out[2].size, 9000);
	assert_int_equal(((uint8_t *)infer_out[2].data)[8999], 0xab);
	assert_int_equal(vaccel_infer_tensor_release(&infer_out[2]), 0);
}

static struct vaccel_text_params text_params = {
	.seed = 42, .max_tokens = 100, .top_k = 40, .temperature = 0.5f, .top_p = 0.875f,
	.stop = {"\n\n", "\xe2\x82\xac"},
};
static char long_content[5000];
static struct vaccel_text_message chat[] = {
	{"system", "Say it briefly."},
	{"user", long_content},
};
static struct vaccel_text_message prompt[] = {{NULL, "Once upon"}};
static uint64_t text_id;

static void text_begin(union vop_val *v)
{
	const struct vaccel_text_params *params = v[TEXT_BEGIN_params].p;
	const struct vaccel_text_message *messages = v[TEXT_BEGIN_messages].p;
	const bool is_chat = v[TEXT_BEGIN_nr_messages].i == 2;

	assert_int_equal(!params, !is_chat);
	if (params)
		assert_memory_equal(params, &text_params, sizeof(text_params));
	if (is_chat) {
		assert_string_equal(messages[1].role, "user");
		assert_string_equal(messages[1].content, long_content);
	} else {
		assert_null(messages[0].role);
		assert_string_equal(messages[0].content, "Once upon");
	}
	*(uint64_t *)v[TEXT_BEGIN_id].p = is_chat ? 17 : 18;
}

static void is_begun(const union vop_val *v)
{
	assert_int_equal(text_id, v[TEXT_BEGIN_nr_messages].i == 2 ? 17 : 18);
}

static char text_buf[12];
static struct vaccel_text_status text_status;

static void text_next(union vop_val *v)
{
	memcpy(v[TEXT_NEXT_buf].p, "5 \xe2\x82\xac", 5);
	*(struct vaccel_text_status *)v[TEXT_NEXT_status].p = (struct vaccel_text_status){
		.len = 5, .finished = VACCEL_TEXT_FINISHED_LENGTH, .prompt_tokens = 7, .tokens = 100};
}

static void is_next(const union vop_val *v)
{
	(void)v;
	assert_memory_equal(text_buf, "5 \xe2\x82\xac", 6);
	assert_int_equal(text_status.len, 5);
	assert_int_equal(text_status.finished, VACCEL_TEXT_FINISHED_LENGTH);
	assert_int_equal(text_status.prompt_tokens, 7);
	assert_int_equal(text_status.tokens, 100);
}

static float embedding[4];
static uint64_t nr_floats;

static void text_embed(union vop_val *v)
{
	float *out = v[TEXT_EMBED_out].p;

	assert_string_equal(v[TEXT_EMBED_text].p, "hallo");
	out[0] = 0.5f;
	out[1] = -2;
	*(uint64_t *)v[TEXT_EMBED_nr].p = 2;
}

static void is_embedded(const union vop_val *v)
{
	(void)v;
	assert_true(embedding[0] == 0.5f && embedding[1] == -2 && nr_floats == 2);
}

static double minmax_in[] = {1.5, -2.25}, minmax_out[2], smallest, largest;

static void minmax(union vop_val *v)
{
	memcpy(v[MINMAX_outdata].p, v[MINMAX_indata].p, sizeof(minmax_in));
	*(double *)v[MINMAX_min].p = -2.25;
	*(double *)v[MINMAX_max].p = 1.5;
}

static void is_minmax(const union vop_val *v)
{
	(void)v;
	assert_memory_equal(minmax_in, minmax_out, sizeof(minmax_in));
	assert_true(smallest == -2.25);
	assert_true(largest == 1.5);
}

static void *outputs[3];

static const struct vop_times host_times = {0x123450000, 0x123450100, 0x123450200, 0x123450300};

static struct example examples[] = {
	{.name = "session-init", .op = VIRTIO_ACCEL_OP_SESSION_INIT, .vals = {I(4), P(&id)},
	 .plugin = new_session, .check = is_new_session},
	{.name = "session-update", .op = VIRTIO_ACCEL_OP_SESSION_UPDATE, .session = 7,
	 .vals = {I(0x104)}},
	{.name = "session-release", .op = VIRTIO_ACCEL_OP_SESSION_RELEASE, .session = 7},
	{.name = "session-profile", .op = VIRTIO_ACCEL_OP_SESSION_PROFILE, .session = 7,
	 .vals = {I(3), P(calls), P(times)}, .plugin = profile, .check = is_profile},
	{.name = "session-init-plugin", .op = VIRTIO_ACCEL_OP_SESSION_INIT_PLUGIN,
	 .vals = {P("onnx"), P(&id)}, .plugin = new_plugin_session, .check = is_new_plugin_session},
	{.name = "plugin-list", .op = VIRTIO_ACCEL_OP_PLUGIN_LIST, .session = 7,
	 .vals = {P(&listed), I(256), P(&nr_listed)}, .plugin = list_plugins,
	 .check = is_plugin_list},
	{.name = "session-clock", .op = VIRTIO_ACCEL_OP_SESSION_CLOCK, .session = 7,
	 .vals = {P(&clock_now)}, .plugin = tell_time, .check = is_time},
	{.name = "times", .op = VIRTIO_ACCEL_OP_SESSION_CLOCK, .session = 7,
	 .vals = {P(&clock_now)}, .times = true, .plugin = tell_time, .check = is_time},
	{.name = "resource-create", .op = VIRTIO_ACCEL_OP_RESOURCE_CREATE,
	 .vals = {I(VACCEL_RESOURCE_MODEL), I(VACCEL_PATH_LOCAL_FILE), P(&id)},
	 .plugin = new_resource, .check = is_new_resource},
	{.name = "resource-add", .op = VIRTIO_ACCEL_OP_RESOURCE_ADD,
	 .vals = {I(RESOURCE_ID), I(VACCEL_BLOB_FILE), I(INT64_C(5) << 30), P("weights/model.onnx")}},
	{.name = "resource-write", .op = VIRTIO_ACCEL_OP_RESOURCE_WRITE,
	 .vals = {I(RESOURCE_ID), I(0), I(INT64_C(1) << 32), P(segment_bytes), I(6000)}},
	{.name = "resource-read", .op = VIRTIO_ACCEL_OP_RESOURCE_READ,
	 .vals = {I(RESOURCE_ID), I(1), I(0), P(text), I(5)},
	 .plugin = read_resource, .check = is_read},
	{.name = "resource-register", .op = VIRTIO_ACCEL_OP_RESOURCE_REGISTER, .session = 7,
	 .vals = {I(RESOURCE_ID)}},
	{.name = "resource-unregister", .op = VIRTIO_ACCEL_OP_RESOURCE_UNREGISTER, .session = 7,
	 .vals = {I(RESOURCE_ID)}},
	{.name = "resource-sync", .op = VIRTIO_ACCEL_OP_RESOURCE_SYNC, .session = 7,
	 .vals = {I(RESOURCE_ID)}},
	{.name = "resource-destroy", .op = VIRTIO_ACCEL_OP_RESOURCE_DESTROY,
	 .vals = {I(RESOURCE_ID)}},
	{.name = "resource-challenge", .op = VIRTIO_ACCEL_OP_RESOURCE_CHALLENGE,
	 .vals = {I(RESOURCE_ID), I(1), P(key)}, .plugin = make_key, .check = is_key},
	{.name = "resource-claim", .op = VIRTIO_ACCEL_OP_RESOURCE_CLAIM,
	 .vals = {I(RESOURCE_ID), I(1), P(tag)}},
	{.name = "output-fetch", .op = VIRTIO_ACCEL_OP_OUTPUT_FETCH, .session = 7,
	 .vals = {I(5), I(8192), P(segment_bytes), I(4100)},
	 .plugin = fetch_output, .check = is_fetched},
	{.name = "output-drop", .op = VIRTIO_ACCEL_OP_OUTPUT_DROP, .session = 7, .vals = {I(5)}},

	{.name = "noop", .op = VACCEL_OP_NOOP, .session = 7},
	{.name = "blas-sgemm", .op = VACCEL_OP_BLAS_SGEMM, .session = 7,
	 .vals = {I(2), I(2), I(3), F(1.0f), P(ab), I(3), P(ab), I(2), F(0.5f), P(c_matrix), I(2)},
	 .plugin = sgemm, .check = is_product},
	{.name = "image-classify", .op = VACCEL_OP_IMAGE_CLASSIFY, .session = 7,
	 .vals = {P(pattern_bytes), P(text), P(NULL), I(11), I(20), I(0)},
	 .plugin = classify, .check = is_classified},
	{.name = "image-classify-segments", .op = VACCEL_OP_IMAGE_CLASSIFY, .session = 7,
	 .vals = {P(pattern_bytes), P(text), P(segment_bytes), I(5000), I(20), I(8192)},
	 .plugin = classify, .check = is_classified},
	{.name = "exec", .op = VACCEL_OP_EXEC, .session = 7,
	 .vals = {P("libmytestlib.so"), P("mytestfunc"), P(read_args), I(3), P(write_args), I(2)},
	 .plugin = exec, .check = is_executed},
	{.name = "tf-model-run", .op = VACCEL_OP_TF_MODEL_RUN, .session = 7,
	 .vals = {I(RESOURCE_ID), P(NULL), P(&tf_in_node), P(tf_tensors), I(1), P(&tf_out_node),
		  P(outputs), I(1), P(&tf_status)},
	 .plugin = tf_run, .check = is_tf_run},
	{.name = "tflite-model-run", .op = VACCEL_OP_TFLITE_MODEL_RUN, .session = 7,
	 .vals = {I(RESOURCE_ID), P(tflite_tensors), I(1), P(outputs), I(3), P(&tflite_status)},
	 .out_sizes = tflite_sizes, .plugin = tflite_run, .check = is_tflite_run},
	{.name = "torch-model-run", .op = VACCEL_OP_TORCH_MODEL_RUN, .session = 7,
	 .vals = {I(RESOURCE_ID), P(&torch_options), P(torch_tensors), I(1), P(outputs), I(1)},
	 .plugin = torch_run, .check = is_torch_run},
	{.name = "infer-load", .op = VACCEL_OP_INFER_LOAD, .session = 7, .vals = {I(RESOURCE_ID)}},
	{.name = "infer-unload", .op = VACCEL_OP_INFER_UNLOAD, .session = 7, .vals = {I(RESOURCE_ID)}},
	{.name = "infer-metadata", .op = VACCEL_OP_INFER_METADATA, .session = 7,
	 .vals = {I(RESOURCE_ID), P(&infer_model), P(&infer_desc), I(1)},
	 .plugin = infer_describe, .check = is_described},
	{.name = "infer-run", .op = VACCEL_OP_INFER_RUN, .session = 7,
	 .vals = {I(RESOURCE_ID), P(infer_in), I(2), P(infer_out), I(3)},
	 .plugin = infer_run, .check = is_infer_run},
	{.name = "text-begin", .op = VACCEL_OP_TEXT_BEGIN, .session = 7,
	 .vals = {I(RESOURCE_ID), P(&text_params), P(chat), I(2), P(&text_id)},
	 .plugin = text_begin, .check = is_begun},
	{.name = "text-prompt", .op = VACCEL_OP_TEXT_BEGIN, .session = 7,
	 .vals = {I(RESOURCE_ID), P(NULL), P(prompt), I(1), P(&text_id)},
	 .plugin = text_begin, .check = is_begun},
	{.name = "text-next", .op = VACCEL_OP_TEXT_NEXT, .session = 7,
	 .vals = {I(17), P(text_buf), I(12), I(500), P(&text_status)},
	 .plugin = text_next, .check = is_next},
	{.name = "text-end", .op = VACCEL_OP_TEXT_END, .session = 7, .vals = {I(17)}},
	{.name = "text-embed", .op = VACCEL_OP_TEXT_EMBED, .session = 7,
	 .vals = {I(RESOURCE_ID), P("hallo"), P(embedding), I(4), P(&nr_floats)},
	 .plugin = text_embed, .check = is_embedded},
	{.name = "minmax", .op = VACCEL_OP_MINMAX, .session = 7,
	 .vals = {P(minmax_in), I(2), I(-5), I(1000), P(minmax_out), P(&smallest), P(&largest)},
	 .plugin = minmax, .check = is_minmax},
};

static void check_segments(const char *name, const struct vop_encoder *e)
{
	struct virtio_accel_segment wire[16];
	struct vector v;

	vector_read(name, "segments", &v);
	if (v.len < 0)
		v.len = 0;
	for (uint32_t i = 0; i < e->nr_segs; i++)
		wire[i] = (struct virtio_accel_segment){.len = htole64(e->segs[i].len),
							.flags = htole32(e->segs[i].flags),
							.nr_runs = htole32(1)};
	vector_equal(name, &v, wire, e->nr_segs * sizeof(wire[0]));
}

static void run_example(struct example *x)
{
	struct call c = {.desc = vop_find(x->op), .out_sizes = x->out_sizes};
	const struct vop_fetcher fetcher = {0};
	struct vector message, reply;
	uint8_t *made;
	uint32_t len;
	struct host h;

	vector_read(x->name, "message", &message);
	vector_read(x->name, "reply", &reply);
	for (size_t i = 0; i < sizeof(pattern_bytes); i++)
		pattern_bytes[i] = (uint8_t)(i * 13 + 5);
	memset(segment_bytes, 0x77, sizeof(segment_bytes));
	memset(long_content, 'z', sizeof(long_content) - 1);
	make_tag();
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 4; i++)
		c_matrix[i] = 10.0f * (float)(i + 1);
	result = 0;
	memcpy(c.vals, x->vals, sizeof(c.vals));

	assert_int_equal(vop_encode(&c.e, &test_info, c.desc, x->session, c.vals, x->out_sizes), 0);
	if (x->times)
		assert_true(vop_ask_times(&c.e, &test_info));
	vector_equal(x->name, &message, c.e.msg, c.e.msg_len);
	check_segments(x->name, &c.e);

	host_init(&h);
	host_map(&h, &c);
	if (host_decode(&h, message.bytes, (uint32_t)message.len, (uint32_t)c.e.reply_room))
		fail_msg("%s: %s", x->name, h.dec.why);
	assert_int_equal(h.dec.session, x->session);
	check_inputs(&h, &c);
	if (x->plugin)
		x->plugin(h.dec.vals);
	made = malloc(c.e.reply_room ? c.e.reply_room : 1);
	assert_int_equal(vop_encode_reply(&h.dec, made, (uint32_t)c.e.reply_room, &len), 0);
	assert_int_equal(h.dec.wants_times, x->times);
	if (x->times)
		vop_put_times(made, &len, &host_times);
	vector_equal(x->name, &reply, made, len);
	free(made);
	host_finish(&h);

	len = (uint32_t)reply.len;
	if (x->times) {
		struct vop_times t;

		assert_true(vop_take_times(reply.bytes, &len, &t));
		assert_memory_equal(&t, &host_times, sizeof(t));
	}
	assert_int_equal(vop_decode_reply(&c.e, c.desc, c.vals, reply.bytes, len,
					  h.nr_kept ? &(struct vop_fetcher){host_fetch, &h} : &fetcher),
			 0);
	if (x->check)
		x->check(c.vals);
	vop_encoder_release(&c.e);
	host_release(&h);
}

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		run_example(&examples[i]);
}

/* Each kind of control operation has a vector. */
static void test_complete(void **state)
{
	const struct vop_desc *desc;

	(void)state;
	for (size_t i = VACCEL_OP_MAX; (desc = vop_at(i)); i++) {
		size_t n = 0;

		while (n < sizeof(examples) / sizeof(examples[0]) && examples[n].op != desc->code)
			n++;
		if (n == sizeof(examples) / sizeof(examples[0]))
			fail_msg("no vector for %s", desc->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
