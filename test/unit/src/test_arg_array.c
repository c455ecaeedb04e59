// SPDX-License-Identifier: Apache-2.0
/* Argument arrays: each type, positions, ranges, the program's own types. */
#include "no_memory.h"
#include "util.h"

#include <errno.h>
#include <stdbool.h>

#include "vaccel.h"

/* Adds, gets and sets one value and an array of a type, with the errors that belong to it. */
#define DEFINE_NUMERIC_TEST(NAME, TYPE, SCALAR, ARRAY)                                           \
	static void numeric_##NAME(void **state)                                                 \
	{                                                                                        \
		TYPE one = 1, none = 0, many[3] = { 1, 0, 1 }, few[4] = { 0 }, *got = NULL;      \
		struct vaccel_arg_array a;                                                       \
		size_t nr = 77;                                                                  \
                                                                                                 \
		(void)state;                                                                     \
		assert_int_equal(vaccel_arg_array_init(&a, 1), 0);                               \
		assert_int_equal(vaccel_arg_array_add_##NAME(&a, NULL), VACCEL_EINVAL);          \
		assert_int_equal(vaccel_arg_array_add_##NAME(NULL, &one), VACCEL_EINVAL);        \
		assert_int_equal(vaccel_arg_array_add_##NAME##_array(&a, many, 0),               \
				 VACCEL_EINVAL);                                                 \
		assert_int_equal(vaccel_arg_array_add_##NAME##_array(&a, NULL, 3),               \
				 VACCEL_EINVAL);                                                 \
		if (sizeof(TYPE) > 1)                                                            \
			assert_int_equal(vaccel_arg_array_add_##NAME##_array(&a, many,           \
									     SIZE_MAX / 2 + 2),  \
					 VACCEL_EINVAL);                                         \
		assert_int_equal(a.count, 0);                                                    \
		assert_int_equal(vaccel_arg_array_add_##NAME(&a, &one), 0);                      \
		assert_int_equal(vaccel_arg_array_add_##NAME##_array(&a, many, 3), 0);           \
		assert_int_equal(a.count, 2);                                                    \
		assert_int_equal(a.args[0].type, SCALAR);                                        \
		assert_int_equal(a.args[0].size, sizeof(TYPE));                                  \
		assert_ptr_equal(a.args[0].buf, &one);                                           \
		assert_false(a.args[0].owned);                                                   \
		assert_int_equal(a.args[1].type, ARRAY);                                         \
		assert_int_equal(a.args[1].size, sizeof(many));                                  \
                                                                                                 \
		assert_int_equal(vaccel_arg_array_get_##NAME##_array(&a, &got, &nr),             \
				 VACCEL_EINVAL);                                                 \
		assert_int_equal(vaccel_arg_array_get_##NAME(&a, NULL), VACCEL_EINVAL);          \
		assert_int_equal(a.position, 0);                                                 \
		assert_int_equal(vaccel_arg_array_get_##NAME(&a, &none), 0);                     \
		assert_true(none == one);                                                        \
		assert_int_equal(vaccel_arg_array_get_##NAME(&a, &none), VACCEL_EINVAL);         \
		assert_int_equal(vaccel_arg_array_get_##NAME##_array(&a, &got, &nr), 0);         \
		assert_ptr_equal(got, many);                                                     \
		assert_int_equal(nr, 3);                                                         \
		assert_int_equal(vaccel_arg_array_get_##NAME(&a, &none), VACCEL_ERANGE);         \
		assert_int_equal(vaccel_arg_array_get_##NAME##_array(&a, &got, &nr),             \
				 VACCEL_ERANGE);                                                 \
		a.position = 1;                                                                  \
		assert_int_equal(vaccel_arg_array_get_##NAME##_array(&a, &got, NULL), 0);        \
                                                                                                 \
		a.position = 0;                                                                  \
		none = 0;                                                                        \
		assert_int_equal(vaccel_arg_array_set_##NAME##_array(&a, few, 1),                \
				 VACCEL_EINVAL);                                                 \
		assert_int_equal(vaccel_arg_array_set_##NAME(&a, NULL), VACCEL_EINVAL);          \
		assert_int_equal(vaccel_arg_array_set_##NAME(&a, &none), 0);                     \
		assert_true(one == 0);                                                           \
		assert_int_equal(vaccel_arg_array_set_##NAME(&a, &none), VACCEL_EINVAL);         \
		/* Fewer elements are fine, more are not. */                                     \
		assert_int_equal(vaccel_arg_array_set_##NAME##_array(&a, few, 4),                \
				 VACCEL_EINVAL);                                                 \
		assert_int_equal(vaccel_arg_array_set_##NAME##_array(&a, few, 2), 0);            \
		assert_true(many[0] == 0 && many[1] == 0 && many[2] == 1);                       \
		assert_int_equal(a.args[1].size, sizeof(many));                                  \
		assert_int_equal(vaccel_arg_array_set_##NAME(&a, &none), VACCEL_ERANGE);         \
		assert_int_equal(vaccel_arg_array_release(&a), 0);                               \
	}

VACCEL_ARG_NUMERIC_TYPES(DEFINE_NUMERIC_TEST)

static void lifecycle(void **state)
{
	struct vaccel_arg_array a, *b = NULL;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_init(&a, SIZE_MAX / 16), VACCEL_ENOMEM);
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(a.capacity, 8);
	assert_int_equal(a.count, 0);
	assert_true(a.owned);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
	assert_int_equal(vaccel_arg_array_release(&a), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_release(NULL), VACCEL_EINVAL);

	assert_int_equal(vaccel_arg_array_new(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_new(&b, SIZE_MAX / 16), VACCEL_ENOMEM);
	assert_null(b);
	assert_int_equal(vaccel_arg_array_new(&b, 3), 0);
	assert_int_equal(b->capacity, 3);
	assert_int_equal(vaccel_arg_array_delete(b), 0);
	assert_int_equal(vaccel_arg_array_delete(NULL), VACCEL_EINVAL);
}

static void growth(void **state)
{
	int32_t values[100], got;
	struct vaccel_arg_array a;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&a, 2), 0);
	for (int i = 0; i < 100; i++) {
		values[i] = i * i;
		assert_int_equal(vaccel_arg_array_add_int32(&a, &values[i]), 0);
	}
	assert_int_equal(a.capacity, 128);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(vaccel_arg_array_get_int32(&a, &got), 0);
		assert_int_equal(got, i * i);
	}
	vaccel_arg_array_clear(&a);
	assert_int_equal(a.count, 0);
	assert_int_equal(a.position, 0);
	assert_int_equal(a.capacity, 128);
	vaccel_arg_array_clear(NULL);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

static void bools(void **state)
{
	unsigned char wrong[2] = { 1, 2 };
	struct vaccel_arg_array a;
	bool *got, value;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_add_bool_array(&a, (bool *)wrong, 2), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_bool(&a, (bool *)&wrong[1]), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_bool_array(&a, (bool *)wrong, 1), 0);
	/* What comes in from elsewhere is checked when it is read. */
	wrong[0] = 255;
	assert_int_equal(vaccel_arg_array_get_bool_array(&a, &got, NULL), VACCEL_EINVAL);
	a.args[0].type = VACCEL_ARG_BOOL;
	assert_int_equal(vaccel_arg_array_get_bool(&a, &value), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

static void strings_and_buffers(void **state)
{
	char text[] = "hello", long_text[] = "hello there", buf[4] = { 1, 2, 3, 4 }, *str;
	struct vaccel_arg_array a;
	size_t size;
	void *got;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_add_string(&a, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_buffer(&a, buf, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_buffer(&a, NULL, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_raw(&a, buf, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_raw(&a, NULL, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_string(&a, text), 0);
	assert_int_equal(vaccel_arg_array_add_buffer(&a, buf, 4), 0);
	assert_int_equal(vaccel_arg_array_add_raw(&a, NULL, 0), 0);
	assert_int_equal(vaccel_arg_array_add_raw(&a, buf, 4), 0);
	assert_int_equal(a.args[0].size, 6);

	assert_int_equal(vaccel_arg_array_get_buffer(&a, &got, &size), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_string(&a, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_string(&a, &str), 0);
	assert_ptr_equal(str, text);
	assert_int_equal(vaccel_arg_array_get_string(&a, &str), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_buffer(&a, NULL, &size), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_buffer(&a, &got, &size), 0);
	assert_int_equal(size, 4);
	assert_int_equal(vaccel_arg_array_get_raw(&a, &got, &size), 0);
	assert_null(got);
	assert_int_equal(size, 0);
	got = NULL;
	assert_int_equal(vaccel_arg_array_get_raw(&a, &got, NULL), VACCEL_EINVAL);
	assert_null(got);
	assert_int_equal(vaccel_arg_array_position(&a), 3);
	assert_int_equal(vaccel_arg_array_get_raw(&a, &got, &size), 0);
	assert_ptr_equal(got, buf);
	assert_int_equal(size, 4);
	assert_int_equal(vaccel_arg_array_get_raw(&a, &got, &size), VACCEL_ERANGE);

	vaccel_arg_array_reset_position(&a);
	assert_int_equal(vaccel_arg_array_set_string(&a, long_text), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_string(&a, "bye"), 0);
	assert_string_equal(text, "bye");
	assert_int_equal(vaccel_arg_array_set_buffer(&a, long_text, 5), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_buffer(&a, "xy", 2), 0);
	assert_memory_equal(buf, "xy\3\4", 4);
	assert_int_equal(vaccel_arg_array_set_raw(&a, buf, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_raw(&a, NULL, 0), 0);
	assert_int_equal(vaccel_arg_array_set_raw(&a, NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_raw(&a, "abcd", 4), 0);
	assert_memory_equal(buf, "abcd", 4);

	/* A string that lost its end must not be handed out. */
	vaccel_arg_array_reset_position(&a);
	memcpy(text, "abcdef", 6);
	assert_int_equal(vaccel_arg_array_get_string(&a, &str), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

static bool even(const void *buf, size_t size, uint32_t custom_id)
{
	assert_int_equal(custom_id, 5);
	return size == 4 && *(const int *)buf % 2 == 0;
}

static bool any(const void *buf, size_t size, uint32_t custom_id)
{
	(void)buf;
	(void)size;
	(void)custom_id;
	return true;
}

static void custom(void **state)
{
	int four = 4, five = 5, six = 6;
	struct vaccel_arg_array a;
	size_t size;
	void *got;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_add_custom(&a, 5, &five, 4, even), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_custom(&a, 5, NULL, 4, even), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_custom(&a, 5, &four, 0, even), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_custom(&a, 5, &four, 4, even), 0);

	assert_int_equal(vaccel_arg_array_get_custom(&a, 6, &got, &size, any), VACCEL_EINVAL);
	four = 7;
	assert_int_equal(vaccel_arg_array_get_custom(&a, 5, &got, &size, even), VACCEL_EINVAL);
	four = 8;
	assert_int_equal(vaccel_arg_array_get_custom(&a, 5, &got, NULL, even), 0);
	assert_ptr_equal(got, &four);

	vaccel_arg_array_reset_position(&a);
	assert_int_equal(vaccel_arg_array_set_custom(&a, 6, &six, 4, any), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_custom(&a, 5, &six, 3, any), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_custom(&a, 5, &five, 4, even), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_custom(&a, 5, &six, 4, even), 0);
	assert_int_equal(four, 6);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

/* Nobody says whether the data is valid: it is neither added, given out nor overwritten. */
static void custom_without_validator(void **state)
{
	int four = 4, six = 6;
	struct vaccel_arg_array a;
	void *got = NULL;
	size_t size = 9;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_add_custom(&a, 5, &four, 4, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_count(&a), 0);
	assert_int_equal(vaccel_arg_array_add_custom(&a, 5, &four, 4, even), 0);
	assert_int_equal(vaccel_arg_array_get_custom(&a, 5, &got, &size, NULL), VACCEL_EINVAL);
	assert_null(got);
	assert_int_equal(size, 9);
	assert_int_equal(vaccel_arg_array_set_custom(&a, 5, &six, 4, NULL), VACCEL_EINVAL);
	assert_int_equal(four, 4);
	assert_int_equal(vaccel_arg_array_position(&a), 0);
	assert_int_equal(vaccel_arg_array_get_custom(&a, 5, &got, &size, even), 0);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

struct numbers {
	uint32_t count;
	uint32_t values[4];
};

static uint32_t seen_id;

static int pack(const void *data, size_t data_size, uint32_t custom_id, void **buf, size_t *size)
{
	const struct numbers *numbers = data;
	uint32_t *flat = malloc(numbers->count * sizeof(*flat));

	assert_int_equal(data_size, sizeof(*numbers));
	assert_non_null(flat);
	seen_id = custom_id;
	memcpy(flat, numbers->values, numbers->count * sizeof(*flat));
	*buf = flat;
	*size = numbers->count * sizeof(*flat);
	return 0;
}

static int unpack(const void *buf, size_t size, uint32_t custom_id, size_t data_size, void *data)
{
	struct numbers *numbers = data;

	assert_int_equal(data_size, sizeof(*numbers));
	seen_id = custom_id;
	if (size > sizeof(numbers->values))
		return VACCEL_ENOSPC;
	numbers->count = size / 4;
	memcpy(numbers->values, buf, size);
	return 0;
}

static int pack_fails(const void *data, size_t data_size, uint32_t custom_id, void **buf,
		      size_t *size)
{
	(void)data;
	(void)data_size;
	(void)custom_id;
	*buf = NULL;
	*size = 4;
	return VACCEL_EREMOTEIO;
}

static int pack_nothing(const void *data, size_t data_size, uint32_t custom_id, void **buf,
			size_t *size)
{
	pack(data, data_size, custom_id, buf, size);
	*size = 0;
	return 0;
}

static void serialized(void **state)
{
	struct numbers in = { 3, { 9, 8, 7 } }, out = { 0 };
	struct vaccel_arg_array a;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_CUSTOM, 100, &in,
							 sizeof(in), pack), 0);
	assert_int_equal(seen_id, 100);
	assert_true(a.args[0].owned);
	assert_int_equal(a.args[0].size, 12);
	assert_int_equal(a.args[0].custom_type_id, 100);
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_UINT32_ARRAY, 100, &in,
							 sizeof(in), pack), 0);
	assert_int_equal(seen_id, 0);

	/* Three numbers are no 64 bit values; the serializer's buffer must not be lost. */
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_UINT64_ARRAY, 0, &in,
							 sizeof(in), pack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_CUSTOM, 0, &in,
							 sizeof(in), pack_nothing),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_CUSTOM, 0, &in,
							 sizeof(in), pack_fails),
			 VACCEL_EREMOTEIO);
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_CUSTOM, 0, &in,
							 sizeof(in), NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_CUSTOM, 0, NULL,
							 sizeof(in), pack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_serialized(&a, VACCEL_ARG_MAX, 0, &in, sizeof(in),
							 pack), VACCEL_EINVAL);
	assert_int_equal(a.count, 2);

	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_CUSTOM, 101, &out,
							 sizeof(out), unpack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_CUSTOM, 100, &out,
							 sizeof(out), unpack), 0);
	assert_int_equal(out.count, 3);
	assert_memory_equal(out.values, in.values, 12);
	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_CUSTOM, 100, &out,
							 sizeof(out), unpack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_UINT32_ARRAY, 3, &out,
							 sizeof(out), unpack), 0);
	assert_int_equal(seen_id, 0);

	vaccel_arg_array_reset_position(&a);
	in.values[0] = 1;
	in.count = 2;
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_CUSTOM, 100, &in,
							 sizeof(in), pack), VACCEL_EINVAL);
	in.count = 3;
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_CUSTOM, 99, &in,
							 sizeof(in), pack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_CUSTOM, 100, &in,
							 sizeof(in), pack_fails),
			 VACCEL_EREMOTEIO);
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_CUSTOM, 100, &in,
							 sizeof(in), pack), 0);
	assert_int_equal(*(uint32_t *)a.args[0].buf, 1);

	/* The deserializer's error is returned and nothing is consumed. */
	assert_int_equal(vaccel_arg_array_release(&a), 0);
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_add_buffer(&a, &a, sizeof(a)), 0);
	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_BUFFER, 0, &out,
							 sizeof(out), unpack), VACCEL_ENOSPC);
	assert_int_equal(a.position, 0);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

static void wrapped(void **state)
{
	int32_t value = 3, got = 0;
	struct vaccel_arg args[1];
	struct vaccel_arg_array a;

	(void)state;
	assert_int_equal(vaccel_arg_init(&args[0], &value, 4, VACCEL_ARG_INT32, 0), 0);
	assert_int_equal(vaccel_arg_array_wrap(NULL, args, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_wrap(&a, NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_wrap(&a, args, 1), 0);
	assert_int_equal(a.capacity, 1);
	assert_false(a.owned);
	assert_int_equal(vaccel_arg_array_get_int32(&a, &got), 0);
	assert_int_equal(got, 3);
	assert_int_equal(vaccel_arg_array_add_int32(&a, &value), VACCEL_ERANGE);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
	/* The entry is still its owner's. */
	assert_int_equal(*(int32_t *)args[0].buf, 3);
	assert_int_equal(vaccel_arg_release(&args[0]), 0);

	assert_int_equal(vaccel_arg_array_wrap(&a, NULL, 0), 0);
	assert_int_equal(vaccel_arg_array_get_int32(&a, &got), VACCEL_ERANGE);
	assert_int_equal(vaccel_arg_array_release(&a), VACCEL_EINVAL);
}

static void ranges(void **state)
{
	int32_t values[4] = { 0, 1, 2, 3 };
	struct vaccel_arg_array src, dest;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&src, 0), 0);
	assert_int_equal(vaccel_arg_array_init(&dest, 1), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(vaccel_arg_array_add_int32(&src, &values[i]), 0);

	assert_int_equal(vaccel_arg_array_add_range(&dest, &src, 4, 1, true), VACCEL_ERANGE);
	assert_int_equal(vaccel_arg_array_add_range(&dest, &src, 3, 2, true), VACCEL_ERANGE);
	assert_int_equal(vaccel_arg_array_add_range(&dest, &src, 1, SIZE_MAX, true),
			 VACCEL_ERANGE);
	assert_int_equal(vaccel_arg_array_add_range(NULL, &src, 0, 1, true), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_range(&dest, NULL, 0, 1, true), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_add_range(&dest, &src, 0, 0, true), 0);
	assert_int_equal(dest.count, 0);

	assert_int_equal(vaccel_arg_array_add_range(&dest, &src, 1, 2, true), 0);
	assert_int_equal(dest.count, 2);
	assert_ptr_not_equal(dest.args[0].buf, &values[1]);
	assert_int_equal(*(int32_t *)dest.args[1].buf, 2);
	assert_true(dest.args[1].owned);

	vaccel_arg_array_set_position(&src, 3);
	assert_int_equal(vaccel_arg_array_add_remaining(&dest, &src, false), 0);
	assert_int_equal(dest.count, 3);
	assert_ptr_equal(dest.args[2].buf, &values[3]);
	assert_false(dest.args[2].owned);
	vaccel_arg_array_set_position(&src, 4);
	assert_int_equal(vaccel_arg_array_add_remaining(&dest, &src, false), 0);
	assert_int_equal(dest.count, 3);

	assert_int_equal(vaccel_arg_array_add_all(&dest, &src, true), 0);
	assert_int_equal(dest.count, 7);
	/* An array can be appended to itself. */
	assert_int_equal(vaccel_arg_array_add_all(&dest, &dest, true), 0);
	assert_int_equal(dest.count, 14);
	assert_int_equal(*(int32_t *)dest.args[13].buf, 3);
	assert_int_equal(vaccel_arg_array_release(&dest), 0);

	assert_int_equal(vaccel_arg_array_init(&dest, 0), 0);
	vaccel_arg_array_clear(&src);
	assert_int_equal(vaccel_arg_array_add_all(&dest, &src, true), 0);
	assert_int_equal(vaccel_arg_array_release(&dest), 0);
	assert_int_equal(vaccel_arg_array_release(&src), 0);
}

static void accessors(void **state)
{
	int32_t values[2] = { 5, 6 };
	struct vaccel_arg_array a;
	struct vaccel_arg *args;
	size_t nr;

	(void)state;
	assert_int_equal(vaccel_arg_array_count(NULL), 0);
	assert_int_equal(vaccel_arg_array_position(NULL), 0);
	assert_int_equal(vaccel_arg_array_remaining_count(NULL), 0);
	assert_null(vaccel_arg_array_raw(NULL));
	vaccel_arg_array_set_position(NULL, 1);
	vaccel_arg_array_reset_position(NULL);

	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_get_remaining(&a, &args, &nr), 0);
	assert_null(args);
	assert_int_equal(nr, 0);
	assert_int_equal(vaccel_arg_array_add_int32(&a, &values[0]), 0);
	assert_int_equal(vaccel_arg_array_add_int32(&a, &values[1]), 0);
	assert_int_equal(vaccel_arg_array_count(&a), 2);
	assert_ptr_equal(vaccel_arg_array_raw(&a), a.args);
	vaccel_arg_array_set_position(&a, 1);
	assert_int_equal(vaccel_arg_array_remaining_count(&a), 1);
	assert_int_equal(vaccel_arg_array_get_remaining(&a, &args, &nr), 0);
	assert_ptr_equal(args, &a.args[1]);
	assert_int_equal(nr, 1);
	assert_int_equal(vaccel_arg_array_position(&a), 1);
	assert_int_equal(vaccel_arg_array_get_remaining(&a, NULL, &nr), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_remaining(NULL, &args, &nr), VACCEL_EINVAL);
	vaccel_arg_array_set_position(&a, 99);
	assert_int_equal(vaccel_arg_array_position(&a), 2);
	vaccel_arg_array_reset_position(&a);
	assert_int_equal(vaccel_arg_array_position(&a), 0);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

/* Without an array, a place for the result, or a function to make it, nothing happens. */
static void nothing_given(void **state)
{
	struct numbers in = { 1, { 5 } }, out = { 0 };
	struct vaccel_arg_array a;
	int four = 4;
	size_t size;
	void *got;

	(void)state;
	assert_int_equal(vaccel_arg_array_init(&a, 0), 0);
	assert_int_equal(vaccel_arg_array_add_custom(&a, 5, &four, 4, any), 0);
	assert_int_equal(vaccel_arg_array_get_int32(NULL, &four), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_int32(NULL, &four), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_custom(NULL, 5, &got, &size, any), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_custom(&a, 5, NULL, &size, any), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_custom(&a, 5, NULL, 4, any), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_custom(&a, 5, &four, 0, any), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_CUSTOM, 5, NULL,
							 sizeof(out), unpack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_CUSTOM, 5, &out, 0,
							 unpack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_get_serialized(&a, VACCEL_ARG_CUSTOM, 5, &out,
							 sizeof(out), NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_CUSTOM, 5, NULL,
							 sizeof(in), pack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_CUSTOM, 5, &in, 0, pack),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_MAX, 5, &in, sizeof(in),
							 pack), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_set_serialized(&a, VACCEL_ARG_CUSTOM, 5, &in,
							 sizeof(in), NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_arg_array_position(&a), 0);
	assert_int_equal(four, 4);

	assert_int_equal(vaccel_arg_array_get_custom(&a, 5, &got, &size, any), 0);
	assert_int_equal(size, 4);
	assert_int_equal(vaccel_arg_array_release(&a), 0);
}

int main(void)
{
#define NUMERIC_TEST(NAME, TYPE, SCALAR, ARRAY) cmocka_unit_test(numeric_##NAME),
	const struct CMUnitTest tests[] = {
		VACCEL_ARG_NUMERIC_TYPES(NUMERIC_TEST)
		cmocka_unit_test(lifecycle),
		cmocka_unit_test(growth),
		cmocka_unit_test(bools),
		cmocka_unit_test(strings_and_buffers),
		cmocka_unit_test(custom),
		cmocka_unit_test(custom_without_validator),
		cmocka_unit_test(serialized),
		cmocka_unit_test(wrapped),
		cmocka_unit_test(ranges),
		cmocka_unit_test(accessors),
		cmocka_unit_test(nothing_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
