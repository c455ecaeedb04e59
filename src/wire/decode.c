// SPDX-License-Identifier: Apache-2.0
/*
 * The host's side of the wire format. Everything here comes from a guest and is hostile: numbers are
 * checked before they are used, and the message is a private copy that cannot change meanwhile.
 */
#include "wire/codec.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define TENSOR_ALIGN 16

/* A buffer that the reply reports on, in the order of the reply. */
struct vop_output {
	struct vop_output *next;
	uint32_t where;	 /* where the guest wants it: VIRTIO_ACCEL_BUF_* */
	uint32_t segment;
	uint64_t len;	 /* room that the guest has for it */
	void *data;	 /* what the plugin writes to */
	bool staged;	 /* data is private and has to be copied to the segment */
};

static int refuse(struct vop_decoder *dec, const char *why)
{
	dec->why = why;
	return VACCEL_EINVAL;
}

static int out_of_memory(struct vop_decoder *dec, const char *why)
{
	dec->why = why;
	return VACCEL_ENOMEM;
}

/* ---- Reading the message -------------------------------------------------------------------- */

static const void *take(struct vop_decoder *dec, uint64_t size)
{
	const uint8_t *p = dec->msg + dec->pos;
	uint64_t left = dec->len - dec->pos;

	if (size > left || VOP_ALIGN(size) > left)
		return NULL;
	dec->pos += (uint32_t)VOP_ALIGN(size);
	return p;
}

static bool take_u64(struct vop_decoder *dec, uint64_t *value)
{
	const uint64_t *p = take(dec, sizeof(*p));

	if (p)
		*value = le64toh(*p);
	return p;
}

/* Whether @count elements of at least @size bytes each can still be in the message. */
static bool plausible(const struct vop_decoder *dec, uint64_t count, uint64_t size)
{
	return count <= (dec->len - dec->pos) / size;
}

static void copy_from_segment(void *to, const struct host_segment *seg)
{
	uint8_t *p = to;

	for (size_t i = 0; i < seg->nr_runs; i++) {
		memcpy(p, seg->runs[i].iov_base, seg->runs[i].iov_len);
		p += seg->runs[i].iov_len;
	}
}

static void copy_to_segment(const struct host_segment *seg, const void *from, uint64_t len)
{
	const uint8_t *p = from;

	for (size_t i = 0; i < seg->nr_runs && len; i++) {
		size_t n = seg->runs[i].iov_len < len ? seg->runs[i].iov_len : len;

		memcpy(seg->runs[i].iov_base, p, n);
		p += n;
		len -= n;
	}
}

/* Private memory for the bytes of a segment, accounted to the guest. */
static void *stage(struct vop_decoder *dec, uint64_t len)
{
	void *p;

	if (!dec->ops->charge(dec->opaque, len))
		return NULL;
	dec->staged += len;
	p = vop_arena_alloc(dec->arena, len);
	return p;
}

/*
 * The memory behind a buffer of @len bytes at @where. In place when the plugin may work on memory that
 * the guest can still write (plain numbers), and when it is contiguous and aligned; else a copy.
 */
static int map_segment(struct vop_decoder *dec, uint64_t ref, uint64_t len, uint32_t flags,
		       bool parsed, size_t align, void **data, bool *staged)
{
	const struct host_segment *seg;

	if (ref >= dec->nr_segs)
		return refuse(dec, "no such segment");
	seg = &dec->segs[ref];
	if (seg->len != len || (seg->flags & flags) != flags)
		return refuse(dec, "segment of another length or direction");

	if (!parsed && seg->nr_runs == 1 && (uintptr_t)seg->runs[0].iov_base % align == 0) {
		*data = seg->runs[0].iov_base;
		*staged = false;
		dec->traffic.in_place += len;
		dec->traffic.registered += seg->flags & VIRTIO_ACCEL_SEG_MEMORY ? len : 0;
		return VACCEL_OK;
	}

	*data = stage(dec, len);
	if (!*data)
		return out_of_memory(dec, "no staging memory left for this VM");
	*staged = true;
	if (parsed)
		dec->traffic.snapshot += len;
	else
		dec->traffic.gathered += len;
	if (flags & VIRTIO_ACCEL_SEG_READ)
		copy_from_segment(*data, seg);
	else
		memset(*data, 0, len);
	return VACCEL_OK;
}

/*
 * A buffer parameter. @flags: what the plugin does with it; @expected: its length, or UINT64_MAX when
 * the message decides; @len receives it. A null buffer gives a null pointer and length 0.
 */
static int take_data(struct vop_decoder *dec, uint32_t flags, bool parsed, size_t align,
		     uint64_t expected, void **data, uint64_t *len)
{
	const struct virtio_accel_buf *wire = take(dec, sizeof(*wire));
	struct vop_output out = {0};
	const void *inline_data = NULL;
	uint64_t ref;
	int ret;

	if (!wire)
		return refuse(dec, "message ends within a buffer");
	out.len = le64toh(wire->len);
	out.where = le32toh(wire->where);
	ref = le64toh(wire->ref);
	if (wire->reserved)
		return refuse(dec, "reserved field of a buffer is not 0");

	switch (out.where) {
	case VIRTIO_ACCEL_BUF_NULL:
		if (out.len || ref)
			return refuse(dec, "null buffer with a length");
		break;
	case VIRTIO_ACCEL_BUF_INLINE:
		if (ref || (expected != UINT64_MAX && out.len != expected))
			return refuse(dec, "buffer of another length than the operation's");
		if (flags & VIRTIO_ACCEL_SEG_READ) {
			inline_data = take(dec, out.len);
			if (!inline_data)
				return refuse(dec, "message ends within a buffer");
		}
		if ((flags & VIRTIO_ACCEL_SEG_WRITE) &&
		    (out.len > dec->reply_cap || dec->reply_min + out.len > dec->reply_cap))
			return refuse(dec, "no room for the reply");
		/* Inputs too are copied, since a plugin may write to what it was given. */
		out.data = vop_arena_alloc(dec->arena, out.len);
		if (!out.data)
			return out_of_memory(dec, "out of memory");
		if (inline_data)
			memcpy(out.data, inline_data, out.len);
		else
			memset(out.data, 0, out.len);
		break;
	case VIRTIO_ACCEL_BUF_SEGMENT:
		if (expected != UINT64_MAX && out.len != expected)
			return refuse(dec, "buffer of another length than the operation's");
		ret = map_segment(dec, ref, out.len, flags, parsed, align, &out.data, &out.staged);
		if (ret)
			return ret;
		out.segment = (uint32_t)ref;
		break;
	default:
		return refuse(dec, "unknown kind of buffer");
	}

	if (flags & VIRTIO_ACCEL_SEG_WRITE) {
		struct vop_output *o = vop_arena_alloc(dec->arena, sizeof(*o));

		if (!o)
			return out_of_memory(dec, "out of memory");
		*o = out;
		*dec->outputs_end = o;
		dec->outputs_end = &o->next;
		dec->reply_min += sizeof(struct virtio_accel_buf);
		if (out.where == VIRTIO_ACCEL_BUF_INLINE)
			dec->reply_min += VOP_ALIGN(out.len);
	}
	*data = out.data;
	*len = out.len;
	return VACCEL_OK;
}

static int take_string(struct vop_decoder *dec, char **s)
{
	uint64_t len;
	int ret = take_data(dec, VIRTIO_ACCEL_SEG_READ, true, 1, UINT64_MAX, (void **)s, &len);

	if (ret)
		return ret;
	if (*s && (!len || (*s)[len - 1] != '\0' || strlen(*s) + 1 != len))
		return refuse(dec, "string without its terminator");
	return VACCEL_OK;
}

/* Numbers may be used in place; whatever has an inner structure may not. */
static bool arg_is_parsed(uint32_t type)
{
	return type == VACCEL_ARG_RAW || type >= VACCEL_ARG_STRING;
}

static int take_args(struct vop_decoder *dec, uint64_t count, uint32_t flags, void **array)
{
	struct vaccel_arg *args;
	int ret;

	if (!plausible(dec, count, sizeof(struct virtio_accel_arg) + sizeof(struct virtio_accel_buf)))
		return refuse(dec, "more arguments than the message holds");
	args = vop_arena_alloc(dec->arena, count * sizeof(*args));
	if (!args)
		return out_of_memory(dec, "out of memory");
	memset(args, 0, count * sizeof(*args));

	for (uint64_t i = 0; i < count; i++) {
		const struct virtio_accel_arg *wire = take(dec, sizeof(*wire));
		uint64_t len;
		void *data;

		if (!wire)
			return refuse(dec, "message ends within an argument");
		args[i].type = le32toh(wire->type);
		args[i].custom_type_id = le32toh(wire->custom_id);
		if (args[i].type >= VACCEL_ARG_MAX)
			return refuse(dec, "unknown type of an argument");
		ret = take_data(dec, flags, arg_is_parsed(args[i].type), 8, UINT64_MAX, &data,
				&len);
		if (ret)
			return ret;
		if (args[i].type == VACCEL_ARG_STRING && (flags & VIRTIO_ACCEL_SEG_READ) && len &&
		    ((char *)data)[len - 1] != '\0')
			return refuse(dec, "string argument without its terminator");
		args[i].buf = len ? data : NULL;
		args[i].size = len;
	}
	*array = count ? args : NULL;
	return VACCEL_OK;
}

/* Data type and dimensions, which come before the buffer of a tensor's data. */
static int take_shape(struct vop_decoder *dec, uint32_t *data_type, uint32_t *nr_dims, int64_t *dims)
{
	const struct virtio_accel_tensor *wire = take(dec, sizeof(*wire));

	if (!wire)
		return refuse(dec, "message ends within a tensor");
	*data_type = le32toh(wire->data_type);
	*nr_dims = le32toh(wire->nr_dims);
	if (*nr_dims > VOP_MAX_DIMS)
		return refuse(dec, "tensor with too many dimensions");
	for (uint32_t d = 0; d < *nr_dims; d++)
		if (!take_u64(dec, (uint64_t *)&dims[d]))
			return refuse(dec, "message ends within a tensor");
	return VACCEL_OK;
}

static int take_tensors_in(struct vop_decoder *dec, enum vop_framework fw, uint64_t count,
			   void **array)
{
	void **tensors;
	int ret;

	if (!plausible(dec, count,
		       sizeof(struct virtio_accel_tensor) + sizeof(struct virtio_accel_buf)))
		return refuse(dec, "more tensors than the message holds");
	tensors = vop_arena_alloc(dec->arena, count * sizeof(*tensors));
	if (!tensors)
		return out_of_memory(dec, "out of memory");

	for (uint64_t i = 0; i < count; i++) {
		struct vop_tensor t;

		ret = take_shape(dec, &t.data_type, &t.nr_dims, t.dims);
		if (ret)
			return ret;
		ret = take_data(dec, VIRTIO_ACCEL_SEG_READ, false, TENSOR_ALIGN, UINT64_MAX,
				&t.data, &t.size);
		if (ret)
			return ret;
		if (!vop_tensor_check(fw, &t))
			return refuse(dec, "tensor with less data than its dimensions need");
		tensors[i] = vop_arena_alloc(dec->arena, vop_tensor_sizeof(fw, t.nr_dims));
		if (!tensors[i])
			return out_of_memory(dec, "out of memory");
		vop_tensor_put(fw, &t, tensors[i]);
	}
	*array = count ? tensors : NULL;
	return VACCEL_OK;
}

static int take_tensors_out(struct vop_decoder *dec, uint64_t count, void **array)
{
	void **tensors;

	if (!plausible(dec, count, sizeof(struct virtio_accel_buf)))
		return refuse(dec, "more tensors than the message holds");
	/* The plugin fills this in; null pointers are outputs that it did not make. */
	tensors = vop_arena_alloc(dec->arena, count * sizeof(*tensors));
	if (!tensors)
		return out_of_memory(dec, "out of memory");
	memset(tensors, 0, count * sizeof(*tensors));
	*array = tensors;

	for (uint64_t i = 0; i < count; i++) {
		const struct virtio_accel_buf *wire = take(dec, sizeof(*wire));
		struct vop_output *o = vop_arena_alloc(dec->arena, sizeof(*o));
		uint64_t ref;

		if (!wire)
			return refuse(dec, "message ends within a buffer");
		if (!o)
			return out_of_memory(dec, "out of memory");
		*o = (struct vop_output){.len = le64toh(wire->len), .where = le32toh(wire->where)};
		ref = le64toh(wire->ref);
		if (wire->reserved)
			return refuse(dec, "reserved field of a buffer is not 0");
		if (o->where == VIRTIO_ACCEL_BUF_SEGMENT) {
			if (ref >= dec->nr_segs || dec->segs[ref].len != o->len ||
			    !(dec->segs[ref].flags & VIRTIO_ACCEL_SEG_WRITE))
				return refuse(dec, "segment of another length or direction");
			o->segment = (uint32_t)ref;
		} else if (o->where != VIRTIO_ACCEL_BUF_NULL || o->len || ref) {
			return refuse(dec, "output tensor that is neither null nor a segment");
		}
		*dec->outputs_end = o;
		dec->outputs_end = &o->next;
		dec->reply_min += sizeof(struct virtio_accel_tensor) + 8 * VOP_MAX_DIMS +
				  sizeof(struct virtio_accel_buf);
	}
	return VACCEL_OK;
}

_Static_assert(VACCEL_INFER_MAX_DIMS == VOP_MAX_DIMS, "shapes of the interface travel");

/* Data of an input, or the room for an output. */
static int take_infer_data(struct vop_decoder *dec, bool out, struct vaccel_infer_tensor *t)
{
	uint64_t len;
	int ret = VACCEL_OK;

	if (out) {
		ret = take_data(dec, VIRTIO_ACCEL_SEG_WRITE, false, TENSOR_ALIGN, UINT64_MAX, &t->data, &len);
		if (!ret)
			t->room = (size_t)len;
		dec->reply_min += sizeof(struct virtio_accel_tensor) + 8 * VOP_MAX_DIMS;
		return ret;
	}
	ret = take_shape(dec, &t->datatype, &t->nr_dims, t->shape);
	/* Only BYTES have a structure, which must not change after it was checked. */
	if (!ret)
		ret = take_data(dec, VIRTIO_ACCEL_SEG_READ, t->datatype == VACCEL_INFER_BYTES, TENSOR_ALIGN,
				UINT64_MAX, &t->data, &len);
	if (!ret)
		t->size = (size_t)len;
	return ret;
}

/*
 * Tensors with names; whether shape and size belong together is libvaccel's to check. For an output the plugin
 * writes to the guest's buffer where there is one, else into memory of its own, which is freed with the request.
 */
static int take_infer(struct vop_decoder *dec, uint64_t count, bool out, void **array)
{
	struct vaccel_infer_tensor *tensors;
	int ret = VACCEL_OK;

	/* Each has at least a name and data. */
	if (!plausible(dec, count, 2 * sizeof(struct virtio_accel_buf)))
		return refuse(dec, "more tensors than the message holds");
	tensors = vop_arena_alloc(dec->arena, count * sizeof(*tensors));
	if (!tensors)
		return out_of_memory(dec, "out of memory");
	memset(tensors, 0, count * sizeof(*tensors));
	*array = count ? tensors : NULL;

	for (uint64_t i = 0; i < count && !ret; i++) {
		ret = take_string(dec, (char **)&tensors[i].name);
		if (!ret)
			ret = take_infer_data(dec, out, &tensors[i]);
	}
	return ret;
}

static int take_nodes(struct vop_decoder *dec, uint64_t count, void **array)
{
	struct vaccel_tf_node *nodes;
	uint64_t id;
	int ret;

	if (!plausible(dec, count, sizeof(id) + sizeof(struct virtio_accel_buf)))
		return refuse(dec, "more nodes than the message holds");
	nodes = vop_arena_alloc(dec->arena, count * sizeof(*nodes));
	if (!nodes)
		return out_of_memory(dec, "out of memory");

	for (uint64_t i = 0; i < count; i++) {
		if (!take_u64(dec, &id))
			return refuse(dec, "message ends within a node");
		if ((int64_t)id < INT32_MIN || (int64_t)id > INT32_MAX)
			return refuse(dec, "number out of range");
		nodes[i].id = (int)(int64_t)id;
		ret = take_string(dec, &nodes[i].name);
		if (ret)
			return ret;
		if (!nodes[i].name)
			return refuse(dec, "node without a name");
	}
	*array = count ? nodes : NULL;
	return VACCEL_OK;
}

static int take_messages(struct vop_decoder *dec, uint64_t count, void **array)
{
	struct vaccel_text_message *messages;
	int ret = VACCEL_OK;

	if (!plausible(dec, count, 2 * sizeof(struct virtio_accel_buf)))
		return refuse(dec, "more messages than the message holds");
	messages = vop_arena_alloc(dec->arena, count * sizeof(*messages));
	if (!messages)
		return out_of_memory(dec, "out of memory");

	for (uint64_t i = 0; i < count && !ret; i++) {
		ret = take_string(dec, (char **)&messages[i].role);
		if (!ret)
			ret = take_string(dec, (char **)&messages[i].content);
	}
	*array = count ? messages : NULL;
	return ret;
}

static int take_status(struct vop_decoder *dec, void **status)
{
	const struct virtio_accel_buf *wire = take(dec, sizeof(*wire));

	if (!wire || wire->len || wire->ref || wire->reserved ||
	    le32toh(wire->where) > VIRTIO_ACCEL_BUF_INLINE)
		return refuse(dec, "malformed status parameter");
	/* Plugins get one even where the guest's program wants none. */
	*status = vop_arena_alloc(dec->arena, sizeof(struct vaccel_tf_status));
	if (!*status)
		return out_of_memory(dec, "out of memory");
	memset(*status, 0, sizeof(struct vaccel_tf_status));
	dec->reply_min += sizeof(struct virtio_accel_op_status) + sizeof(struct virtio_accel_buf) +
			  VOP_MAX_STATUS_TEXT;
	return VACCEL_OK;
}

static int take_run_options(struct vop_decoder *dec, void **options)
{
	struct vaccel_tf_buffer *data = vop_arena_alloc(dec->arena, sizeof(*data));
	uint64_t len;
	int ret;

	if (!data)
		return out_of_memory(dec, "out of memory");
	ret = take_data(dec, VIRTIO_ACCEL_SEG_READ, true, 1, UINT64_MAX, &data->data, &len);
	if (ret)
		return ret;
	data->size = len;
	*options = data->data ? data : NULL;
	return VACCEL_OK;
}

static int take_value(struct vop_decoder *dec, unsigned int i)
{
	const struct vop_param *p = &dec->desc->params[i];
	uint64_t value;
	uint32_t bits;

	if (!take_u64(dec, &value))
		return refuse(dec, "message ends within its numbers");

	if (p->kind == VOP_RES) {
		dec->res = dec->ops->hold(dec->opaque, (int64_t)value);
		dec->vals[i].p = dec->res;
		if (!dec->res) {
			dec->why = "no such resource";
			return VACCEL_ENOENT;
		}
	} else if (p->ctype == VOP_F32) {
		bits = (uint32_t)value;
		if (value > UINT32_MAX)
			return refuse(dec, "number out of range");
		memcpy(&dec->vals[i].f, &bits, sizeof(bits));
	} else {
		dec->vals[i].i = (int64_t)value;
		if (!vop_fits(p, (int64_t)value))
			return refuse(dec, "number out of range");
	}
	return VACCEL_OK;
}

static int take_param(struct vop_decoder *dec, unsigned int i)
{
	const struct vop_param *p = &dec->desc->params[i];
	void **value = &dec->vals[i].p;
	uint64_t count, bytes, len;
	uint32_t flags = 0;
	int ret;

	if (vop_count(dec->desc, i, dec->vals, &count) || vop_bytes(p, count, &bytes))
		return refuse(dec, "length that makes no sense");

	switch (p->kind) {
	case VOP_IN:
	case VOP_OUT:
	case VOP_INOUT:
		if (p->kind != VOP_OUT)
			flags |= VIRTIO_ACCEL_SEG_READ;
		if (p->kind != VOP_IN)
			flags |= VIRTIO_ACCEL_SEG_WRITE;
		ret = take_data(dec, flags, p->parsed, p->elem_size, bytes, value, &len);
		if (!ret && bytes && !*value && !p->nullable)
			ret = refuse(dec, "null pointer where a buffer is needed");
		return ret;
	case VOP_STR:
		ret = take_string(dec, (char **)value);
		if (!ret && !*value)
			ret = refuse(dec, "null pointer where a string is needed");
		return ret;
	case VOP_ARGS_IN:
		return take_args(dec, count, VIRTIO_ACCEL_SEG_READ, value);
	case VOP_ARGS_INOUT:
		return take_args(dec, count, VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE, value);
	case VOP_TENSORS_IN:
		return take_tensors_in(dec, p->framework, count, value);
	case VOP_TENSORS_OUT:
		return take_tensors_out(dec, count, value);
	case VOP_INFER_IN:
	case VOP_INFER_OUT:
		return take_infer(dec, count, p->kind == VOP_INFER_OUT, value);
	case VOP_NODES:
		return take_nodes(dec, count, value);
	case VOP_MESSAGES:
		return take_messages(dec, count, value);
	case VOP_STATUS:
		return take_status(dec, value);
	case VOP_DATA:
		return take_run_options(dec, value);
	default:
		return refuse(dec, "unknown kind of parameter");
	}
}

const struct vop_desc *vop_peek(const uint8_t *msg, uint32_t len, int64_t *session)
{
	const struct virtio_accel_msg *head = (const void *)msg;

	if (len < sizeof(*head))
		return NULL;
	*session = (int64_t)le64toh(head->session);
	return vop_find(le16toh(head->op));
}

int vop_decode(struct vop_decoder *dec, const uint8_t *msg, uint32_t len, uint32_t reply_cap)
{
	const struct virtio_accel_msg *head = (const void *)msg;
	int ret = VACCEL_OK;

	dec->msg = msg;
	dec->len = len;
	dec->pos = 0;
	dec->why = "";
	dec->session = 0;
	dec->staged = 0;
	dec->wants_times = false;
	dec->reply_min = 0;
	dec->reply_cap = reply_cap;
	dec->outputs = NULL;
	dec->outputs_end = &dec->outputs;
	dec->res = NULL;
	memset(dec->vals, 0, sizeof(dec->vals));
	memset(&dec->traffic, 0, sizeof(dec->traffic));

	dec->desc = vop_peek(msg, len, &dec->session);
	if (len < sizeof(*head) || le16toh(head->flags) & ~VIRTIO_ACCEL_MSG_TIMES || head->reserved)
		return refuse(dec, "malformed message");
	dec->wants_times = head->flags;
	if (dec->wants_times)
		dec->reply_min = sizeof(struct virtio_accel_times);
	if (!dec->desc) {
		dec->why = "unknown operation";
		return VACCEL_ENOTSUP;
	}
	dec->pos = sizeof(*head);

	for (unsigned int i = 0; i < dec->desc->nr_params && !ret; i++)
		if (vop_is_value(&dec->desc->params[i]))
			ret = take_value(dec, i);
	for (unsigned int i = 0; i < dec->desc->nr_params && !ret; i++)
		if (!vop_is_value(&dec->desc->params[i]))
			ret = take_param(dec, i);
	if (ret)
		return ret;
	if (dec->pos != dec->len)
		return refuse(dec, "bytes after the end of the message");
	if (dec->reply_min > reply_cap)
		return refuse(dec, "no room for the reply");
	return VACCEL_OK;
}

/* ---- Writing the reply ---------------------------------------------------------------------- */

struct writer {
	uint8_t *p;
	uint32_t pos;
	uint64_t spare; /* room that no later output has a right to */
};

/* Cannot run over: vop_decode() has checked that what must be in the reply fits. */
static void put(struct writer *w, const void *data, uint64_t size)
{
	if (size) /* data may be null then */
		memcpy(w->p + w->pos, data, size);
	memset(w->p + w->pos + size, 0, VOP_ALIGN(size) - size);
	w->pos += (uint32_t)VOP_ALIGN(size);
}

static void put_buf(struct writer *w, uint64_t len, uint64_t ref, uint32_t where)
{
	struct virtio_accel_buf buf = {htole64(len), htole64(ref), htole32(where), 0};

	put(w, &buf, sizeof(buf));
}

static struct vop_output *next_output(struct vop_decoder *dec)
{
	struct vop_output *o = dec->outputs;

	dec->outputs = o->next;
	return o;
}

static void put_data(struct vop_decoder *dec, struct writer *w)
{
	struct vop_output *o = next_output(dec);

	if (o->where == VIRTIO_ACCEL_BUF_SEGMENT && o->staged) {
		copy_to_segment(&dec->segs[o->segment], o->data, o->len);
		dec->traffic.written_back += o->len;
	}
	put_buf(w, o->len, 0, o->where);
	if (o->where == VIRTIO_ACCEL_BUF_INLINE)
		put(w, o->data, o->len);
}

static void put_shape(struct writer *w, uint32_t data_type, uint32_t nr_dims, const int64_t *dims)
{
	struct virtio_accel_tensor head = {htole32(data_type), htole32(nr_dims)};

	put(w, &head, sizeof(head));
	for (uint32_t d = 0; d < nr_dims; d++) {
		uint64_t dim = htole64((uint64_t)dims[d]);

		put(w, &dim, sizeof(dim));
	}
}

/* Data for which the guest has no buffer, in the reply if it is small. Return: whether it is there. */
static bool put_small(struct writer *w, const void *data, uint64_t size)
{
	if (size > VOP_OUTPUT_MAX || VOP_ALIGN(size) > w->spare)
		return false;
	w->spare -= VOP_ALIGN(size);
	put_buf(w, size, 0, VIRTIO_ACCEL_BUF_INLINE);
	put(w, data, size);
	return true;
}

/* Takes over data, malloc()ed, which stays until the guest fetches it. NULL: there was no memory for it. */
static int put_kept(struct vop_decoder *dec, struct writer *w, void *data, uint64_t size)
{
	uint64_t id = data ? dec->ops->keep(dec->opaque, data, size) : 0;

	put_buf(w, id ? size : 0, id, id ? VIRTIO_ACCEL_BUF_KEPT : VIRTIO_ACCEL_BUF_NULL);
	return id ? VACCEL_OK : out_of_memory(dec, "no memory left to keep an output");
}

static int put_tensor(struct vop_decoder *dec, struct writer *w, enum vop_framework fw,
		      void *tensor)
{
	struct vop_output *o = next_output(dec);
	struct vop_tensor t = {0};
	int ret = VACCEL_OK;
	void *data;

	if (tensor && vop_tensor_get(fw, tensor, &t)) {
		dec->why = "the plugin made a malformed tensor";
		ret = VACCEL_EBACKEND;
	}
	if (!tensor || ret) {
		put_shape(w, 0, 0, NULL);
		put_buf(w, 0, 0, VIRTIO_ACCEL_BUF_NULL);
		return ret;
	}

	put_shape(w, t.data_type, t.nr_dims, t.dims);
	if (o->where == VIRTIO_ACCEL_BUF_SEGMENT && t.size <= o->len) {
		copy_to_segment(&dec->segs[o->segment], t.data, t.size);
		dec->traffic.written_back += t.size;
		put_buf(w, t.size, 0, VIRTIO_ACCEL_BUF_SEGMENT);
		return VACCEL_OK;
	}
	if (put_small(w, t.data, t.size))
		return VACCEL_OK;
	data = vop_tensor_take(fw, tensor);
	if (!data) {
		data = malloc(t.size ? t.size : 1);
		if (data)
			memcpy(data, t.data, t.size);
	}
	return put_kept(dec, w, data, t.size);
}

/* An output of an inference: in the guest's buffer, or too large for it, or without one. */
static int put_infer(struct vop_decoder *dec, struct writer *w, struct vaccel_infer_tensor *t)
{
	struct vop_output *o = next_output(dec);
	bool has_buffer = o->where != VIRTIO_ACCEL_BUF_NULL;
	void *data;

	if (t->nr_dims > VOP_MAX_DIMS || (has_buffer && t->data != o->data)) {
		put_shape(w, 0, 0, NULL);
		put_buf(w, 0, 0, VIRTIO_ACCEL_BUF_NULL);
		dec->why = "the plugin made a malformed tensor";
		return VACCEL_EBACKEND;
	}
	put_shape(w, t->datatype, t->nr_dims, t->shape);
	/* Of a call that failed, the size, where the plugin has come that far */
	if (!t->data || !t->datatype || (has_buffer && t->size > o->len)) {
		put_buf(w, t->size, 0, VIRTIO_ACCEL_BUF_NULL);
		return VACCEL_OK;
	}
	if (has_buffer) {
		if (o->staged) {
			copy_to_segment(&dec->segs[o->segment], t->data, t->size);
			dec->traffic.written_back += t->size;
		}
		put_buf(w, t->size, 0, o->where);
		if (o->where == VIRTIO_ACCEL_BUF_INLINE)
			put(w, t->data, t->size);
		return VACCEL_OK;
	}
	if (put_small(w, t->data, t->size))
		return VACCEL_OK;
	data = t->data;
	t->data = NULL;
	t->owned = false;
	return put_kept(dec, w, data, t->size);
}

static void put_status(struct writer *w, const struct vaccel_tf_status *status)
{
	struct virtio_accel_op_status head = {.code = htole32(status->code)};
	char text[VOP_MAX_STATUS_TEXT];
	size_t len;

	put(w, &head, sizeof(head));
	if (!status->message) {
		put_buf(w, 0, 0, VIRTIO_ACCEL_BUF_NULL);
		return;
	}
	len = strnlen(status->message, sizeof(text) - 1);
	memcpy(text, status->message, len);
	text[len] = '\0';
	put_buf(w, len + 1, 0, VIRTIO_ACCEL_BUF_INLINE);
	put(w, text, len + 1);
}

int vop_encode_reply(struct vop_decoder *dec, uint8_t *reply, uint32_t cap, uint32_t *len)
{
	struct writer w = {.p = reply, .spare = cap - dec->reply_min};
	int ret = VACCEL_OK, failed;
	uint64_t count;

	for (unsigned int i = 0; i < dec->desc->nr_params; i++) {
		const struct vop_param *p = &dec->desc->params[i];

		vop_count(dec->desc, i, dec->vals, &count);
		switch (p->kind) {
		case VOP_OUT:
		case VOP_INOUT:
			put_data(dec, &w);
			break;
		case VOP_ARGS_INOUT:
			for (uint64_t n = 0; n < count; n++)
				put_data(dec, &w);
			break;
		case VOP_TENSORS_OUT:
			for (uint64_t n = 0; n < count; n++) {
				failed = put_tensor(dec, &w, p->framework,
						    ((void **)dec->vals[i].p)[n]);
				if (failed)
					ret = failed;
			}
			break;
		case VOP_INFER_OUT:
			for (uint64_t n = 0; n < count; n++) {
				failed = put_infer(dec, &w,
						   (struct vaccel_infer_tensor *)dec->vals[i].p + n);
				if (failed)
					ret = failed;
			}
			break;
		case VOP_STATUS:
			put_status(&w, dec->vals[i].p);
			break;
		default:
			break;
		}
	}
	*len = w.pos;
	return ret;
}

void vop_put_times(uint8_t *reply, uint32_t *len, const struct vop_times *t)
{
	const struct virtio_accel_times times = {
		.taken = htole64(t->taken),
		.begun = htole64(t->begun),
		.ended = htole64(t->ended),
		.replied = htole64(t->replied),
	};

	memcpy(reply + *len, &times, sizeof(times));
	*len += (uint32_t)sizeof(times);
}

void vop_decoder_finish(struct vop_decoder *dec)
{
	uint64_t count;

	for (unsigned int i = 0; dec->desc && i < dec->desc->nr_params; i++) {
		const struct vop_param *p = &dec->desc->params[i];

		if (!dec->vals[i].p)
			continue;
		if (p->kind == VOP_TENSORS_OUT &&
		    !vop_count(dec->desc, i, dec->vals, &count))
			for (uint64_t n = 0; n < count; n++)
				vop_tensor_delete(p->framework, ((void **)dec->vals[i].p)[n]);
		else if (p->kind == VOP_INFER_OUT && !vop_count(dec->desc, i, dec->vals, &count))
			for (uint64_t n = 0; n < count; n++)
				vaccel_infer_tensor_release((struct vaccel_infer_tensor *)dec->vals[i].p + n);
		else if (p->kind == VOP_STATUS)
			vaccel_tf_status_release(dec->vals[i].p);
	}
	if (dec->res)
		dec->ops->unhold(dec->opaque, dec->res);
	if (dec->staged)
		dec->ops->uncharge(dec->opaque, dec->staged);
	vop_arena_reset(dec->arena);
}
