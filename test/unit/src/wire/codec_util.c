// SPDX-License-Identifier: Apache-2.0
#include "codec_util.h"

#define STATUS_CODE 3
#define STATUS_TEXT "what the framework said"
#define NR_ELEMENTS 2 /* of arrays of arguments, tensors and nodes */

/* A length out of a damaged message may ask for any amount of memory: that has to fail, not end us. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=256";
}

const struct virtio_accel_info test_info = {
	.version = VIRTIO_ACCEL_VERSION,
	.num_queues = 1,
	.max_segments = 64,
	.max_message = 1 << 20,
	.max_reply = 1 << 20,
};

bool writes(const struct vop_param *p)
{
	return p->kind == VOP_OUT || p->kind == VOP_INOUT;
}

/* ---- The guest's program -------------------------------------------------------------------- */

static void *block(struct call *c, uint64_t size)
{
	uint8_t *p = NULL;

	assert_true(c->nr_blocks < sizeof(c->blocks) / sizeof(c->blocks[0]));
	if (c->layout == UNALIGNED) {
		assert_int_equal(posix_memalign((void **)&p, 64, size + 1), 0);
		c->blocks[c->nr_blocks++] = p;
		return p + 1;
	}
	assert_int_equal(posix_memalign((void **)&p, 64, size ? size : 1), 0);
	c->blocks[c->nr_blocks++] = p;
	return p;
}

static void *aligned_block(struct call *c, uint64_t size)
{
	enum layout layout = c->layout;
	void *p;

	c->layout = SMALL;
	p = block(c, size);
	c->layout = layout;
	return p;
}

static void fill(void *p, uint64_t size, unsigned int seed)
{
	for (uint64_t i = 0; i < size; i++)
		((uint8_t *)p)[i] = (uint8_t)(i * 7 + i / 251 + seed);
}

static void check_filled(const void *p, uint64_t size, unsigned int seed)
{
	for (uint64_t i = 0; i < size; i++)
		assert_int_equal(((const uint8_t *)p)[i], (uint8_t)(i * 7 + i / 251 + seed));
}

static void *filled(struct call *c, uint64_t size, unsigned int seed)
{
	void *p = block(c, size);

	fill(p, size, seed);
	return p;
}

/* Elements of a buffer: some that travel inline, or more than may. */
static int64_t elements(const struct call *c)
{
	return c->layout == SMALL ? 5 : VOP_INLINE_MAX + 3;
}

static uint32_t float_type(enum vop_framework fw)
{
	return fw == VOP_TF ? VACCEL_TF_FLOAT : fw == VOP_TFLITE ? VACCEL_TFLITE_FLOAT32
								 : VACCEL_TORCH_FLOAT;
}

static bool is_array(const struct vop_param *p)
{
	switch (p->kind) {
	case VOP_ARGS_IN:
	case VOP_ARGS_INOUT:
	case VOP_TENSORS_IN:
	case VOP_TENSORS_OUT:
	case VOP_NODES:
	case VOP_INFER_IN:
	case VOP_INFER_OUT:
	case VOP_MESSAGES:
		return true;
	}
	return false;
}

/* Numbers first: the others' lengths come from them. */
static void make_numbers(struct call *c)
{
	const struct vop_desc *desc = c->desc;

	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];

		if (p->kind == VOP_RES)
			c->vals[i].i = RESOURCE_ID;
		else if (p->ctype == VOP_F32)
			c->vals[i].f = 1.5f + (float)i;
		else if (p->kind == VOP_VAL)
			c->vals[i].i = 11 + (int64_t)i;
	}
	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];
		const int16_t *arg = p->length.arg;

		if (p->length.rule == VOP_LEN_OF)
			c->vals[arg[0]].i = is_array(p) ? NR_ELEMENTS : elements(c);
		if (p->length.rule == VOP_LEN_MATRIX) {
			c->vals[arg[0]].i = c->layout == SMALL ? 3 : 40;
			c->vals[arg[1]].i = c->layout == SMALL ? 3 : 40;
			c->vals[arg[2]].i = c->layout == SMALL ? 4 : 41;
		}
	}
}

static struct vaccel_arg *make_args(struct call *c, unsigned int seed)
{
	struct vaccel_arg *args = aligned_block(c, NR_ELEMENTS * sizeof(*args));

	memset(args, 0, NR_ELEMENTS * sizeof(*args));
	for (unsigned int n = 0; n < NR_ELEMENTS; n++) {
		args[n].type = n % 2 ? VACCEL_ARG_CUSTOM : VACCEL_ARG_FLOAT32_ARRAY;
		args[n].custom_type_id = n % 2 ? 0x12345678 : 0;
		args[n].size = (size_t)elements(c) * 4;
		args[n].buf = filled(c, args[n].size, seed + n);
	}
	return args;
}

static void **make_tensors(struct call *c, const struct vop_param *p, uint64_t count,
			   unsigned int seed)
{
	void **tensors = aligned_block(c, count * sizeof(*tensors));

	for (uint64_t n = 0; n < count; n++) {
		struct vop_tensor t = {
			.size = (uint64_t)elements(c) * 4,
			.data_type = float_type(p->framework),
			.nr_dims = 2,
			.dims = {1, elements(c)},
		};

		t.data = filled(c, t.size, seed + (unsigned int)n);
		tensors[n] = aligned_block(c, vop_tensor_sizeof(p->framework, t.nr_dims));
		vop_tensor_put(p->framework, &t, tensors[n]);
	}
	return tensors;
}

/* Inputs, or outputs: the first has a buffer of the program, the second none. */
static struct vaccel_infer_tensor *make_infer(struct call *c, const struct vop_param *p, uint64_t count,
					      unsigned int seed)
{
	struct vaccel_infer_tensor *tensors = aligned_block(c, count * sizeof(*tensors));

	memset(tensors, 0, count * sizeof(*tensors));
	for (uint64_t n = 0; n < count; n++) {
		struct vaccel_infer_tensor *t = &tensors[n];
		char *name = aligned_block(c, 32);

		snprintf(name, 32, "tensor %u of parameter %u", (unsigned int)n, seed);
		t->name = name;
		if (p->kind == VOP_INFER_OUT) {
			t->room = n ? 0 : (size_t)elements(c) * 4;
			t->data = n ? NULL : filled(c, t->room, seed);
			continue;
		}
		t->datatype = VACCEL_INFER_FP32;
		t->nr_dims = 2;
		t->shape[0] = 1;
		t->shape[1] = elements(c);
		t->size = (size_t)elements(c) * 4;
		t->data = filled(c, t->size, seed + (unsigned int)n);
	}
	return tensors;
}

/* As long as buffers are */
static char *make_text(struct call *c, char letter)
{
	char *text = aligned_block(c, (uint64_t)elements(c));

	memset(text, letter, (size_t)elements(c) - 1);
	text[elements(c) - 1] = '\0';
	return text;
}

/* The first has no role. */
static struct vaccel_text_message *make_messages(struct call *c, uint64_t count)
{
	struct vaccel_text_message *messages = aligned_block(c, count * sizeof(*messages));

	for (uint64_t n = 0; n < count; n++)
		messages[n] = (struct vaccel_text_message){n ? "user" : NULL, make_text(c, (char)('a' + n))};
	return messages;
}

static void make_param(struct call *c, unsigned int i)
{
	const struct vop_param *p = &c->desc->params[i];
	uint64_t count, bytes;

	assert_int_equal(vop_count(c->desc, i, c->vals, &count), 0);
	assert_int_equal(vop_length(c->desc, i, c->vals, &bytes), 0);

	switch (p->kind) {
	case VOP_IN:
	case VOP_OUT:
	case VOP_INOUT:
		c->vals[i].p = filled(c, bytes, i);
		break;
	case VOP_STR:
		c->vals[i].p = p->parsed ? make_text(c, 'a') : aligned_block(c, 32);
		if (!p->parsed)
			snprintf(c->vals[i].p, 32, "string of parameter %u", i);
		break;
	case VOP_ARGS_IN:
	case VOP_ARGS_INOUT:
		c->vals[i].p = make_args(c, i);
		break;
	case VOP_TENSORS_IN:
		c->vals[i].p = make_tensors(c, p, count, i);
		break;
	case VOP_TENSORS_OUT:
		c->vals[i].p = aligned_block(c, count * sizeof(void *));
		memset(c->vals[i].p, 0, count * sizeof(void *));
		break;
	case VOP_NODES: {
		struct vaccel_tf_node *nodes = aligned_block(c, count * sizeof(*nodes));

		for (uint64_t n = 0; n < count; n++) {
			nodes[n].id = (int)n - 1;
			nodes[n].name = aligned_block(c, 32);
			snprintf(nodes[n].name, 32, "node %u of parameter %u", (unsigned int)n, i);
		}
		c->vals[i].p = nodes;
		break;
	}
	case VOP_INFER_IN:
	case VOP_INFER_OUT:
		c->vals[i].p = make_infer(c, p, count, i);
		break;
	case VOP_MESSAGES:
		c->vals[i].p = make_messages(c, count);
		break;
	case VOP_STATUS:
		c->vals[i].p = aligned_block(c, sizeof(struct vaccel_tf_status));
		memset(c->vals[i].p, 0, sizeof(struct vaccel_tf_status));
		break;
	case VOP_DATA: {
		struct vaccel_tf_buffer *data = aligned_block(c, sizeof(*data));

		data->size = (size_t)elements(c);
		data->data = filled(c, data->size, i);
		c->vals[i].p = data;
		break;
	}
	}
}

void call_init(struct call *c, const struct vop_desc *desc, enum layout layout)
{
	memset(c, 0, offsetof(struct call, e));
	memset(&c->e, 0, offsetof(struct vop_encoder, seg_buf));
	c->desc = desc;
	c->layout = layout;
	make_numbers(c);
	for (unsigned int i = 0; i < desc->nr_params; i++)
		make_param(c, i);
	c->e.msg = c->e.msg_buf;
	c->e.segs = c->e.seg_buf;
}

void call_drop_outputs(struct call *c)
{
	for (unsigned int i = 0; i < c->desc->nr_params; i++) {
		const struct vop_param *p = &c->desc->params[i];
		uint64_t count, bytes;

		if (p->kind == VOP_STATUS && c->vals[i].p)
			vaccel_tf_status_release(c->vals[i].p);
		if (writes(p) && c->vals[i].p && !vop_length(c->desc, i, c->vals, &bytes))
			fill(c->vals[i].p, bytes, i);
		if (p->kind == VOP_INFER_OUT && c->vals[i].p && !vop_count(c->desc, i, c->vals, &count))
			for (uint64_t n = 0; n < count; n++)
				vaccel_infer_tensor_release((struct vaccel_infer_tensor *)c->vals[i].p + n);
		if (p->kind != VOP_TENSORS_OUT || vop_count(c->desc, i, c->vals, &count))
			continue;
		for (uint64_t n = 0; c->vals[i].p && n < count; n++) {
			void **tensor = (void **)c->vals[i].p + n;

			vop_tensor_delete(p->framework, *tensor);
			*tensor = NULL;
		}
	}
}

void call_release(struct call *c)
{
	call_drop_outputs(c);
	vop_encoder_release(&c->e);
	for (unsigned int i = 0; i < c->nr_blocks; i++)
		free(c->blocks[i]);
}

int call_encode(struct call *c)
{
	vop_encoder_release(&c->e);
	return vop_encode(&c->e, &test_info, c->desc, SESSION_ID, c->vals, c->out_sizes);
}

/* ---- The host ------------------------------------------------------------------------------- */

static struct vaccel_resource *hold(void *opaque, int64_t id)
{
	struct host *h = opaque;

	if (id != RESOURCE_ID)
		return NULL;
	h->held++;
	return &h->resource;
}

static void unhold(void *opaque, struct vaccel_resource *res)
{
	struct host *h = opaque;

	assert_ptr_equal(res, &h->resource);
	h->held--;
}

static bool charge(void *opaque, uint64_t bytes)
{
	struct host *h = opaque;

	if (bytes > h->limit - h->charged)
		return false;
	h->charged += bytes;
	return true;
}

static void uncharge(void *opaque, uint64_t bytes)
{
	struct host *h = opaque;

	assert_true(bytes <= h->charged);
	h->charged -= bytes;
}

static uint64_t keep(void *opaque, void *data, uint64_t size)
{
	struct host *h = opaque;

	if (h->cannot_keep || h->nr_kept == sizeof(h->kept) / sizeof(h->kept[0])) {
		free(data);
		return 0;
	}
	h->kept[h->nr_kept] = data;
	h->kept_size[h->nr_kept] = size;
	return ++h->nr_kept;
}

int host_fetch(void *opaque, uint64_t id, void *data, uint64_t size)
{
	struct host *h = opaque;

	if (!id || id > h->nr_kept || !h->kept[id - 1])
		return VACCEL_ENOENT;
	if (size != h->kept_size[id - 1])
		return VACCEL_EINVAL;
	memcpy(data, h->kept[id - 1], size);
	return VACCEL_OK;
}

static const struct vop_host_ops host_ops = {hold, unhold, charge, uncharge, keep};

void host_init(struct host *h)
{
	memset(h, 0, sizeof(*h));
	h->limit = 64 << 20;
}

void host_release(struct host *h)
{
	for (unsigned int i = 0; i < h->nr_kept; i++)
		free(h->kept[i]);
	host_unmap(h);
	free(h->exact_segs);
	vop_arena_release(&h->arena);
}

/* One run is the program's own memory; scattered ones are copies, in another order. */
void host_map(struct host *h, struct call *c)
{
	host_unmap(h);
	h->scattered = c->layout == SCATTERED;
	for (uint32_t i = 0; i < c->e.nr_segs; i++) {
		const struct virtio_accel_user_segment *s = &c->e.segs[i];
		uint8_t *p = (void *)(uintptr_t)s->addr;
		unsigned int n = h->scattered ? 3 : 1;

		h->segs[i] = (struct host_segment){
			.runs = &h->runs[h->nr_runs], .nr_runs = n, .len = s->len, .flags = s->flags};
		for (unsigned int r = 0; r < n; r++) {
			struct iovec *run = &h->runs[h->nr_runs++];

			run->iov_len = r < n - 1 ? s->len / 3 + 1 : s->len - (n - 1) * (s->len / 3 + 1);
			run->iov_base = p;
			if (!h->scattered) {
				run->iov_len = s->len;
				continue;
			}
			run->iov_base = malloc(run->iov_len);
			memcpy(run->iov_base, p, run->iov_len);
			p += run->iov_len;
		}
	}
}

void host_write_back(struct host *h, struct call *c)
{
	for (uint32_t i = 0; h->scattered && i < c->e.nr_segs; i++) {
		uint8_t *p = (void *)(uintptr_t)c->e.segs[i].addr;

		if (!(c->e.segs[i].flags & VIRTIO_ACCEL_SEG_WRITE))
			continue;
		for (size_t r = 0; r < h->segs[i].nr_runs; r++) {
			memcpy(p, h->segs[i].runs[r].iov_base, h->segs[i].runs[r].iov_len);
			p += h->segs[i].runs[r].iov_len;
		}
	}
}

void host_unmap(struct host *h)
{
	for (unsigned int i = 0; h->scattered && i < h->nr_runs; i++)
		free(h->runs[i].iov_base);
	h->nr_runs = 0;
	h->scattered = false;
	memset(h->segs, 0, sizeof(h->segs));
}

int host_decode(struct host *h, const void *msg, uint32_t len, uint32_t reply_cap)
{
	uint32_t nr_segs = 0;

	while (nr_segs < 64 && h->segs[nr_segs].nr_runs)
		nr_segs++;
	/* Whatever the last request left there must not matter. */
	memset(&h->dec, 0xa5, sizeof(h->dec));
	h->dec.arena = &h->arena;
	h->dec.ops = &host_ops;
	h->dec.opaque = h;
	/* Of the exact size, for ASan */
	free(h->exact_segs);
	assert_int_equal(posix_memalign((void **)&h->exact_segs, 16,
					nr_segs ? nr_segs * sizeof(h->segs[0]) : 1), 0);
	memcpy(h->exact_segs, h->segs, nr_segs * sizeof(h->segs[0]));
	h->dec.segs = h->exact_segs;
	h->dec.nr_segs = nr_segs;
	return vop_decode(&h->dec, msg, len, reply_cap);
}

void host_finish(struct host *h)
{
	vop_decoder_finish(&h->dec);
	assert_int_equal(h->held, 0);
	assert_int_equal(h->charged, 0);
}

/* ---- What a plugin does ------------------------------------------------------------------- */

static uint64_t sum(const void *p, uint64_t size)
{
	uint64_t total = 0;

	for (uint64_t i = 0; p && i < size; i++)
		total += ((const uint8_t *)p)[i];
	return total;
}

uint64_t host_touch(struct host *h)
{
	const struct vop_desc *desc = h->dec.desc;
	uint64_t total = 0, count, bytes;

	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];
		void *v = h->dec.vals[i].p;

		assert_int_equal(vop_count(desc, i, h->dec.vals, &count), 0);
		assert_int_equal(vop_length(desc, i, h->dec.vals, &bytes), 0);
		switch (p->kind) {
		case VOP_IN:
		case VOP_OUT:
		case VOP_INOUT:
			assert_true(v || !bytes || p->nullable);
			total += sum(v, bytes);
			break;
		case VOP_STR:
			total += strlen(v);
			break;
		case VOP_ARGS_IN:
		case VOP_ARGS_INOUT:
			for (uint64_t n = 0; n < count; n++) {
				struct vaccel_arg *arg = (struct vaccel_arg *)v + n;

				assert_true(!arg->buf == !arg->size);
				assert_true(arg->type < VACCEL_ARG_MAX);
				total += sum(arg->buf, arg->size);
			}
			break;
		case VOP_TENSORS_IN:
			for (uint64_t n = 0; n < count; n++) {
				struct vop_tensor t;

				assert_int_equal(
					vop_tensor_get(p->framework, ((void **)v)[n], &t), 0);
				assert_true(vop_tensor_check(p->framework, &t));
				total += sum(t.data, t.size);
			}
			break;
		case VOP_INFER_IN:
		case VOP_INFER_OUT:
			for (uint64_t n = 0; n < count; n++) {
				struct vaccel_infer_tensor *t = (struct vaccel_infer_tensor *)v + n;

				assert_false(t->owned);
				assert_true(t->nr_dims <= VACCEL_INFER_MAX_DIMS);
				total += t->name ? strlen(t->name) : 0;
				total += sum(t->data, p->kind == VOP_INFER_IN ? t->size : t->room);
				/* What the library looks at */
				if (p->kind == VOP_INFER_IN && vaccel_infer_tensor_check(t))
					total++;
			}
			break;
		case VOP_MESSAGES:
			for (uint64_t n = 0; n < count; n++) {
				const struct vaccel_text_message *m = (struct vaccel_text_message *)v + n;

				total += (m->role ? strlen(m->role) : 0) + (m->content ? strlen(m->content) : 0);
			}
			break;
		case VOP_NODES:
			for (uint64_t n = 0; n < count; n++)
				total += strlen(((struct vaccel_tf_node *)v)[n].name);
			break;
		case VOP_DATA:
			if (v)
				total += sum(((struct vaccel_tf_buffer *)v)->data,
					     ((struct vaccel_tf_buffer *)v)->size);
			break;
		}
	}
	return total;
}

static void fill_tensors(const struct vop_param *p, void **tensors, uint64_t count, unsigned int seed,
			 uint64_t bytes)
{
	for (uint64_t n = 0; n < count; n++) {
		struct vop_tensor t = {
			.data = bytes ? malloc(bytes) : NULL, .size = bytes,
			.data_type = float_type(p->framework),
			.nr_dims = 3, .dims = {1, (int64_t)(bytes / 4), 1},
		};

		fill(t.data, bytes, seed + (unsigned int)n);
		tensors[n] = vop_tensor_new(p->framework, &t);
		assert_non_null(tensors[n]);
	}
}

/* As many bytes as there is room for, or of the tensors of the other operations. */
static void fill_infer(struct vaccel_infer_tensor *outputs, uint64_t count, unsigned int seed,
		       uint64_t bytes)
{
	for (uint64_t n = 0; n < count; n++) {
		struct vaccel_infer_tensor *out = &outputs[n], t = {
			.datatype = VACCEL_INFER_UINT8, .nr_dims = 1,
			.size = out->data ? out->room : (size_t)bytes,
		};

		t.shape[0] = (int64_t)t.size;
		t.data = malloc(t.size + 1);
		fill(t.data, t.size, seed + (unsigned int)n);
		assert_int_equal(vaccel_infer_output(out, &t), 0);
		free(t.data);
	}
}

void host_fill(struct host *h, uint64_t tensor_bytes)
{
	const struct vop_desc *desc = h->dec.desc;

	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];
		void *v = h->dec.vals[i].p;
		uint64_t count, bytes;

		vop_count(desc, i, h->dec.vals, &count);
		vop_length(desc, i, h->dec.vals, &bytes);
		if (writes(p) && v) {
			fill(v, bytes, 100 + i);
		} else if (p->kind == VOP_ARGS_INOUT) {
			for (uint64_t n = 0; n < count; n++) {
				struct vaccel_arg *arg = (struct vaccel_arg *)v + n;

				fill(arg->buf, arg->size, 100 + i + (unsigned int)n);
			}
		} else if (p->kind == VOP_TENSORS_OUT) {
			fill_tensors(p, v, count, 100 + i, tensor_bytes);
		} else if (p->kind == VOP_INFER_OUT) {
			fill_infer(v, count, 100 + i, tensor_bytes);
		} else if (p->kind == VOP_STATUS) {
			vaccel_tf_status_init(v, STATUS_CODE, STATUS_TEXT);
		}
	}
}

/* ---- Checks --------------------------------------------------------------------------------- */

static void check_tensors(const struct vop_param *p, void **a, void **b, uint64_t count)
{
	struct vop_tensor ta, tb;

	for (uint64_t n = 0; n < count; n++) {
		assert_int_equal(vop_tensor_get(p->framework, a[n], &ta), 0);
		assert_int_equal(vop_tensor_get(p->framework, b[n], &tb), 0);
		assert_int_equal(ta.data_type, tb.data_type);
		assert_int_equal(ta.nr_dims, tb.nr_dims);
		assert_memory_equal(ta.dims, tb.dims, ta.nr_dims * sizeof(ta.dims[0]));
		assert_int_equal(ta.size, tb.size);
		assert_memory_equal(ta.data, tb.data, ta.size);
		assert_int_equal((uintptr_t)ta.data % 16, 0);
	}
}

static void check_infer(const struct vop_param *p, const struct vaccel_infer_tensor *a,
			const struct vaccel_infer_tensor *b, uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		assert_int_equal(!a[n].name, !b[n].name);
		if (a[n].name)
			assert_string_equal(a[n].name, b[n].name);
		assert_int_equal(!a[n].data, !b[n].data);
		assert_int_equal((uintptr_t)a[n].data % 16, 0);
		assert_int_equal(a[n].room, b[n].room);
		if (p->kind == VOP_INFER_OUT)
			continue;
		assert_int_equal(a[n].datatype, b[n].datatype);
		assert_int_equal(a[n].nr_dims, b[n].nr_dims);
		assert_memory_equal(a[n].shape, b[n].shape, sizeof(a[n].shape));
		assert_int_equal(a[n].size, b[n].size);
		assert_memory_equal(a[n].data, b[n].data, a[n].size);
	}
}

static void check_messages(const struct vaccel_text_message *a, const struct vaccel_text_message *b,
			   uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		assert_int_equal(!a[n].role, !b[n].role);
		if (a[n].role)
			assert_string_equal(a[n].role, b[n].role);
		assert_string_equal(a[n].content, b[n].content);
		assert_ptr_not_equal(a[n].content, b[n].content);
	}
}

void check_inputs(struct host *h, struct call *c)
{
	for (unsigned int i = 0; i < c->desc->nr_params; i++) {
		const struct vop_param *p = &c->desc->params[i];
		union vop_val host = h->dec.vals[i], guest = c->vals[i];
		uint64_t count, bytes;

		assert_int_equal(vop_count(c->desc, i, h->dec.vals, &count), 0);
		assert_int_equal(vop_length(c->desc, i, h->dec.vals, &bytes), 0);
		switch (p->kind) {
		case VOP_VAL:
			if (p->ctype == VOP_F32)
				assert_true(host.f == guest.f);
			else
				assert_int_equal(host.i, guest.i);
			break;
		case VOP_RES:
			assert_ptr_equal(host.p, &h->resource);
			break;
		case VOP_IN:
		case VOP_INOUT:
			if (host.p != guest.p)
				assert_memory_equal(host.p, guest.p, bytes);
			/* Of a struct, as any memory is */
			assert_int_equal((uintptr_t)host.p % (p->elem_size > 16 ? 16 : p->elem_size), 0);
			break;
		case VOP_STR:
			assert_string_equal(host.p, guest.p);
			break;
		case VOP_ARGS_IN:
		case VOP_ARGS_INOUT:
			for (uint64_t n = 0; n < count; n++) {
				const struct vaccel_arg *a = (struct vaccel_arg *)host.p + n;
				const struct vaccel_arg *b = (struct vaccel_arg *)guest.p + n;

				assert_int_equal(a->type, b->type);
				assert_int_equal(a->custom_type_id, b->custom_type_id);
				assert_int_equal(a->size, b->size);
				if (a->size)
					assert_memory_equal(a->buf, b->buf, a->size);
				assert_int_equal((uintptr_t)a->buf % 8, 0);
			}
			break;
		case VOP_TENSORS_IN:
			check_tensors(p, host.p, guest.p, count);
			break;
		case VOP_INFER_IN:
		case VOP_INFER_OUT:
			check_infer(p, host.p, guest.p, count);
			break;
		case VOP_MESSAGES:
			check_messages(host.p, guest.p, count);
			break;
		case VOP_NODES:
			for (uint64_t n = 0; n < count; n++) {
				const struct vaccel_tf_node *a = (struct vaccel_tf_node *)host.p + n;
				const struct vaccel_tf_node *b = (struct vaccel_tf_node *)guest.p + n;

				assert_int_equal(a->id, b->id);
				assert_string_equal(a->name, b->name);
			}
			break;
		case VOP_DATA: {
			const struct vaccel_tf_buffer *a = host.p, *b = guest.p;

			assert_int_equal(!a, !b);
			if (!a)
				break;
			assert_int_equal(a->size, b->size);
			assert_memory_equal(a->data, b->data, a->size);
			break;
		}
		}
	}
}

void check_outputs(struct call *c, uint64_t tensor_bytes)
{
	for (unsigned int i = 0; i < c->desc->nr_params; i++) {
		const struct vop_param *p = &c->desc->params[i];
		void *v = c->vals[i].p;
		uint64_t count, bytes;

		vop_count(c->desc, i, c->vals, &count);
		vop_length(c->desc, i, c->vals, &bytes);
		if (writes(p)) {
			check_filled(v, bytes, 100 + i);
		} else if (p->kind == VOP_ARGS_INOUT) {
			for (uint64_t n = 0; n < count; n++) {
				const struct vaccel_arg *arg = (struct vaccel_arg *)v + n;

				check_filled(arg->buf, arg->size, 100 + i + (unsigned int)n);
			}
		} else if (p->kind == VOP_TENSORS_OUT) {
			for (uint64_t n = 0; n < count; n++) {
				struct vop_tensor t;

				assert_int_equal(
					vop_tensor_get(p->framework, ((void **)v)[n], &t), 0);
				assert_int_equal(t.data_type, float_type(p->framework));
				assert_int_equal(t.nr_dims, 3);
				assert_int_equal(t.dims[1], tensor_bytes / 4);
				assert_int_equal(t.size, tensor_bytes);
				check_filled(t.data, t.size, 100 + i + (unsigned int)n);
			}
		} else if (p->kind == VOP_INFER_OUT) {
			for (uint64_t n = 0; n < count; n++) {
				const struct vaccel_infer_tensor *t = (struct vaccel_infer_tensor *)v + n;

				assert_int_equal(t->datatype, VACCEL_INFER_UINT8);
				assert_int_equal(t->nr_dims, 1);
				assert_int_equal(t->shape[0], t->size);
				assert_int_equal(t->size, t->room ? t->room : tensor_bytes);
				assert_int_equal(t->owned, !t->room);
				check_filled(t->data, t->size, 100 + i + (unsigned int)n);
			}
		} else if (p->kind == VOP_STATUS) {
			const struct vaccel_tf_status *status = v;

			assert_int_equal(status->code, STATUS_CODE);
			assert_string_equal(status->message, STATUS_TEXT);
		} else if (p->kind == VOP_IN) {
			check_filled(v, bytes, i); /* not written to */
		}
	}
}
