// SPDX-License-Identifier: Apache-2.0
/*
 * Any op through one call with arguments. Which parameter each argument stands for, its type and
 * how lengths hang together is in the table of operations; nothing here knows a single op.
 *
 * The arguments are a program's or, on a host, a guest's: every size is checked before the op sees
 * a pointer.
 */
#include <stdlib.h>
#include <string.h>

#include "async.h"
#include "op.h"
#include "ops/vop.h"
#include "vaccel/infer.h"
#include "vaccel/ops/genop.h"
#include "vaccel/text.h"

/* What has been taken from the arguments so far. */
struct call {
	const struct vop_desc *desc;
	union vop_val vals[VOP_MAX_PARAMS];
	uint64_t sizes[VOP_MAX_PARAMS]; /* bytes of buffers, entries of argument arrays */
	bool given[VOP_MAX_PARAMS];
};

/* ---- The op's public call with values from an array ---------------------------------------- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#define X_THUNK(NAME, number, call, ...)                                                          \
	static int thunk_##NAME(struct vaccel_session *sess, const union vop_val *v)              \
	{                                                                                         \
		(void)v;                                                                          \
		return call(sess VOP_CALL_ARGS(NAME));                                            \
	}
OPS(X_THUNK)
EXT_OPS(X_THUNK)
#pragma GCC diagnostic pop

#define X_ENTRY(NAME, ...) thunk_##NAME,
static int (*const thunks[VOP_NR_OPS])(struct vaccel_session *, const union vop_val *) = {
	OPS(X_ENTRY) EXT_OPS(X_ENTRY)};

int op_call(struct vaccel_session *sess, vaccel_op_type_t type, const union vop_val *vals)
{
	return thunks[vop_slot(type)](sess, vals);
}

/* ---- One argument to one parameter ---------------------------------------------------------- */

static int take_number(const struct vop_param *p, const struct vaccel_arg *arg, union vop_val *val)
{
	int32_t i32;
	uint32_t u32;

	if (!arg->buf)
		return VACCEL_EINVAL;

	switch (p->ctype) {
	case VOP_F32:
		if (arg->size != sizeof(val->f))
			return VACCEL_EINVAL;
		memcpy(&val->f, arg->buf, sizeof(val->f));
		return VACCEL_OK;
	case VOP_I32:
		if (arg->size != sizeof(i32))
			return VACCEL_EINVAL;
		memcpy(&i32, arg->buf, sizeof(i32));
		val->i = i32;
		return VACCEL_OK;
	case VOP_U32:
		if (arg->size != sizeof(u32))
			return VACCEL_EINVAL;
		memcpy(&u32, arg->buf, sizeof(u32));
		val->i = u32;
		return VACCEL_OK;
	default:
		if (arg->size != sizeof(val->i))
			return VACCEL_EINVAL;
		memcpy(&val->i, arg->buf, sizeof(val->i));
		return vop_fits(p, val->i) ? VACCEL_OK : VACCEL_EINVAL;
	}
}

static int take_resource(const struct vaccel_arg *arg, union vop_val *val)
{
	struct vaccel_resource *res;
	int64_t id;
	int ret;

	if (!arg->buf || arg->size != sizeof(id))
		return VACCEL_EINVAL;
	memcpy(&id, arg->buf, sizeof(id));

	ret = vaccel_resource_get_by_id(&res, id);
	if (!ret)
		val->p = res;
	return ret;
}

/* An argument's string; NULL: it is none. */
static const char *string_of(const struct vaccel_arg *arg)
{
	return arg->buf && arg->size && !((const char *)arg->buf)[arg->size - 1] ? arg->buf : NULL;
}

static int take(struct call *call, unsigned int index, const struct vaccel_arg *arg)
{
	const struct vop_param *p = &call->desc->params[index];
	union vop_val *val = &call->vals[index];

	if (p->gtype != VACCEL_ARG_RAW && arg->type != p->gtype)
		return VACCEL_EINVAL;
	call->given[index] = true;

	switch (p->kind) {
	case VOP_VAL:
		return take_number(p, arg, val);
	case VOP_RES:
		return take_resource(arg, val);
	case VOP_STR:
		if (!string_of(arg))
			return VACCEL_EINVAL;
		val->p = arg->buf;
		return VACCEL_OK;
	case VOP_IN:
	case VOP_OUT:
	case VOP_INOUT:
		/* What is read of a struct here must be where the machine can. */
		if (!arg->buf || !arg->size || (p->elem_size > sizeof(*val) && (uintptr_t)arg->buf % _Alignof(union vop_val)))
			return VACCEL_EINVAL;
		val->p = arg->buf;
		call->sizes[index] = arg->size;
		return VACCEL_OK;
	default:
		return VACCEL_EINVAL;
	}
}

/* ---- Tensors: of each its description, and its data ------------------------------------------ */

/* Of an output, the description says the name, and the data is the buffer. There are no pointers in either. */
static int take_tensor(struct vaccel_arg *args, bool output, struct vaccel_infer_tensor *t)
{
	struct vaccel_infer_desc *d = args[0].buf;

	if (!d || args[0].size != sizeof(*d) || (uintptr_t)d % _Alignof(struct vaccel_infer_desc) ||
	    strnlen(d->name, sizeof(d->name)) == sizeof(d->name) ||
	    ((output || args[1].size) && !args[1].buf))
		return VACCEL_EINVAL;
	*t = (struct vaccel_infer_tensor){.name = *d->name ? d->name : NULL, .data = args[1].buf};
	if (output) {
		t->room = args[1].size;
		return VACCEL_OK;
	}
	if (d->nr_dims > VACCEL_INFER_MAX_DIMS)
		return VACCEL_EINVAL;
	t->size = args[1].size;
	t->datatype = d->datatype;
	t->nr_dims = d->nr_dims;
	memcpy(t->shape, d->shape, sizeof(t->shape));
	return VACCEL_OK;
}

static int take_tensors(struct call *call, unsigned int index, struct vaccel_arg *args, size_t nr_args)
{
	struct vaccel_infer_tensor *tensors;
	int ret = VACCEL_OK;

	if (nr_args % 2 || nr_args / 2 > VACCEL_INFER_MAX_TENSORS)
		return VACCEL_EINVAL;
	tensors = calloc(nr_args / 2 + 1, sizeof(*tensors));
	if (!tensors)
		return VACCEL_ENOMEM;
	call->vals[index].p = tensors;
	call->sizes[index] = nr_args / 2;
	call->given[index] = true;
	for (size_t i = 0; i < nr_args / 2 && !ret; i++)
		ret = take_tensor(&args[2 * i], call->desc->params[index].kind == VOP_INFER_OUT, &tensors[i]);
	return ret;
}

/* What the outputs are; of a call that failed, the sizes of the arguments stay. */
static void give_tensors(const struct call *call, struct vaccel_arg *write, bool good)
{
	for (unsigned int i = 0; i < call->desc->nr_params; i++) {
		const struct vaccel_infer_tensor *t = call->vals[i].p;

		if (call->desc->params[i].kind != VOP_INFER_OUT)
			continue;
		for (uint64_t n = 0; n < call->sizes[i]; n++, t++) {
			struct vaccel_infer_desc *d = write[2 * n].buf;

			d->datatype = t->datatype;
			d->nr_dims = t->nr_dims;
			memcpy(d->shape, t->shape, sizeof(d->shape));
			if (good)
				write[2 * n + 1].size = t->size;
		}
	}
}

/* ---- Messages: of each its role, and its content --------------------------------------------- */

/* An empty role is none. */
static int take_messages(struct call *call, unsigned int index, const struct vaccel_arg *args, size_t nr_args)
{
	struct vaccel_text_message *messages;

	if (nr_args % 2 || nr_args / 2 > VACCEL_TEXT_MAX_MESSAGES)
		return VACCEL_EINVAL;
	messages = calloc(nr_args / 2 + 1, sizeof(*messages));
	if (!messages)
		return VACCEL_ENOMEM;
	call->vals[index].p = messages;
	call->sizes[index] = nr_args / 2;
	call->given[index] = true;
	for (size_t i = 0; i < nr_args / 2; i++) {
		const char *role = string_of(&args[2 * i]);

		messages[i].content = string_of(&args[2 * i + 1]);
		if (!role || !messages[i].content)
			return VACCEL_EINVAL;
		messages[i].role = *role ? role : NULL;
	}
	return VACCEL_OK;
}

/* ---- Arrays of the call's own ---------------------------------------------------------------- */

static bool is_own_array(const struct vop_param *p)
{
	return p->kind == VOP_INFER_IN || p->kind == VOP_INFER_OUT || p->kind == VOP_MESSAGES;
}

static bool has_own_arrays(const struct vop_desc *desc)
{
	for (unsigned int i = 0; i < desc->nr_params; i++)
		if (is_own_array(&desc->params[i]))
			return true;
	return false;
}

static void free_own_arrays(const struct call *call)
{
	for (unsigned int i = 0; i < call->desc->nr_params; i++)
		if (is_own_array(&call->desc->params[i]))
			free(call->vals[i].p);
}

/* ---- All arguments -------------------------------------------------------------------------- */

static int find_param(const struct vop_desc *desc, const char *name, size_t len)
{
	for (int i = 0; i < desc->nr_params; i++)
		if (strlen(desc->params[i].name) == len && !memcmp(desc->params[i].name, name, len))
			return i;
	return -1;
}

/* Takes the parameters that the blank-separated names say; they use up all arguments. */
static int take_list(struct call *call, const char *names, struct vaccel_arg *args, size_t nr_args)
{
	size_t used = 0;

	while (*names) {
		size_t len = strcspn(names, " ");
		int index = find_param(call->desc, names, len);
		int ret;

		if (index < 0)
			return VACCEL_EINVAL;
		names += len;
		names += strspn(names, " ");

		switch (call->desc->params[index].kind) {
		case VOP_ARGS_IN:
		case VOP_ARGS_INOUT:
			call->vals[index].p = used < nr_args ? &args[used] : NULL;
			call->sizes[index] = nr_args - used;
			call->given[index] = true;
			used = nr_args;
			continue;
		case VOP_INFER_IN:
		case VOP_INFER_OUT:
			ret = take_tensors(call, (unsigned int)index, args + used, nr_args - used);
			if (ret)
				return ret;
			used = nr_args;
			continue;
		case VOP_MESSAGES:
			ret = take_messages(call, (unsigned int)index, args + used, nr_args - used);
			if (ret)
				return ret;
			used = nr_args;
			continue;
		default:
			if (used == nr_args)
				return VACCEL_EINVAL;
			ret = take(call, (unsigned int)index, &args[used++]);
			if (ret)
				return ret;
		}
	}

	return used == nr_args ? VACCEL_OK : VACCEL_EINVAL;
}

/* Number of elements in a given buffer or argument array. */
static int elements(const struct call *call, unsigned int index, uint64_t *count)
{
	const struct vop_param *p = &call->desc->params[index];

	if (p->kind == VOP_ARGS_IN || p->kind == VOP_ARGS_INOUT || is_own_array(p)) {
		*count = call->sizes[index];
		return VACCEL_OK;
	}
	if (call->sizes[index] % p->elem_size)
		return VACCEL_EINVAL;
	*count = call->sizes[index] / p->elem_size;
	return VACCEL_OK;
}

/* A length that has no argument of its own is that of the first buffer that it belongs to. */
static int derive_lengths(struct call *call)
{
	const struct vop_desc *desc = call->desc;

	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];
		uint64_t count;
		int len, ret;

		if (p->length.rule != VOP_LEN_OF || !call->given[i])
			continue;
		len = p->length.arg[0];
		if (call->given[len])
			continue;

		ret = elements(call, i, &count);
		if (ret)
			return ret;
		if (count > INT64_MAX || !vop_fits(&desc->params[len], (int64_t)count))
			return VACCEL_EINVAL;
		call->vals[len].i = (int64_t)count;
		call->given[len] = true;
	}
	return VACCEL_OK;
}

/* Every buffer is at least as long as the numbers say, and no parameter is missing. */
static int check(const struct call *call)
{
	const struct vop_desc *desc = call->desc;

	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];
		uint64_t bytes;

		if (!call->given[i])
			return VACCEL_EINVAL;
		if (p->kind != VOP_IN && p->kind != VOP_OUT && p->kind != VOP_INOUT)
			continue;
		if (vop_length(desc, i, call->vals, &bytes) || bytes > call->sizes[i])
			return VACCEL_EINVAL;
	}
	return VACCEL_OK;
}

static const struct vop_desc *find_op(const struct vaccel_arg *arg)
{
	uint8_t code;

	if (arg->type != VACCEL_ARG_UINT8 || arg->size != sizeof(code) || !arg->buf)
		return NULL;
	code = *(const uint8_t *)arg->buf;
	if (code == VACCEL_OP_NOOP || !vop_is_op(code))
		return NULL;
	return vop_find(code);
}

int vaccel_genop(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
		 struct vaccel_arg *write, int nr_write)
{
	struct call call = {0};
	int ret;

	if (!sess || !read || nr_read < 1 || nr_write < 0 || (!write && nr_write)) {
		vaccel_error("genop: no session or no arguments");
		return VACCEL_EINVAL;
	}

	call.desc = find_op(&read[0]);
	if (!call.desc) {
		vaccel_error("genop: the first argument is not the code of an operation");
		return VACCEL_EINVAL;
	}
	if (!*call.desc->genop_read && !*call.desc->genop_write) {
		vaccel_error("genop: %s has no generic form", call.desc->name);
		return VACCEL_ENOTSUP;
	}

	/* The call's own array of them would be gone before it is done. */
	if (has_own_arrays(call.desc) && async_wanted()) {
		vaccel_error("genop: %s cannot be submitted: call it by its name", call.desc->name);
		return VACCEL_ENOTSUP;
	}

	ret = take_list(&call, call.desc->genop_read, &read[1], (size_t)nr_read - 1);
	if (!ret)
		ret = take_list(&call, call.desc->genop_write, write, (size_t)nr_write);
	if (!ret)
		ret = derive_lengths(&call);
	if (!ret)
		ret = check(&call);
	if (ret) {
		vaccel_error("genop: the arguments do not fit %s (%d)", call.desc->name, ret);
		free_own_arrays(&call);
		return ret;
	}

	ret = op_call(sess, (vaccel_op_type_t)call.desc->code, call.vals);
	give_tensors(&call, write, !ret);
	free_own_arrays(&call);
	return ret;
}
