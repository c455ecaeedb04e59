// SPDX-License-Identifier: Apache-2.0
/* Numbers of tensors, and check sums of contents. */
#include <math.h>

#include "util.h"

#include "content.h"
#include "tensor.h"
#include "vaccel.h"

static void halves(void **state)
{
	static const struct {
		float value;
		uint16_t half;
	} known[] = {
		{0, 0},		       {-0.0f, 0x8000},	     {1, 0x3c00},	   {-2, 0xc000},
		{65504, 0x7bff},       {65519, 0x7bff},	     {65520, 0x7c00},	   {1e9f, 0x7c00},
		{0x1p-24f, 1},	       {0x1p-25f, 0},	     {0x1.8p-25f, 1},	   {0x1p-14f, 0x0400},
		{0x1.ff8p-15f, 0x3ff}, {INFINITY, 0x7c00},   {-INFINITY, 0xfc00},  {1e-30f, 0},
		{2049, 0x6800},	       {2051, 0x6802}, /* ties go to even */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(float_to_half(known[i].value), known[i].half);
	assert_true(isnan(half_to_float(float_to_half(NAN))));
	for (uint32_t half = 0; half < 65536; half++) {
		float value = half_to_float((uint16_t)half);

		if (!isnan(value))
			assert_int_equal(float_to_half(value), half);
	}
}

static void counts(void **state)
{
	struct tensor t = {.nr_dims = 3, .dims = {2, 3, 4}};
	uint64_t count;

	(void)state;
	assert_true(tensor_count(&t, &count));
	assert_int_equal(count, 24);
	t.dims[1] = 0;
	assert_true(tensor_count(&t, &count));
	assert_int_equal(count, 0);
	t.dims[1] = -1;
	assert_false(tensor_count(&t, &count));
	t.dims[0] = t.dims[1] = t.dims[2] = INT64_C(1) << 40;
	assert_false(tensor_count(&t, &count));
	t.nr_dims = TENSOR_MAX_DIMS + 1;
	assert_false(tensor_count(&t, &count));
	t.nr_dims = -1;
	assert_false(tensor_count(&t, &count));
	t.nr_dims = 0;
	assert_true(tensor_count(&t, &count));
	assert_int_equal(count, 1);
}

static void texts(void **state)
{
	struct tensor t = {.type = TENSOR_F16, .nr_dims = 4, .dims = {1, 3, -1, 0}};
	char text[TENSOR_TEXT_SIZE];

	(void)state;
	assert_string_equal(tensor_text(&t, text, sizeof(text)), "float16 [1, 3, ?, ?]");
	assert_string_equal(tensor_text(&t, text, 12), "float16 [1,");
	t.nr_dims = 0;
	assert_string_equal(tensor_text(&t, text, sizeof(text)), "float16 []");
	t.nr_dims = -1;
	assert_string_equal(tensor_text(&t, text, sizeof(text)), "float16 of unknown shape");
	t = (struct tensor){.type = TENSOR_U64, .nr_dims = 8};
	for (int i = 0; i < 8; i++)
		t.dims[i] = INT64_MAX;
	tensor_text(&t, text, sizeof(text));
	assert_true(strlen(text) < sizeof(text));
	assert_string_equal(tensor_type_name((enum tensor_type)99), "of another type");
}

static void values(void **state)
{
	int8_t bytes[4] = {-128, 0, 2, 127};
	struct tensor t = {.type = TENSOR_I8, .nr_dims = 1, .dims = {4}, .scale = 0.5f, .zero = 2,
			   .data = bytes, .size = sizeof(bytes)};
	const float *floats;
	float *owned;
	size_t count;

	(void)state;
	assert_int_equal(tensor_floats(&t, &floats, &owned, &count), 0);
	assert_int_equal(count, 4);
	assert_true(floats[0] == -65 && floats[1] == -1 && floats[2] == 0 && floats[3] == 62.5f);
	free(owned);
	t.scale = 0;
	assert_int_equal(tensor_floats(&t, &floats, &owned, &count), 0);
	assert_true(floats[0] == -128);
	free(owned);
	t.size = 3; /* less than the shape says */
	assert_int_equal(tensor_floats(&t, &floats, &owned, &count), VACCEL_EINVAL);
	t.size = 4;
	t.dims[0] = INT64_MAX;
	t.type = TENSOR_F64;
	assert_int_equal(tensor_floats(&t, &floats, &owned, &count), VACCEL_EINVAL);
	t.type = TENSOR_OTHER;
	assert_int_equal(tensor_floats(&t, &floats, &owned, &count), VACCEL_EINVAL);
	t.type = TENSOR_BYTES;
	assert_int_equal(tensor_floats(&t, &floats, &owned, &count), VACCEL_EINVAL);
	assert_null(owned);
	t = (struct tensor){.type = TENSOR_BF16, .nr_dims = 1, .dims = {2},
			    .data = (uint16_t[]){0x3fc0, 0xc000}, .size = 4};
	assert_int_equal(tensor_floats(&t, &floats, &owned, &count), 0);
	assert_true(floats[0] == 1.5f && floats[1] == -2);
	free(owned);
}

static void contents(void **state)
{
	struct content_id a = {0}, b = {0}, zeros[40];
	uint8_t data[64] = {0};

	(void)state;
	content_add(&a, "ab", 2);
	content_add(&b, "ab", 2);
	assert_memory_equal(&a, &b, sizeof(a));
	content_add(&a, "c", 1);
	content_add(&b, "", 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	a = b = (struct content_id){0};
	content_add(&a, "ab", 2);
	content_add(&a, "c", 1);
	content_add(&b, "a", 1);
	content_add(&b, "bc", 2);
	assert_memory_not_equal(&a, &b, sizeof(a));
	for (size_t i = 0; i < 40; i++) { /* zeros are told apart by how many there are */
		zeros[i] = (struct content_id){0};
		content_add(&zeros[i], data, i);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(&zeros[i], &zeros[k], sizeof(a));
	}
	for (size_t bit = 0; bit < 8 * 39; bit++) { /* one bit makes another sum */
		b = (struct content_id){0};
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		content_add(&b, data, 39);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(b.sums[0] != zeros[39].sums[0] && b.sums[1] != zeros[39].sums[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves), cmocka_unit_test(counts),   cmocka_unit_test(texts),
		cmocka_unit_test(values), cmocka_unit_test(contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
