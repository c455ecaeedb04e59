// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "tflite.h"

#define OLDEST "2.10"
/* Inputs, and outputs, of a model */
#define MAX_TENSORS 256

struct tflite_api lite;

struct model {
	char *name;
	TfLiteModel *tflite;
	struct pool *pool;
	struct tensor *tensors[2]; /* descriptions of the inputs and of the outputs */
	size_t nr[2];
	struct report report;
};

static const char *const names[] = {
	"libtensorflow-lite.so.2.14.1", /* Debian's */
	"libtensorflowlite_c.so",
	"/usr/local/lib/libtensorflow-lite.so.2*",
	"/usr/lib/*/libtensorflow-lite.so.2*",
	"/usr/lib/libtensorflow-lite.so.2*",
	"libtensorflow-lite.so",
	NULL,
};
static const char *const functions[] = {TFLITE_FUNCTIONS(TFLITE_X_NAME) NULL};
static const struct library library = {
	.plugin = "tflite",
	.engine = "TensorFlow Lite",
	.variable = "VACCEL_TFLITE_LIBRARY",
	.advice = "install Debian's package libtensorflow-lite2.14.1 (Debian 14, or built from its source), or "
		  "TensorFlow's libtensorflowlite_c.so",
	.names = names,
	.functions = functions,
};

int runtime_start(void)
{
	int ret = library_open(&library, &lite, sizeof(lite));

	return ret ? ret : library_check_version(&library, lite.TfLiteVersion(), OLDEST);
}

/* ---- Loading --------------------------------------------------------------------------------- */

static enum tensor_type type_from(TfLiteType type)
{
	static const enum tensor_type types[] = {
		[VACCEL_TFLITE_FLOAT32] = TENSOR_F32, [VACCEL_TFLITE_INT32] = TENSOR_I32,
		[VACCEL_TFLITE_UINT8] = TENSOR_U8,    [VACCEL_TFLITE_INT64] = TENSOR_I64,
		[VACCEL_TFLITE_BOOL] = TENSOR_BOOL,   [VACCEL_TFLITE_INT16] = TENSOR_I16,
		[VACCEL_TFLITE_INT8] = TENSOR_I8,     [VACCEL_TFLITE_FLOAT16] = TENSOR_F16,
		[VACCEL_TFLITE_FLOAT64] = TENSOR_F64, [VACCEL_TFLITE_UINT64] = TENSOR_U64,
		[VACCEL_TFLITE_UINT32] = TENSOR_U32,  [VACCEL_TFLITE_UINT16] = TENSOR_U16,
	};
	enum tensor_type known = TENSOR_UNKNOWN;

	if (type >= 0 && (size_t)type < sizeof(types) / sizeof(types[0]))
		known = types[type];
	return known == TENSOR_UNKNOWN ? TENSOR_OTHER : known;
}

/* What there is to say of a tensor but its name and data */
static void describe(const TfLiteTensor *from, struct tensor *t)
{
	TfLiteQuantizationParams quantization = lite.TfLiteTensorQuantizationParams(from);
	int32_t nr = lite.TfLiteTensorNumDims(from);

	t->type = type_from(lite.TfLiteTensorType(from));
	t->scale = quantization.scale;
	t->zero = quantization.zero_point;
	t->nr_dims = nr >= 0 && nr <= TENSOR_MAX_DIMS ? (int)nr : -1;
	for (int i = 0; i < t->nr_dims; i++)
		t->dims[i] = lite.TfLiteTensorDim(from, i);
}

/* Where the model leaves a size open, the interpreter has 1. */
static void open_dims(const TfLiteTensor *from, struct tensor *t)
{
	int32_t nr, size;

	if (lite.TfLiteOpaqueTensorGetNumDimsSignature(from, &nr) != kTfLiteOk || nr != t->nr_dims)
		return;
	for (int i = 0; i < nr; i++)
		if (lite.TfLiteOpaqueTensorGetDimSignature(from, i, &size) == kTfLiteOk && size < 0)
			t->dims[i] = -1;
}

static int describe_all(struct model *model, bool output, const TfLiteInterpreter *interpreter)
{
	int32_t nr = output ? lite.TfLiteInterpreterGetOutputTensorCount(interpreter) :
			      lite.TfLiteInterpreterGetInputTensorCount(interpreter);
	struct tensor *tensors;

	if (nr < 0 || nr > MAX_TENSORS) {
		engine_error("%s has %d %s: up to %d are possible", model->name, (int)nr,
			     output ? "outputs" : "inputs", MAX_TENSORS);
		return VACCEL_EINVAL;
	}
	tensors = calloc((size_t)nr + 1, sizeof(*tensors));
	if (!tensors)
		return VACCEL_ENOMEM;
	model->tensors[output] = tensors;
	for (int32_t i = 0; i < nr; i++) {
		const TfLiteTensor *from = output ?
			lite.TfLiteInterpreterGetOutputTensor(interpreter, i) :
			lite.TfLiteInterpreterGetInputTensor(interpreter, i);
		const char *name = from ? lite.TfLiteTensorName(from) : NULL;

		if (!from)
			return VACCEL_EINVAL;
		describe(from, &tensors[i]);
		open_dims(from, &tensors[i]);
		tensors[i].name = strdup(name ? name : "");
		model->nr[output]++;
		if (!tensors[i].name)
			return VACCEL_ENOMEM;
	}
	return VACCEL_OK;
}

static int load(struct model *model, const struct engine_source *source)
{
	struct interpreter *interpreter;
	int ret;

	model->tflite = lite.TfLiteModelCreateWithErrorReporter(source->data, source->size, report_line,
								&model->report);
	if (!model->tflite) {
		engine_error("Could not load %s: it is no TensorFlow Lite model, or damaged%s%s", source->name,
			     *model->report.text ? ": " : "", model->report.text);
		return VACCEL_EINVAL;
	}
	ret = pool_new(model->name, model->tflite, &model->pool);
	if (!ret)
		ret = pool_take(model->pool, &interpreter);
	if (ret)
		return ret;
	ret = describe_all(model, false, interpreter->tflite);
	if (!ret)
		ret = describe_all(model, true, interpreter->tflite);
	pool_put(interpreter, false);
	return ret;
}

int model_load(const struct engine_source *source, void **out)
{
	struct model *model = calloc(1, sizeof(*model));
	int ret = VACCEL_ENOMEM;

	if (!model)
		return VACCEL_ENOMEM;
	model->name = strdup(source->name);
	if (model->name)
		ret = load(model, source);
	if (ret) {
		model_unload(model);
		return ret;
	}
	engine_debug("Loaded %s: %zu inputs, %zu outputs", model->name, model->nr[false],
		     model->nr[true]);
	*out = model;
	return VACCEL_OK;
}

void model_unload(void *arg)
{
	struct model *model = arg;

	pool_delete(model->pool);
	if (model->tflite)
		lite.TfLiteModelDelete(model->tflite);
	for (int output = 0; output < 2; output++) {
		for (size_t i = 0; i < model->nr[output]; i++)
			free((char *)model->tensors[output][i].name);
		free(model->tensors[output]);
	}
	free(model->name);
	free(model);
}

int model_count(void *arg, size_t *inputs, size_t *outputs)
{
	const struct model *model = arg;

	*inputs = model->nr[false];
	*outputs = model->nr[true];
	return VACCEL_OK;
}

int model_describe(void *arg, bool output, size_t index, struct tensor *tensor)
{
	const struct model *model = arg;

	if (index >= model->nr[output])
		return VACCEL_EINVAL;
	*tensor = model->tensors[output][index];
	return VACCEL_OK;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Gives an input the caller's dims. Return: whether they are others than before. */
static bool resize(TfLiteInterpreter *interpreter, int32_t index, const struct tensor *in, bool *worked)
{
	const TfLiteTensor *tensor = lite.TfLiteInterpreterGetInputTensor(interpreter, index);
	int dims[TENSOR_MAX_DIMS];
	bool same = lite.TfLiteTensorNumDims(tensor) == in->nr_dims;

	for (int i = 0; i < in->nr_dims; i++) {
		*worked = *worked && in->dims[i] > 0 && in->dims[i] <= INT32_MAX;
		dims[i] = (int)in->dims[i];
		same = same && lite.TfLiteTensorDim(tensor, i) == dims[i];
	}
	if (same || !*worked)
		return false;
	*worked = lite.TfLiteInterpreterResizeInputTensor(interpreter, index, dims, in->nr_dims) ==
		  kTfLiteOk;
	return true;
}

static bool set_inputs(TfLiteInterpreter *interpreter, const struct tensor *inputs, size_t nr)
{
	bool resized = false, worked = true;

	for (size_t i = 0; i < nr && worked; i++)
		resized |= resize(interpreter, (int32_t)i, &inputs[i], &worked);
	if (worked && resized)
		worked = lite.TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk;
	for (size_t i = 0; i < nr && worked; i++)
		worked = lite.TfLiteTensorCopyFromBuffer(
				 lite.TfLiteInterpreterGetInputTensor(interpreter, (int32_t)i),
				 inputs[i].data, inputs[i].size) == kTfLiteOk;
	/* What one call leaves in a model's memory is not for the next, which may be anybody's. */
	return worked && lite.TfLiteInterpreterResetVariableTensors(interpreter) == kTfLiteOk;
}

static int get_outputs(const struct model *model, struct interpreter *interpreter,
		       struct engine_outputs *outputs)
{
	size_t nr = model->nr[true] < ENGINE_MAX_OUTPUTS ? model->nr[true] : ENGINE_MAX_OUTPUTS;

	for (size_t i = 0; i < nr; i++) {
		const TfLiteTensor *from =
			lite.TfLiteInterpreterGetOutputTensor(interpreter->tflite, (int32_t)i);
		struct tensor *t = &outputs->tensors[i];
		uint64_t count;

		describe(from, t);
		t->name = model->tensors[true][i].name;
		t->data = lite.TfLiteTensorData(from);
		t->size = lite.TfLiteTensorByteSize(from);
		if (t->type != TENSOR_OTHER && t->nr_dims >= 0 &&
		    (!tensor_count(t, &count) || (t->size && !t->data) ||
		     t->size != count * tensor_element_size(t->type))) {
			engine_error("Output %zu (%s) of %s has a size that its dimensions do not explain", i,
				     t->name, model->name);
			return VACCEL_EBACKEND;
		}
	}
	outputs->nr = nr;
	outputs->owner = interpreter;
	return VACCEL_OK;
}

int model_run(void *arg, const struct tensor *inputs, size_t nr_inputs,
	      struct engine_outputs *outputs)
{
	struct model *model = arg;
	struct interpreter *interpreter;
	int ret;

	if (nr_inputs != model->nr[false])
		return VACCEL_EINVAL;
	ret = pool_take(model->pool, &interpreter);
	if (ret)
		return ret;
	interpreter->report.text[0] = '\0';
	if (!set_inputs(interpreter->tflite, inputs, nr_inputs)) {
		engine_error("Inputs of these sizes cannot be used with %s: %s", model->name,
			     *interpreter->report.text ? interpreter->report.text : "no reason was given");
		ret = VACCEL_EINVAL;
	} else if (lite.TfLiteInterpreterInvoke(interpreter->tflite) != kTfLiteOk) {
		engine_error("Could not run %s: %s", model->name,
			     *interpreter->report.text ? interpreter->report.text : "no reason was given");
		ret = VACCEL_EBACKEND;
	} else {
		ret = get_outputs(model, interpreter, outputs);
	}
	if (ret)
		pool_put(interpreter, true);
	return ret;
}

void model_release(struct engine_outputs *outputs)
{
	pool_put(outputs->owner, false);
}
