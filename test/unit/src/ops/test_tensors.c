// SPDX-License-Identifier: Apache-2.0
/* Tensors, buffers, nodes and status of TensorFlow, TensorFlow Lite and Torch. */
#include "no_memory.h"
#include "util.h"

#include <errno.h>
#include <stdbool.h>

#include "vaccel.h"

/* The tests that every tensor type has to pass. */
#define DEFINE_TENSOR_TEST(LIB, DIM, TYPE)                                                      \
	static void LIB##_tensor(void **state)                                                  \
	{                                                                                       \
		struct vaccel_##LIB##_tensor t, *p = NULL;                                      \
		const DIM dims[3] = { 2, 3, 4 };                                                \
		float own[24] = { 1.5 };                                                        \
		size_t size = 0;                                                                \
		void *data = NULL;                                                              \
                                                                                                \
		(void)state;                                                                    \
		assert_int_equal(vaccel_##LIB##_tensor_init(NULL, 3, dims, TYPE),               \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_tensor_init(&t, 0, dims, TYPE), VACCEL_EINVAL); \
		assert_int_equal(vaccel_##LIB##_tensor_init(&t, -1, dims, TYPE),                \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_tensor_init(&t, 3, dims, TYPE), 0);             \
		assert_int_equal(t.nr_dims, 3);                                                 \
		assert_ptr_not_equal(t.dims, dims);                                             \
		assert_memory_equal(t.dims, dims, sizeof(dims));                                \
		assert_int_equal(t.data_type, TYPE);                                            \
		assert_null(t.data);                                                            \
		assert_int_equal(t.size, 0);                                                    \
		assert_false(t.owned);                                                          \
                                                                                                \
		assert_int_equal(vaccel_##LIB##_tensor_set_data(NULL, own, sizeof(own)),        \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_tensor_set_data(&t, NULL, 4), VACCEL_EINVAL);   \
		assert_int_equal(vaccel_##LIB##_tensor_set_data(&t, own, 0), VACCEL_EINVAL);    \
		assert_int_equal(vaccel_##LIB##_tensor_set_data(&t, own, sizeof(own)), 0);      \
		assert_ptr_equal(t.data, own);                                                  \
		assert_false(t.owned);                                                          \
		assert_int_equal(vaccel_##LIB##_tensor_take_data(&t, NULL, &size),              \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_tensor_take_data(&t, &data, NULL),              \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_tensor_take_data(&t, &data, &size), 0);         \
		assert_ptr_equal(data, own);                                                    \
		assert_int_equal(size, sizeof(own));                                            \
		assert_null(t.data);                                                            \
		assert_int_equal(t.size, 0);                                                    \
		assert_int_equal(vaccel_##LIB##_tensor_release(&t), 0);                         \
		assert_null(t.dims);                                                            \
		assert_int_equal(vaccel_##LIB##_tensor_release(&t), 0);                         \
		assert_int_equal(vaccel_##LIB##_tensor_release(NULL), VACCEL_EINVAL);           \
                                                                                                \
		/* Extents that nobody knows yet. */                                            \
		assert_int_equal(vaccel_##LIB##_tensor_new(NULL, 2, NULL, TYPE),                \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_tensor_new(&p, 0, NULL, TYPE), VACCEL_EINVAL);  \
		assert_null(p);                                                                 \
		assert_int_equal(vaccel_##LIB##_tensor_new(&p, 2, NULL, TYPE), 0);              \
		assert_true(p->dims[0] == 0 && p->dims[1] == 0);                                \
		assert_null(p->data);                                                           \
		assert_int_equal(vaccel_##LIB##_tensor_delete(p), 0);                           \
		assert_int_equal(vaccel_##LIB##_tensor_delete(NULL), VACCEL_EINVAL);            \
                                                                                                \
		p = NULL;                                                                       \
		assert_int_equal(vaccel_##LIB##_tensor_allocate(&p, 3, dims, TYPE,              \
								TOO_MUCH),                   \
				 VACCEL_ENOMEM);                                                \
		assert_null(p);                                                                 \
		assert_int_equal(vaccel_##LIB##_tensor_allocate(&p, 3, dims, TYPE, 0), 0);      \
		assert_null(p->data);                                                           \
		assert_false(p->owned);                                                         \
		assert_int_equal(vaccel_##LIB##_tensor_delete(p), 0);                           \
		assert_int_equal(vaccel_##LIB##_tensor_allocate(&p, 3, dims, TYPE, 96), 0);     \
		assert_true(p->owned);                                                          \
		assert_int_equal(p->size, 96);                                                  \
		for (int i = 0; i < 96; i++)                                                    \
			assert_int_equal(((char *)p->data)[i], 0);                              \
		assert_int_equal(vaccel_##LIB##_tensor_delete(p), 0);                           \
                                                                                                \
		/* Taken data is the caller's, and so is replaced data. */                      \
		assert_int_equal(vaccel_##LIB##_tensor_allocate(&p, 3, dims, TYPE, 96), 0);     \
		assert_int_equal(vaccel_##LIB##_tensor_take_data(p, &data, &size), 0);          \
		assert_false(p->owned);                                                         \
		free(data);                                                                     \
		assert_int_equal(vaccel_##LIB##_tensor_delete(p), 0);                           \
		assert_int_equal(vaccel_##LIB##_tensor_allocate(&p, 3, dims, TYPE, 96), 0);     \
		data = p->data;                                                                 \
		assert_int_equal(vaccel_##LIB##_tensor_set_data(p, own, 8), 0);                 \
		assert_int_equal(vaccel_##LIB##_tensor_delete(p), 0);                           \
		free(data);                                                                     \
	}

DEFINE_TENSOR_TEST(tf, int64_t, VACCEL_TF_FLOAT)
DEFINE_TENSOR_TEST(tflite, int32_t, VACCEL_TFLITE_FLOAT32)
DEFINE_TENSOR_TEST(torch, int64_t, VACCEL_TORCH_FLOAT)

static void torch_too_many_dims(void **state)
{
	struct vaccel_torch_tensor t;

	(void)state;
	assert_int_equal(vaccel_torch_tensor_init(&t, INT64_MAX, NULL, VACCEL_TORCH_FLOAT),
			 VACCEL_ENOMEM);
}

#define DEFINE_BUFFER_TEST(LIB)                                                                 \
	static void LIB##_buffer(void **state)                                                  \
	{                                                                                       \
		struct vaccel_##LIB##_buffer b, *p = NULL;                                      \
		char *own = strdup("data");                                                     \
		void *data;                                                                     \
		size_t size;                                                                    \
                                                                                                \
		(void)state;                                                                    \
		assert_int_equal(vaccel_##LIB##_buffer_init(NULL, own, 5), VACCEL_EINVAL);      \
		assert_int_equal(vaccel_##LIB##_buffer_init(&b, NULL, 5), VACCEL_EINVAL);       \
		assert_int_equal(vaccel_##LIB##_buffer_init(&b, own, 0), VACCEL_EINVAL);        \
		assert_int_equal(vaccel_##LIB##_buffer_init(&b, own, 5), 0);                    \
		assert_ptr_equal(b.data, own);                                                  \
		assert_int_equal(vaccel_##LIB##_buffer_take_data(&b, &data, NULL),              \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_buffer_take_data(&b, NULL, &size),              \
				 VACCEL_EINVAL);                                                \
		assert_int_equal(vaccel_##LIB##_buffer_take_data(&b, &data, &size), 0);         \
		assert_ptr_equal(data, own);                                                    \
		assert_int_equal(size, 5);                                                      \
		assert_null(b.data);                                                            \
		assert_int_equal(vaccel_##LIB##_buffer_release(&b), 0);                         \
		assert_int_equal(vaccel_##LIB##_buffer_release(NULL), VACCEL_EINVAL);           \
		assert_int_equal(vaccel_##LIB##_buffer_new(&p, own, 0), VACCEL_EINVAL);         \
		assert_null(p);                                                                 \
		assert_int_equal(vaccel_##LIB##_buffer_new(NULL, own, 5), VACCEL_EINVAL);       \
		assert_int_equal(vaccel_##LIB##_buffer_new(&p, own, 5), 0);                     \
		assert_int_equal(vaccel_##LIB##_buffer_delete(p), 0);                           \
		assert_int_equal(vaccel_##LIB##_buffer_delete(NULL), VACCEL_EINVAL);            \
		/* No options */                                                                \
		assert_int_equal(vaccel_##LIB##_buffer_init(&b, NULL, 0), 0);                   \
		assert_null(b.data);                                                            \
		assert_int_equal(b.size, 0);                                                    \
		assert_int_equal(vaccel_##LIB##_buffer_take_data(&b, &data, &size), 0);         \
		assert_null(data);                                                              \
		assert_int_equal(size, 0);                                                      \
		assert_int_equal(vaccel_##LIB##_buffer_release(&b), 0);                         \
		assert_int_equal(vaccel_##LIB##_buffer_new(&p, NULL, 0), 0);                    \
		assert_null(p->data);                                                           \
		assert_int_equal(vaccel_##LIB##_buffer_delete(p), 0);                           \
	}

DEFINE_BUFFER_TEST(tf)
DEFINE_BUFFER_TEST(torch)

static void tf_node(void **state)
{
	struct vaccel_tf_node node, *p = NULL;
	char name[] = "input";

	(void)state;
	assert_int_equal(vaccel_tf_node_init(NULL, name, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_node_init(&node, NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_node_init(&node, name, 1), 0);
	name[0] = 'x';
	assert_string_equal(node.name, "input");
	assert_int_equal(node.id, 1);
	assert_int_equal(vaccel_tf_node_release(&node), 0);
	assert_null(node.name);
	assert_int_equal(node.id, -1);
	assert_int_equal(vaccel_tf_node_release(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_node_new(&p, NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_node_new(NULL, name, 1), VACCEL_EINVAL);
	assert_null(p);
	assert_int_equal(vaccel_tf_node_new(&p, "output", 2), 0);
	assert_string_equal(p->name, "output");
	assert_int_equal(vaccel_tf_node_delete(p), 0);
	assert_int_equal(vaccel_tf_node_delete(NULL), VACCEL_EINVAL);
}

static void tf_status(void **state)
{
	struct vaccel_tf_status status, *p = NULL;

	(void)state;
	assert_int_equal(vaccel_tf_status_init(NULL, 1, "bad"), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_status_init(&status, 1, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_status_init(&status, 1, "bad"), 0);
	assert_int_equal(status.code, 1);
	assert_string_equal(status.message, "bad");
	assert_int_equal(vaccel_tf_status_release(&status), 0);
	assert_int_equal(status.code, 0);
	assert_null(status.message);
	assert_int_equal(vaccel_tf_status_release(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_status_new(&p, 0, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_tf_status_new(NULL, 0, "good"), VACCEL_EINVAL);
	assert_null(p);
	assert_int_equal(vaccel_tf_status_new(&p, 0, "good"), 0);
	assert_int_equal(vaccel_tf_status_delete(p), 0);
	assert_int_equal(vaccel_tf_status_delete(NULL), VACCEL_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tf_tensor),
		cmocka_unit_test(tflite_tensor),
		cmocka_unit_test(torch_tensor),
		cmocka_unit_test(torch_too_many_dims),
		cmocka_unit_test(tf_buffer),
		cmocka_unit_test(torch_buffer),
		cmocka_unit_test(tf_node),
		cmocka_unit_test(tf_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
