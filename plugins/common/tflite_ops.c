// SPDX-License-Identifier: Apache-2.0
/*
 * The operations of TensorFlow Lite on an engine: what a program gives is compared with what the model
 * says of its inputs before the engine sees it.
 */
#include "tflite_ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "held.h"
#include "vaccel.h"

#define MAX_INPUTS 256

/* What the interpreter's status is when a run failed */
#define STATUS_OK    0
#define STATUS_ERROR 1

static const enum tensor_type types[] = {
	[VACCEL_TFLITE_FLOAT32] = TENSOR_F32, [VACCEL_TFLITE_INT32] = TENSOR_I32,
	[VACCEL_TFLITE_UINT8] = TENSOR_U8,    [VACCEL_TFLITE_INT64] = TENSOR_I64,
	[VACCEL_TFLITE_BOOL] = TENSOR_BOOL,   [VACCEL_TFLITE_INT16] = TENSOR_I16,
	[VACCEL_TFLITE_INT8] = TENSOR_I8,     [VACCEL_TFLITE_FLOAT16] = TENSOR_F16,
	[VACCEL_TFLITE_FLOAT64] = TENSOR_F64, [VACCEL_TFLITE_UINT64] = TENSOR_U64,
	[VACCEL_TFLITE_UINT32] = TENSOR_U32,  [VACCEL_TFLITE_UINT16] = TENSOR_U16,
};
#define NR_TYPES (sizeof(types) / sizeof(types[0]))

static enum tensor_type type_of(enum vaccel_tflite_data_type type)
{
	return (unsigned int)type < NR_TYPES ? types[type] : TENSOR_UNKNOWN;
}

static bool type_to(enum tensor_type type, enum vaccel_tflite_data_type *to)
{
	for (unsigned int i = 0; i < NR_TYPES; i++) {
		if (type != TENSOR_UNKNOWN && types[i] == type) {
			*to = (enum vaccel_tflite_data_type)i;
			return true;
		}
	}
	return false;
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

/* What a program gives, as a tensor without a name. Return: whether it can be one. */
static bool from_program(const struct vaccel_tflite_tensor *in, struct tensor *t)
{
	uint64_t count, bytes;

	*t = (struct tensor){.type = type_of(in->data_type), .nr_dims = in->nr_dims, .data = in->data,
			     .size = in->size};
	if (t->type == TENSOR_UNKNOWN || in->nr_dims < 0 || in->nr_dims > TENSOR_MAX_DIMS ||
	    (in->nr_dims && !in->dims))
		return false;
	for (int i = 0; i < in->nr_dims; i++)
		t->dims[i] = in->dims[i];
	return in->data && tensor_count(t, &count) && count &&
	       !__builtin_mul_overflow(count, tensor_element_size(t->type), &bytes) &&
	       bytes == in->size;
}

/* Whether dims are what the model wants, where it says so */
static bool same_dims(const struct tensor *model, const struct tensor *given)
{
	if (model->nr_dims != given->nr_dims)
		return false;
	for (int i = 0; i < model->nr_dims; i++)
		if (model->dims[i] > 0 && model->dims[i] != given->dims[i])
			return false;
	return true;
}

/* Whether dims are the same but for dimensions of 1: no tensor of vAccel has none. */
static bool same_but_ones(const struct tensor *model, const struct tensor *given)
{
	int i = 0, j = 0;

	while (1) {
		while (i < model->nr_dims && model->dims[i] == 1)
			i++;
		while (j < given->nr_dims && given->dims[j] == 1)
			j++;
		if (i >= model->nr_dims || j >= given->nr_dims)
			return i >= model->nr_dims && j >= given->nr_dims;
		if (model->dims[i++] != given->dims[j++])
			return false;
	}
}

static int check_input(const struct held *l, int i, const struct vaccel_tflite_tensor *in,
		       struct tensor *t)
{
	char wants[TENSOR_TEXT_SIZE], gives[TENSOR_TEXT_SIZE];
	struct tensor model = {0};
	int ret;

	if (!in || !from_program(in, t)) {
		engine_error("Input %d for %s is no tensor of numbers: its type, dimensions and size do "
			     "not belong together", i, held_name(l));
		return VACCEL_EINVAL;
	}
	ret = engine.describe(held_model(l), false, (size_t)i, &model);
	if (ret)
		return ret;
	t->name = model.name;
	if (model.type == t->type) {
		if (model.nr_dims < 0 || same_dims(&model, t))
			return VACCEL_OK;
		if (same_but_ones(&model, t)) {
			t->nr_dims = model.nr_dims;
			memcpy(t->dims, model.dims, sizeof(t->dims));
			return VACCEL_OK;
		}
	}
	engine_error("Input %d (%s) of %s is %s, which %s is not", i, model.name ? model.name : "?",
		     held_name(l), tensor_text(&model, wants, sizeof(wants)),
		     tensor_text(t, gives, sizeof(gives)));
	return VACCEL_EINVAL;
}

static int make_inputs(const struct held *l, struct vaccel_tflite_tensor *const *inputs, int nr,
		       struct tensor **out)
{
	size_t nr_inputs, nr_outputs;
	struct tensor *tensors;
	int ret;

	ret = engine.count(held_model(l), &nr_inputs, &nr_outputs);
	if (ret)
		return ret;
	if (nr < 0 || (size_t)nr != nr_inputs || nr > MAX_INPUTS) {
		engine_error("%s has %zu inputs, not %d", held_name(l), nr_inputs, nr);
		return VACCEL_EINVAL;
	}
	tensors = calloc((size_t)nr + 1, sizeof(*tensors));
	if (!tensors)
		return VACCEL_ENOMEM;
	for (int i = 0; i < nr && !ret; i++)
		ret = check_input(l, i, inputs[i], &tensors[i]);
	if (ret)
		free(tensors);
	else
		*out = tensors;
	return ret;
}

/* ---- Outputs --------------------------------------------------------------------------------- */

static int make_output(const struct held *l, int i, const struct tensor *t,
		       struct vaccel_tflite_tensor **out)
{
	int32_t dims[TENSOR_MAX_DIMS] = {1}; /* of a scalar */
	enum vaccel_tflite_data_type type;
	struct vaccel_tflite_tensor *new;
	char text[TENSOR_TEXT_SIZE];
	bool good = type_to(t->type, &type) && t->nr_dims >= 0 && t->nr_dims <= TENSOR_MAX_DIMS;
	int ret;

	for (int d = 0; good && d < t->nr_dims; d++) {
		good = t->dims[d] >= 0 && t->dims[d] <= INT32_MAX;
		dims[d] = (int32_t)t->dims[d];
	}
	if (!good) {
		engine_error("Output %d (%s) of %s is %s: only numbers in up to %d dimensions can be "
			     "handed on", i, t->name ? t->name : "?", held_name(l),
			     tensor_text(t, text, sizeof(text)), TENSOR_MAX_DIMS);
		return VACCEL_ENOTSUP;
	}
	ret = vaccel_tflite_tensor_new(&new, t->nr_dims ? t->nr_dims : 1, dims, type);
	if (ret)
		return ret;
	if (t->size) {
		new->data = malloc(t->size);
		if (!new->data) {
			vaccel_tflite_tensor_delete(new);
			return VACCEL_ENOMEM;
		}
		memcpy(new->data, t->data, t->size);
		new->size = t->size;
		new->owned = true;
	}
	*out = new;
	return VACCEL_OK;
}

/* All or none. A program may want the first outputs only. */
static int make_outputs(const struct held *l, const struct engine_outputs *from,
			struct vaccel_tflite_tensor **outputs, int nr)
{
	int i, ret = VACCEL_OK;

	for (i = 0; i < nr && !ret; i++)
		ret = make_output(l, i, &from->tensors[i], &outputs[i]);
	if (!ret)
		return VACCEL_OK;
	for (i--; i-- > 0;) {
		vaccel_tflite_tensor_delete(outputs[i]);
		outputs[i] = NULL;
	}
	return ret;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static int run(const struct held *l, struct vaccel_tflite_tensor *const *inputs, int nr_inputs,
	       struct vaccel_tflite_tensor **outputs, int nr_outputs, uint8_t *status)
{
	struct engine_outputs results = {0};
	struct tensor *tensors;
	int ret;

	ret = make_inputs(l, inputs, nr_inputs, &tensors);
	if (ret)
		return ret;
	ret = engine.run(held_model(l), tensors, (size_t)nr_inputs, &results);
	free(tensors);
	if (ret) {
		*status = STATUS_ERROR;
		return ret;
	}
	if ((size_t)nr_outputs > results.nr) {
		engine_error("%s has %zu outputs, not %d", held_name(l), results.nr, nr_outputs);
		ret = VACCEL_EINVAL;
	} else {
		ret = make_outputs(l, &results, outputs, nr_outputs);
	}
	engine.release(&results);
	return ret;
}

static int op_run(struct vaccel_session *sess, struct vaccel_resource *model,
		  struct vaccel_tflite_tensor *const *inputs, int nr_inputs,
		  struct vaccel_tflite_tensor **outputs, int nr_outputs, uint8_t *status)
{
	uint8_t unwanted;
	struct held *l;
	int ret;

	if (!sess || !model)
		return VACCEL_EINVAL;
	engine_debug("Calling tflite_model_run for session %" PRId64, sess->id);
	if (nr_inputs < 0 || nr_outputs < 0 || (nr_inputs && !inputs) || (nr_outputs && !outputs)) {
		engine_error("tflite_model_run: inputs or outputs are missing");
		return VACCEL_EINVAL;
	}
	if (!status)
		status = &unwanted;
	*status = STATUS_OK;
	ret = held_get(sess, model, &l);
	if (ret)
		return ret;
	ret = run(l, inputs, nr_inputs, outputs, nr_outputs, status);
	held_put(l);
	return ret;
}

static int op_load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	if (!sess || !model)
		return VACCEL_EINVAL;
	engine_debug("Calling tflite_model_load for session %" PRId64, sess->id);
	return held_add(sess, model);
}

static int op_unload(struct vaccel_session *sess, struct vaccel_resource *model)
{
	if (!sess || !model)
		return VACCEL_EINVAL;
	engine_debug("Calling tflite_model_unload for session %" PRId64, sess->id);
	return held_remove(sess, model);
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(tflite_model_load, VACCEL_OP_TFLITE_MODEL_LOAD, op_load),
	VACCEL_OP_INIT(tflite_model_run, VACCEL_OP_TFLITE_MODEL_RUN, op_run),
	VACCEL_OP_INIT(tflite_model_unload, VACCEL_OP_TFLITE_MODEL_UNLOAD, op_unload),
};

int tflite_ops_register(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}
