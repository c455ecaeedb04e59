// SPDX-License-Identifier: Apache-2.0
/* The guest's side of the wire format: messages out, replies in. */
#include "wire/codec.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* Room in the reply for small outputs whose size only the host knows. */
#define REPLY_SLACK (2 * VOP_OUTPUT_MAX)

static void fail(struct vop_encoder *e, int error)
{
	if (!e->error)
		e->error = error;
}

static void fail_too_large(struct vop_encoder *e)
{
	e->too_large |= !e->error;
	fail(e, VACCEL_EINVAL);
}

/* Room for @size more bytes of the message, padded to 8; NULL after an error. */
static uint8_t *reserve(struct vop_encoder *e, uint64_t size)
{
	uint64_t padded = VOP_ALIGN(size), need = padded + e->msg_len;
	uint8_t *p;

	if (e->error)
		return NULL;
	if (size > e->max_message || need > e->max_message) {
		fail_too_large(e);
		return NULL;
	}
	if (need > e->msg_cap) {
		uint32_t cap = e->max_message < 2 * need ? e->max_message : (uint32_t)(2 * need);

		p = malloc(cap);
		if (!p) {
			fail(e, VACCEL_ENOMEM);
			return NULL;
		}
		memcpy(p, e->msg, e->msg_len);
		if (e->msg != e->msg_buf)
			free(e->msg);
		e->msg = p;
		e->msg_cap = cap;
	}
	p = e->msg + e->msg_len;
	e->msg_len = (uint32_t)need;
	/* The padding, and what the caller overwrites. */
	if (size != padded)
		memset(p + padded - 8, 0, 8);
	return p;
}

/* Inlined, so that what has a fixed size is stored without a call. */
static inline void add(struct vop_encoder *e, const void *data, uint64_t size)
{
	uint8_t *p = reserve(e, size);

	if (p)
		memcpy(p, data, size);
}

static void add_u64(struct vop_encoder *e, uint64_t value)
{
	value = htole64(value);
	add(e, &value, sizeof(value));
}

static void add_buf(struct vop_encoder *e, uint64_t len, uint64_t ref, uint32_t where)
{
	struct virtio_accel_buf buf = {htole64(len), htole64(ref), htole32(where), 0};

	add(e, &buf, sizeof(buf));
}

/* Index of a new segment, or -1 when the request has no room for another. */
static int64_t add_segment(struct vop_encoder *e, const void *data, uint64_t len, uint32_t flags)
{
	if (e->nr_segs >= e->max_segments)
		return -1;
	if (e->nr_segs == e->segs_cap) {
		uint32_t cap = 4 * e->segs_cap;
		struct virtio_accel_user_segment *segs = malloc(cap * sizeof(*segs));

		if (!segs) {
			fail(e, VACCEL_ENOMEM);
			return -1;
		}
		memcpy(segs, e->segs, e->nr_segs * sizeof(*segs));
		if (e->segs != e->seg_buf)
			free(e->segs);
		e->segs = segs;
		e->segs_cap = cap;
	}
	e->segs[e->nr_segs] = (struct virtio_accel_user_segment){
		.addr = (uintptr_t)data, .len = len, .flags = flags};
	return e->nr_segs++;
}

/* A buffer of the caller; flags say what the device does with it. */
static void add_data(struct vop_encoder *e, const void *data, uint64_t len, uint32_t flags)
{
	if (flags & VIRTIO_ACCEL_SEG_WRITE)
		e->reply_room += sizeof(struct virtio_accel_buf);

	if (!data) {
		add_buf(e, 0, 0, VIRTIO_ACCEL_BUF_NULL);
		return;
	}
	if (len > VOP_INLINE_MAX) {
		int64_t seg = add_segment(e, data, len, flags);

		if (seg >= 0) {
			add_buf(e, len, (uint64_t)seg, VIRTIO_ACCEL_BUF_SEGMENT);
			return;
		}
	}
	add_buf(e, len, 0, VIRTIO_ACCEL_BUF_INLINE);
	if (flags & VIRTIO_ACCEL_SEG_READ)
		add(e, data, len);
	if (flags & VIRTIO_ACCEL_SEG_WRITE)
		e->reply_room += VOP_ALIGN(len);
}

static void add_string(struct vop_encoder *e, const char *s)
{
	uint64_t len = s ? strlen(s) + 1 : 0;

	add_buf(e, len, 0, s ? VIRTIO_ACCEL_BUF_INLINE : VIRTIO_ACCEL_BUF_NULL);
	if (s)
		add(e, s, len);
}

/* A string that may be longer than a message. */
static void add_text(struct vop_encoder *e, const char *s)
{
	add_data(e, s, s ? strlen(s) + 1 : 0, VIRTIO_ACCEL_SEG_READ);
}

static void add_args(struct vop_encoder *e, const struct vaccel_arg *args, uint64_t count,
		     uint32_t flags)
{
	for (uint64_t i = 0; i < count && !e->error; i++) {
		struct virtio_accel_arg arg = {htole32(args[i].type),
					       htole32(args[i].custom_type_id)};

		if (!args[i].buf && args[i].size)
			fail(e, VACCEL_EINVAL);
		add(e, &arg, sizeof(arg));
		add_data(e, args[i].buf, args[i].size, flags);
	}
}

static void add_tensors_in(struct vop_encoder *e, enum vop_framework fw, void *const *tensors,
			   uint64_t count)
{
	struct vop_tensor t;

	for (uint64_t i = 0; i < count && !e->error; i++) {
		struct virtio_accel_tensor head;

		if (vop_tensor_get(fw, tensors[i], &t)) {
			fail(e, VACCEL_EINVAL);
			return;
		}
		head.data_type = htole32(t.data_type);
		head.nr_dims = htole32(t.nr_dims);
		add(e, &head, sizeof(head));
		for (uint32_t d = 0; d < t.nr_dims; d++)
			add_u64(e, (uint64_t)t.dims[d]);
		add_data(e, t.data, t.size, VIRTIO_ACCEL_SEG_READ);
	}
}

static void add_infer_in(struct vop_encoder *e, const struct vaccel_infer_tensor *tensors,
			 uint64_t count)
{
	for (uint64_t i = 0; i < count && !e->error; i++) {
		const struct vaccel_infer_tensor *t = &tensors[i];
		struct virtio_accel_tensor head = {htole32(t->datatype), htole32(t->nr_dims)};

		if (t->nr_dims > VOP_MAX_DIMS || (t->size && !t->data)) {
			fail(e, VACCEL_EINVAL);
			return;
		}
		add_string(e, t->name);
		add(e, &head, sizeof(head));
		for (uint32_t d = 0; d < t->nr_dims; d++)
			add_u64(e, (uint64_t)t->shape[d]);
		add_data(e, t->data, t->size, VIRTIO_ACCEL_SEG_READ);
	}
}

static void add_infer_out(struct vop_encoder *e, const struct vaccel_infer_tensor *tensors,
			  uint64_t count)
{
	for (uint64_t i = 0; i < count && !e->error; i++) {
		e->reply_room += sizeof(struct virtio_accel_tensor) + VOP_MAX_DIMS * 8;
		add_string(e, tensors[i].name);
		add_data(e, tensors[i].data, tensors[i].room, VIRTIO_ACCEL_SEG_WRITE);
	}
	e->reply_room += REPLY_SLACK;
}

static void add_messages(struct vop_encoder *e, const struct vaccel_text_message *messages, uint64_t count)
{
	for (uint64_t i = 0; i < count && !e->error; i++) {
		add_string(e, messages[i].role);
		add_text(e, messages[i].content);
	}
}

static void add_tensors_out(struct vop_encoder *e, uint64_t count, const uint64_t *sizes)
{
	if (count > e->max_message / sizeof(struct virtio_accel_buf)) {
		fail_too_large(e);
		return;
	}
	e->outs = calloc(count ? count : 1, sizeof(*e->outs));
	if (!e->outs) {
		fail(e, VACCEL_ENOMEM);
		return;
	}
	e->nr_outs = (uint32_t)count;

	for (uint64_t i = 0; i < count && !e->error; i++) {
		e->reply_room += sizeof(struct virtio_accel_tensor) + VOP_MAX_DIMS * 8;
		/* Without memory for it the device keeps the output; that is slower, not wrong. */
		if (sizes && sizes[i] > VOP_OUTPUT_MAX)
			e->outs[i].data = malloc(sizes[i]);
		e->outs[i].size = sizes ? sizes[i] : 0;
		if (e->outs[i].data)
			add_data(e, e->outs[i].data, sizes[i], VIRTIO_ACCEL_SEG_WRITE);
		else
			add_data(e, NULL, 0, VIRTIO_ACCEL_SEG_WRITE);
	}
	e->reply_room += REPLY_SLACK;
}

static void add_param(struct vop_encoder *e, const struct vop_desc *desc, unsigned int i,
		      const union vop_val *vals, const uint64_t *out_sizes)
{
	const struct vop_param *p = &desc->params[i];
	uint64_t count, bytes;

	if (vop_count(desc, i, vals, &count) || vop_bytes(p, count, &bytes)) {
		fail(e, VACCEL_EINVAL);
		return;
	}
	/* An array that has elements is needed; one without is not looked at. */
	if (count && !vals[i].p && !p->nullable) {
		fail(e, VACCEL_EINVAL);
		return;
	}

	switch (p->kind) {
	case VOP_IN:
		add_data(e, vals[i].p, bytes, VIRTIO_ACCEL_SEG_READ);
		break;
	case VOP_OUT:
		add_data(e, vals[i].p, bytes, VIRTIO_ACCEL_SEG_WRITE);
		break;
	case VOP_INOUT:
		add_data(e, vals[i].p, bytes, VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE);
		break;
	case VOP_STR:
		if (p->parsed)
			add_text(e, vals[i].p);
		else
			add_string(e, vals[i].p);
		break;
	case VOP_ARGS_IN:
		add_args(e, vals[i].p, count, VIRTIO_ACCEL_SEG_READ);
		break;
	case VOP_ARGS_INOUT:
		add_args(e, vals[i].p, count, VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE);
		break;
	case VOP_TENSORS_IN:
		add_tensors_in(e, p->framework, vals[i].p, count);
		break;
	case VOP_TENSORS_OUT:
		add_tensors_out(e, count, out_sizes);
		break;
	case VOP_INFER_IN:
		add_infer_in(e, vals[i].p, count);
		break;
	case VOP_INFER_OUT:
		add_infer_out(e, vals[i].p, count);
		break;
	case VOP_MESSAGES:
		add_messages(e, vals[i].p, count);
		break;
	case VOP_NODES: {
		const struct vaccel_tf_node *nodes = vals[i].p;

		for (uint64_t n = 0; n < count && !e->error; n++) {
			add_u64(e, (uint64_t)(int64_t)nodes[n].id);
			add_string(e, nodes[n].name);
		}
		break;
	}
	case VOP_STATUS:
		add_buf(e, 0, 0, vals[i].p ? VIRTIO_ACCEL_BUF_INLINE : VIRTIO_ACCEL_BUF_NULL);
		e->reply_room += sizeof(struct virtio_accel_op_status) +
				 sizeof(struct virtio_accel_buf) + VOP_MAX_STATUS_TEXT;
		break;
	case VOP_DATA: {
		/* The run options of all frameworks are a pointer and a size. */
		const struct vaccel_tf_buffer *data = vals[i].p;

		add_data(e, data ? data->data : NULL, data && data->data ? data->size : 0,
			 VIRTIO_ACCEL_SEG_READ);
		break;
	}
	}
}

int vop_encode(struct vop_encoder *e, const struct virtio_accel_info *info,
	       const struct vop_desc *desc, int64_t session, const union vop_val *vals,
	       const uint64_t *out_sizes)
{
	struct virtio_accel_msg msg = {.op = htole16(desc->code),
				       .session = htole64((uint64_t)session)};

	/* The two big buffers stay uninitialised. */
	memset(e, 0, offsetof(struct vop_encoder, seg_buf));
	e->msg = e->msg_buf;
	e->msg_cap = sizeof(e->msg_buf);
	e->max_message = info->max_message;
	e->segs = e->seg_buf;
	e->segs_cap = sizeof(e->seg_buf) / sizeof(e->seg_buf[0]);
	e->max_segments = info->max_segments;

	add(e, &msg, sizeof(msg));
	for (unsigned int i = 0; i < desc->nr_params; i++) {
		uint32_t bits;

		if (!vop_is_value(&desc->params[i]))
			continue;
		memcpy(&bits, &vals[i].f, sizeof(bits));
		add_u64(e, desc->params[i].ctype == VOP_F32 ? bits : (uint64_t)vals[i].i);
	}
	for (unsigned int i = 0; i < desc->nr_params && !e->error; i++)
		if (!vop_is_value(&desc->params[i]))
			add_param(e, desc, i, vals, out_sizes);

	if (e->reply_room > info->max_reply)
		fail_too_large(e);
	return e->error;
}

bool vop_ask_times(struct vop_encoder *e, const struct virtio_accel_info *info)
{
	struct virtio_accel_msg msg;

	if (e->reply_room + sizeof(struct virtio_accel_times) > info->max_reply)
		return false;
	memcpy(&msg, e->msg, sizeof(msg));
	msg.flags |= htole16(VIRTIO_ACCEL_MSG_TIMES);
	memcpy(e->msg, &msg, sizeof(msg));
	e->reply_room += sizeof(struct virtio_accel_times);
	return true;
}

bool vop_take_times(const uint8_t *reply, uint32_t *len, struct vop_times *t)
{
	struct virtio_accel_times times;

	if (*len < sizeof(times))
		return false;
	*len -= (uint32_t)sizeof(times);
	memcpy(&times, reply + *len, sizeof(times));
	t->taken = le64toh(times.taken);
	t->begun = le64toh(times.begun);
	t->ended = le64toh(times.ended);
	t->replied = le64toh(times.replied);
	return true;
}

void vop_encoder_release(struct vop_encoder *e)
{
	if (e->msg != e->msg_buf)
		free(e->msg);
	if (e->segs != e->seg_buf)
		free(e->segs);
	for (uint32_t i = 0; i < e->nr_outs; i++)
		free(e->outs[i].data);
	free(e->outs);
	e->outs = NULL;
	e->nr_outs = 0;
}

/* ---- Replies -------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *p;
	uint64_t left;
};

/* The next @size bytes (and their padding), NULL at the end of the reply. */
static const void *take(struct reader *r, uint64_t size)
{
	const uint8_t *p = r->p;

	if (size > r->left || VOP_ALIGN(size) > r->left)
		return NULL;
	r->p += VOP_ALIGN(size);
	r->left -= VOP_ALIGN(size);
	return p;
}

static int take_buf(struct reader *r, struct virtio_accel_buf *buf, const void **data)
{
	const struct virtio_accel_buf *wire = take(r, sizeof(*wire));

	if (!wire)
		return VACCEL_EIO;
	buf->len = le64toh(wire->len);
	buf->ref = le64toh(wire->ref);
	buf->where = le32toh(wire->where);
	*data = NULL;
	if (buf->where == VIRTIO_ACCEL_BUF_INLINE) {
		*data = take(r, buf->len);
		if (!*data)
			return VACCEL_EIO;
	}
	return buf->where > VIRTIO_ACCEL_BUF_KEPT ? VACCEL_EIO : VACCEL_OK;
}

/* The output of a buffer whose size the guest knew. */
static int take_data(struct reader *r, void *to, uint64_t size)
{
	struct virtio_accel_buf buf;
	const void *data;
	int ret = take_buf(r, &buf, &data);

	if (ret)
		return ret;
	if (buf.len > size || buf.where == VIRTIO_ACCEL_BUF_KEPT || (buf.len && !to))
		return VACCEL_EIO;
	if (data && buf.len)
		memcpy(to, data, buf.len);
	return VACCEL_OK;
}

/* Data type and dimensions, which come before the buffer of a tensor's data. */
static int take_shape(struct reader *r, uint32_t *data_type, uint32_t *nr_dims, int64_t *dims)
{
	const struct virtio_accel_tensor *head = take(r, sizeof(*head));

	if (!head)
		return VACCEL_EIO;
	*data_type = le32toh(head->data_type);
	*nr_dims = le32toh(head->nr_dims);
	if (*nr_dims > VOP_MAX_DIMS) {
		*nr_dims = 0;
		return VACCEL_EIO;
	}
	for (uint32_t d = 0; d < *nr_dims; d++) {
		const uint64_t *dim = take(r, sizeof(*dim));

		if (!dim)
			return VACCEL_EIO;
		dims[d] = (int64_t)le64toh(*dim);
	}
	return VACCEL_OK;
}

/* Memory for data that is in the reply, or else kept by the device. */
static int take_loose(const struct virtio_accel_buf *buf, const void *data,
		      const struct vop_fetcher *fetcher, void **out)
{
	*out = buf->len <= PTRDIFF_MAX ? malloc(buf->len ? buf->len : 1) : NULL;
	if (!*out)
		return VACCEL_ENOMEM;
	if (!data)
		return fetcher->fetch(fetcher->opaque, buf->ref, *out, buf->len);
	memcpy(*out, data, buf->len);
	return VACCEL_OK;
}

static int take_tensor(struct reader *r, enum vop_framework fw, struct vop_out_buffer *out,
		       const struct vop_fetcher *fetcher, void **tensor)
{
	struct virtio_accel_buf buf;
	struct vop_tensor t = {0};
	const void *data;
	int ret;

	ret = take_shape(r, &t.data_type, &t.nr_dims, t.dims);
	if (ret)
		return ret;
	ret = take_buf(r, &buf, &data);
	if (ret)
		return ret;

	*tensor = NULL;
	if (buf.where == VIRTIO_ACCEL_BUF_NULL)
		return VACCEL_OK;

	t.size = buf.len;
	if (buf.where == VIRTIO_ACCEL_BUF_SEGMENT) {
		if (!out->data || buf.len > out->size)
			return VACCEL_EIO;
		t.data = out->data;
		out->data = NULL;
	} else {
		ret = take_loose(&buf, data, fetcher, &t.data);
	}
	if (!ret && !vop_tensor_check(fw, &t))
		ret = VACCEL_EIO;
	if (!ret) {
		*tensor = vop_tensor_new(fw, &t);
		ret = *tensor ? VACCEL_OK : VACCEL_ENOMEM;
	}
	if (ret)
		free(t.data);
	return ret;
}

/*
 * An output of an inference, in the program's buffer or allocated. One that is not there, since the operation
 * failed, has at most its size.
 */
static int take_infer(struct reader *r, struct vop_encoder *e, struct vaccel_infer_tensor *t,
		      const struct vop_fetcher *fetcher)
{
	struct virtio_accel_buf buf;
	const void *data;
	int ret;

	ret = take_shape(r, &t->datatype, &t->nr_dims, t->shape);
	if (!ret)
		ret = take_buf(r, &buf, &data);
	if (ret)
		return ret;
	if (buf.len > PTRDIFF_MAX)
		return VACCEL_EIO;
	t->size = (size_t)buf.len;
	if (buf.where == VIRTIO_ACCEL_BUF_NULL) {
		e->incomplete = true;
		return VACCEL_OK;
	}
	if (!t->data) {
		if (buf.where == VIRTIO_ACCEL_BUF_SEGMENT)
			return VACCEL_EIO;
		ret = take_loose(&buf, data, fetcher, &t->data);
		t->owned = t->data;
		if (ret)
			return ret;
	} else {
		if (buf.where == VIRTIO_ACCEL_BUF_KEPT || buf.len > t->room)
			return VACCEL_EIO;
		if (data && buf.len)
			memcpy(t->data, data, buf.len);
	}
	return vaccel_infer_tensor_check(t) ? VACCEL_EIO : VACCEL_OK;
}

static int take_tensors(struct reader *r, struct vop_encoder *e, enum vop_framework fw,
			void **tensors, const struct vop_fetcher *fetcher)
{
	int ret = VACCEL_OK;

	for (uint32_t i = 0; i < e->nr_outs && !ret; i++)
		ret = take_tensor(r, fw, &e->outs[i], fetcher, &tensors[i]);
	return ret;
}

static int take_status(struct reader *r, struct vaccel_tf_status *status)
{
	const struct virtio_accel_op_status *head = take(r, sizeof(*head));
	struct virtio_accel_buf buf;
	const char *text;
	int ret;

	if (!head)
		return VACCEL_EIO;
	ret = take_buf(r, &buf, (const void **)&text);
	if (ret || !status)
		return ret;
	if (buf.len > VOP_MAX_STATUS_TEXT || (text && buf.len && text[buf.len - 1] != '\0'))
		return VACCEL_EIO;
	status->code = (uint8_t)le32toh(head->code);
	status->message = NULL;
	if (text && buf.len) {
		status->message = strdup(text);
		if (!status->message)
			return VACCEL_ENOMEM;
	}
	return VACCEL_OK;
}

static int take_args(struct reader *r, const struct vaccel_arg *args, uint64_t count)
{
	int ret = VACCEL_OK;

	for (uint64_t i = 0; i < count && !ret; i++)
		ret = take_data(r, args[i].buf, args[i].size);
	return ret;
}

static int take_param(struct reader *r, struct vop_encoder *e, const struct vop_desc *desc,
		      unsigned int i, const union vop_val *vals, const struct vop_fetcher *fetcher)
{
	const struct vop_param *p = &desc->params[i];
	uint64_t n;

	switch (p->kind) {
	case VOP_OUT:
	case VOP_INOUT:
		if (vop_length(desc, i, vals, &n))
			return VACCEL_EINVAL;
		return take_data(r, vals[i].p, n);
	case VOP_ARGS_INOUT:
		if (vop_count(desc, i, vals, &n))
			return VACCEL_EINVAL;
		return take_args(r, vals[i].p, n);
	case VOP_TENSORS_OUT:
		return take_tensors(r, e, p->framework, vals[i].p, fetcher);
	case VOP_INFER_OUT: {
		struct vaccel_infer_tensor *t = vals[i].p;
		int ret = vop_count(desc, i, vals, &n);

		for (; !ret && n; n--)
			ret = take_infer(r, e, t++, fetcher);
		return ret;
	}
	case VOP_STATUS:
		return take_status(r, vals[i].p);
	default:
		return VACCEL_OK;
	}
}

static void clear_outputs(struct vop_encoder *e, const struct vop_desc *desc,
			  const union vop_val *vals)
{
	for (unsigned int i = 0; i < desc->nr_params; i++)
		if (desc->params[i].kind == VOP_TENSORS_OUT && e->nr_outs)
			memset(vals[i].p, 0, e->nr_outs * sizeof(void *));
}

/* Of a call that failed, the sizes stay: they may be what it needs. */
static void drop_infer(struct vaccel_infer_tensor *t, uint64_t count)
{
	for (; count; count--, t++) {
		size_t size = t->size;

		vaccel_infer_tensor_release(t);
		t->size = size;
	}
}

void vop_drop_outputs(struct vop_encoder *e, const struct vop_desc *desc, const union vop_val *vals)
{
	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];
		uint64_t count;

		for (uint32_t n = 0; p->kind == VOP_TENSORS_OUT && n < e->nr_outs; n++)
			vop_tensor_delete(p->framework, ((void **)vals[i].p)[n]);
		if (p->kind == VOP_INFER_OUT && !vop_count(desc, i, vals, &count))
			drop_infer(vals[i].p, count);
	}
	clear_outputs(e, desc, vals);
}

int vop_decode_reply(struct vop_encoder *e, const struct vop_desc *desc, const union vop_val *vals,
		     const uint8_t *reply, uint32_t len, const struct vop_fetcher *fetcher)
{
	struct reader r = {reply, len};
	int ret = VACCEL_OK;

	/* What the caller's array holds before is not ours to delete. */
	clear_outputs(e, desc, vals);
	for (unsigned int i = 0; i < desc->nr_params && !ret; i++)
		ret = take_param(&r, e, desc, i, vals, fetcher);
	if (!ret && r.left)
		ret = VACCEL_EIO;
	if (ret)
		vop_drop_outputs(e, desc, vals);
	return ret;
}
