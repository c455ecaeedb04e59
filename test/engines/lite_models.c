// SPDX-License-Identifier: Apache-2.0
/*
 * FlatBuffers with tensorflow/compiler/mlir/lite/schema/schema.fbs. Parents come before their children, so
 * that each offset points forwards, as it must.
 */
#include "lite_models.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 65536
#define ADD_OPTIONS 11 /* in BuiltinOptions */

struct flat {
	uint8_t *data;
	size_t size;
};

static void align(struct flat *f, size_t to, size_t ahead)
{
	while ((f->size + ahead) % to)
		f->size++;
}

static void put(struct flat *f, size_t at, const void *value, size_t size)
{
	memcpy(f->data + at, value, size);
}

static void put32(struct flat *f, size_t at, uint32_t value)
{
	put(f, at, &value, sizeof(value));
}

/* Makes the offset at a place point to the end. */
static void point_here(struct flat *f, size_t at)
{
	put32(f, at, (uint32_t)(f->size - at));
}

/* A table with fields of 4 bytes each. Return: where the first one is, the others behind it. */
static size_t table(struct flat *f, size_t from, const int *fields, int nr)
{
	int slots = nr ? fields[nr - 1] + 1 : 0;
	size_t vtable, start;
	uint16_t value;

	align(f, 4, 2 * (size_t)slots + 4);
	vtable = f->size;
	value = (uint16_t)(4 + 2 * slots);
	put(f, vtable, &value, 2);
	value = (uint16_t)(4 + 4 * nr);
	put(f, vtable + 2, &value, 2);
	for (int i = 0; i < nr; i++) {
		value = (uint16_t)(4 + 4 * i);
		put(f, vtable + 4 + 2 * (size_t)fields[i], &value, 2);
	}
	f->size = start = vtable + 4 + 2 * (size_t)slots;
	put32(f, start, (uint32_t)(start - vtable));
	point_here(f, from);
	f->size += 4 + 4 * (size_t)nr;
	return start + 4;
}

static void bytes(struct flat *f, size_t from, const void *data, size_t size)
{
	align(f, 16, 4);
	point_here(f, from);
	put32(f, f->size, (uint32_t)size);
	put(f, f->size + 4, data, size);
	f->size += 4 + size;
}

static void text(struct flat *f, size_t from, const char *s)
{
	align(f, 4, 4);
	point_here(f, from);
	put32(f, f->size, (uint32_t)strlen(s));
	put(f, f->size + 4, s, strlen(s) + 1);
	f->size += 4 + strlen(s) + 1;
}

static void ints(struct flat *f, size_t from, const int *values, int nr)
{
	align(f, 4, 4);
	point_here(f, from);
	put32(f, f->size, (uint32_t)nr);
	put(f, f->size + 4, values, 4 * (size_t)nr);
	f->size += 4 + 4 * (size_t)nr;
}

/* Return: where the first of nr offsets is. */
static size_t offsets(struct flat *f, size_t from, int nr)
{
	size_t at;

	align(f, 4, 4);
	point_here(f, from);
	put32(f, f->size, (uint32_t)nr);
	at = f->size + 4;
	f->size = at + 4 * (size_t)nr;
	return at;
}

static void put_tensor(struct flat *f, size_t from, const struct lite_tensor *t, int buffer)
{
	static const int fields[] = {0, 1, 2, 3, 7};
	bool open = false;
	size_t at;

	for (int i = 0; i < t->nr_dims; i++)
		open |= t->signature[i] != 0;
	at = table(f, from, fields, open ? 5 : 4);
	ints(f, at, t->dims, t->nr_dims);
	f->data[at + 4] = (uint8_t)t->type;
	put32(f, at + 8, (uint32_t)buffer);
	text(f, at + 12, t->name);
	if (open)
		ints(f, at + 16, t->signature, t->nr_dims);
}

static void put_graph(struct flat *f, size_t from, const struct lite_model *m)
{
	static const int fields[] = {0, 1, 2, 3}, op_fields[] = {0, 1, 2, 3, 4};
	size_t at = table(f, from, fields, 4), list;

	list = offsets(f, at, m->nr_tensors);
	for (int i = 0; i < m->nr_tensors; i++)
		put_tensor(f, list + 4 * (size_t)i, &m->tensors[i], m->tensors[i].data ? i + 1 : 0);
	ints(f, at + 4, m->in, m->nr_in);
	ints(f, at + 8, m->out, m->nr_out);
	list = offsets(f, at + 12, m->nr_ops);
	for (int i = 0; i < m->nr_ops; i++) {
		bool is_add = m->ops[i].code == LITE_ADD;
		size_t op = table(f, list + 4 * (size_t)i, op_fields, is_add ? 5 : 3);

		put32(f, op, (uint32_t)i);
		ints(f, op + 4, m->ops[i].in, m->ops[i].nr_in);
		ints(f, op + 8, m->ops[i].out, m->ops[i].nr_out);
		if (is_add) {
			f->data[op + 12] = ADD_OPTIONS;
			table(f, op + 16, NULL, 0);
		}
	}
}

static void put_codes(struct flat *f, size_t from, const struct lite_model *m)
{
	static const int builtin[] = {0, 2, 3}, custom[] = {0, 1, 2, 3};
	size_t list = offsets(f, from, m->nr_ops);

	for (int i = 0; i < m->nr_ops; i++) {
		const struct lite_op *op = &m->ops[i];
		size_t at = table(f, list + 4 * (size_t)i, op->custom ? custom : builtin,
				  op->custom ? 4 : 3);

		f->data[at] = (uint8_t)op->code;
		if (op->custom) {
			text(f, at + 4, op->custom);
			at += 4;
		}
		put32(f, at + 4, 1); /* version */
		put32(f, at + 8, (uint32_t)op->code);
	}
}

uint8_t *lite_bytes(const struct lite_model *m, size_t *size)
{
	static const int root[] = {0, 1, 2, 4}, data[] = {0};
	struct flat f = {calloc(1, ROOM), 8};
	size_t at, list;

	if (!f.data)
		return NULL;
	put(&f, 4, "TFL3", 4);
	at = table(&f, 0, root, 4);
	put32(&f, at, 3); /* version of the schema */
	put_codes(&f, at + 4, m);
	list = offsets(&f, at + 8, 1);
	put_graph(&f, list, m);
	list = offsets(&f, at + 12, m->nr_tensors + 1);
	table(&f, list, NULL, 0); /* that of tensors without data */
	for (int i = 0; i < m->nr_tensors; i++) {
		const struct lite_tensor *t = &m->tensors[i];
		size_t buffer = table(&f, list + 4 * (size_t)(i + 1), data, t->data ? 1 : 0);

		if (t->data)
			bytes(&f, buffer, t->data, t->size);
	}
	*size = f.size;
	return f.data;
}

const struct lite_model lite_sums = {
	.nr_tensors = 5,
	.tensors = {
		{.name = "a", .type = LITE_FLOAT32, .nr_dims = 2, .dims = {1, 3}, .signature = {-1, 3}},
		{.name = "b", .type = LITE_FLOAT32, .nr_dims = 2, .dims = {1, 3}},
		{.name = "a+b", .type = LITE_FLOAT32, .nr_dims = 2, .dims = {1, 3}},
		{.name = "c", .type = LITE_INT32, .nr_dims = 1, .dims = {2}},
		{.name = "c+c", .type = LITE_INT32, .nr_dims = 1, .dims = {2}},
	},
	.nr_ops = 2,
	.ops = {
		{.code = LITE_ADD, .nr_in = 2, .in = {0, 1}, .nr_out = 1, .out = {2}},
		{.code = LITE_ADD, .nr_in = 2, .in = {3, 3}, .nr_out = 1, .out = {4}},
	},
	.nr_in = 3,
	.in = {0, 1, 3},
	.nr_out = 2,
	.out = {2, 4},
};
