/* SPDX-License-Identifier: Apache-2.0 */
/* Small models in TensorFlow Lite's format, right and wrong ones, made byte by byte. */
#ifndef TEST_ENGINES_LITE_MODELS_H
#define TEST_ENGINES_LITE_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LITE_MAX 8

/* TensorType of the schema: not the numbers of the C interface */
enum { LITE_FLOAT32 = 0, LITE_INT32 = 2, LITE_UINT8 = 3, LITE_INT64 = 4, LITE_STRING = 5 };
/* BuiltinOperator */
enum { LITE_ADD = 0, LITE_CUSTOM = 32, LITE_RESHAPE = 22, LITE_FILL = 94, LITE_MUL = 18 };

struct lite_tensor {
	const char *name;
	int type;
	int nr_dims;
	int32_t dims[LITE_MAX];
	int32_t signature[LITE_MAX]; /* as dims, or -1 where the size is open; all 0: there is none */
	const void *data;	     /* of a constant */
	size_t size;
};

struct lite_op {
	int code;
	const char *custom; /* name of a LITE_CUSTOM */
	int nr_in, in[LITE_MAX];
	int nr_out, out[LITE_MAX];
};

struct lite_model {
	int nr_tensors;
	struct lite_tensor tensors[LITE_MAX];
	int nr_ops;
	struct lite_op ops[LITE_MAX];
	int nr_in, in[LITE_MAX];
	int nr_out, out[LITE_MAX];
};

/** lite_bytes() - a model as a file; the caller frees it */
uint8_t *lite_bytes(const struct lite_model *m, size_t *size);

/** lite_sums() - a + b, of floats with an open first size, and c + c, of int32 */
extern const struct lite_model lite_sums;

#endif
