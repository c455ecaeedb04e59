// SPDX-License-Identifier: Apache-2.0
/* A classifier in ONNX Runtime. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <onnxruntime_c_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include "onnx.h"
#include "quiet.h"
#include "weights.h"

#define DEFAULT_SIDE 224  /* of inputs whose size the model leaves open */
#define MAX_SIDE     4096
#define MAX_CLASSES  1000000

struct model {
	char *name;
	OrtSession *session;
	char *input;  /* names */
	char *output;
	struct input_shape shape;
	struct labels labels;
};

static const OrtApi *ort;
static OrtEnv *env;

static int code_of(OrtErrorCode code)
{
	switch (code) {
	case ORT_NO_SUCHFILE:
		return VACCEL_ENOENT;
	case ORT_NOT_IMPLEMENTED:
		return VACCEL_ENOTSUP;
	case ORT_RUNTIME_EXCEPTION:
	case ORT_ENGINE_ERROR:
	case ORT_FAIL:
		return VACCEL_EBACKEND;
	default:
		return VACCEL_EINVAL;
	}
}

/* Logs what went wrong as one line and frees the status. Return: 0 when nothing did. */
static int check(const char *what, const char *name, OrtStatus *status)
{
	char line[512];
	size_t i;
	int ret;

	if (!status)
		return VACCEL_OK;
	ret = code_of(ort->GetErrorCode(status));
	strncpy(line, ort->GetErrorMessage(status), sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (i = 0; line[i]; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	while (i && line[i - 1] == ' ')
		line[--i] = '\0';
	onnx_error("%s %s: %s", what, name, line);
	ort->ReleaseStatus(status);
	return ret;
}

static void ORT_API_CALL log_line(void *param, OrtLoggingLevel severity, const char *category,
				  const char *id, const char *location, const char *message)
{
	(void)param;
	(void)category;
	(void)id;
	(void)location;
	/* Failed calls say so themselves, see check(). */
	if (severity >= ORT_LOGGING_LEVEL_WARNING)
		onnx_debug("ONNX Runtime: %s", message);
}

/*
 * Loads the smallest model there is, output o = input i, since ONNX Runtime completes its start
 * with the first model; see quiet.h.
 */
static void load_first_model(void)
{
	static const char identity[] =
		"\x08\x08" /* ir_version 8 */
		":7"	   /* graph, 55 bytes */
		"\n\x10\n\x01i\x12\x01o\"\x08Identity\x12\x01g"
		"Z\x0f\n\x01i\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01"
		"b\x0f\n\x01o\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01"
		"B\x04\n\x00\x10\r"; /* opset 13 */
	OrtSessionOptions *options = NULL;
	OrtSession *session = NULL;
	OrtStatus *status;

	status = ort->CreateSessionOptions(&options);
	if (!status)
		status = ort->SetIntraOpNumThreads(options, 1);
	if (!status)
		status = ort->CreateSessionFromArray(env, identity, sizeof(identity) - 1, options,
						     &session);
	if (session)
		ort->ReleaseSession(session);
	if (options)
		ort->ReleaseSessionOptions(options);
	if (status)
		ort->ReleaseStatus(status); /* a model that matters will say the same */
}

int model_runtime_start(void)
{
	const OrtApiBase *base = OrtGetApiBase();
	struct quiet quiet;
	OrtStatus *status;
	int ret;

	ort = base ? base->GetApi(ORT_API_VERSION) : NULL;
	if (!ort) {
		onnx_error("ONNX Runtime %s is too old: API version %d is needed. Install the "
			   "version that this plugin was built with.",
			   base ? base->GetVersionString() : "?", ORT_API_VERSION);
		return VACCEL_ENOTSUP;
	}
	quiet_start(&quiet);
	status = ort->CreateEnvWithCustomLogger(log_line, NULL, ORT_LOGGING_LEVEL_WARNING, "vaccel",
						&env);
	if (!status)
		load_first_model();
	quiet_stop(&quiet);
	ret = check("Could not start", "ONNX Runtime", status);
	if (ret)
		env = NULL;
	return ret;
}

void model_runtime_stop(void)
{
	if (env)
		ort->ReleaseEnv(env);
	env = NULL;
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* The files that have weights are given to ONNX Runtime, so that it opens none itself. */
static int add_weights(const struct model *model, const struct weights *w, OrtSessionOptions *options)
{
	if (!w->nr)
		return VACCEL_OK;
	return check("Could not load", model->name,
		     ort->AddExternalInitializersFromFilesInMemory(options, w->names, w->data, w->sizes,
								   w->nr));
}

static int create_session(struct model *model, const void *data, size_t size,
			  const struct weights *weights)
{
	OrtSessionOptions *options = NULL;
	int ret;

	ret = check("Could not load", model->name, ort->CreateSessionOptions(&options));
	if (ret)
		return ret;
	/*
	 * Threads that have nothing to do sleep: several guests share the host. The other format
	 * of ONNX Runtime is for trusted files.
	 */
	ret = check("Could not load", model->name,
		    ort->AddSessionConfigEntry(options, kOrtSessionOptionsConfigAllowIntraOpSpinning,
					       "0"));
	if (!ret)
		ret = check("Could not load", model->name,
			    ort->AddSessionConfigEntry(options,
						       kOrtSessionOptionsConfigLoadModelFormat,
						       "ONNX"));
	if (!ret)
		ret = add_weights(model, weights, options);
	if (!ret) {
		ret = check("Could not load", model->name,
			    ort->CreateSessionFromArray(env, data, size, options, &model->session));
		if (ret)
			ret = VACCEL_EINVAL; /* whatever the reason, it is in the file */
	}
	ort->ReleaseSessionOptions(options);
	return ret;
}

/* Copies a name of ONNX Runtime's own allocator. */
static int copy_name(OrtAllocator *allocator, char *name, char **copy)
{
	*copy = strdup(name);
	allocator->Free(allocator, name);
	return *copy ? VACCEL_OK : VACCEL_ENOMEM;
}

static int read_names(struct model *model)
{
	OrtAllocator *allocator;
	char *name;
	int ret;

	ret = check("Could not load", model->name, ort->GetAllocatorWithDefaultOptions(&allocator));
	if (!ret)
		ret = check("Could not load", model->name,
			    ort->SessionGetInputName(model->session, 0, allocator, &name));
	if (!ret)
		ret = copy_name(allocator, name, &model->input);
	if (!ret)
		ret = check("Could not load", model->name,
			    ort->SessionGetOutputName(model->session, 0, allocator, &name));
	if (!ret)
		ret = copy_name(allocator, name, &model->output);
	return ret;
}

static int set_side(const struct model *model, const char *side, int64_t value, uint32_t *out)
{
	if (value <= 0)
		value = DEFAULT_SIDE;
	if (value > MAX_SIDE) {
		onnx_error("Model %s takes pictures of a %s of %lld pixels; up to %d are possible",
			   model->name, side, (long long)value, MAX_SIDE);
		return VACCEL_EINVAL;
	}
	*out = (uint32_t)value;
	return VACCEL_OK;
}

static const char *type_name(ONNXTensorElementDataType type)
{
	static const char *const names[] = {"no tensor", "float", "uint8", "int8", "uint16", "int16",
					    "int32", "int64", "string", "bool", "float16", "double"};

	return (unsigned int)type < sizeof(names) / sizeof(names[0]) ? names[type] : "of another type";
}

/* Says why an input is not one for a picture. Return: whether it is. */
static bool takes_pictures(const struct model *model, ONNXTensorElementDataType type,
			   const int64_t *dims, size_t nr_dims)
{
	char why[160] = "";

	if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
		snprintf(why, sizeof(why), "its input is %s; convert it to float (32 bits)",
			 type_name(type));
	else if (nr_dims != 4)
		snprintf(why, sizeof(why), "its input has %zu dimensions rather than four", nr_dims);
	else if (dims[0] > 1)
		snprintf(why, sizeof(why), "it takes %lld pictures at a time; export it for 1, or any "
			 "number", (long long)dims[0]);
	else if (dims[1] != 3 && dims[3] != 3)
		snprintf(why, sizeof(why), "its pictures do not have three colours; there is %lld where "
			 "channels are first, and %lld where they are last", (long long)dims[1],
			 (long long)dims[3]);
	if (*why)
		onnx_error("Model %s is no classifier of pictures that can be used here: %s. Float "
			   "[1, 3, height, width] and [1, height, width, 3] can be", model->name, why);
	return !*why;
}

static int set_shape(struct model *model, ONNXTensorElementDataType type, const int64_t *dims,
		     size_t nr_dims)
{
	struct input_shape *shape = &model->shape;
	int ret;

	if (!takes_pictures(model, type, dims, nr_dims))
		return VACCEL_EINVAL;
	shape->channels_last = dims[1] != 3;
	ret = set_side(model, "height", dims[shape->channels_last ? 1 : 2], &shape->height);
	if (!ret)
		ret = set_side(model, "width", dims[shape->channels_last ? 2 : 3], &shape->width);
	return ret;
}

static int read_shape(struct model *model)
{
	const OrtTensorTypeAndShapeInfo *info = NULL;
	ONNXTensorElementDataType type;
	OrtTypeInfo *type_info;
	int64_t dims[4];
	size_t nr_dims;
	int ret;

	ret = check("Could not load", model->name,
		    ort->SessionGetInputTypeInfo(model->session, 0, &type_info));
	if (ret)
		return ret;
	ret = check("Could not load", model->name, ort->CastTypeInfoToTensorInfo(type_info, &info));
	if (!ret && !info)
		ret = set_shape(model, ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, NULL, 0);
	if (!ret)
		ret = check("Could not load", model->name,
			    ort->GetTensorElementType(info, &type));
	if (!ret)
		ret = check("Could not load", model->name, ort->GetDimensionsCount(info, &nr_dims));
	if (!ret && nr_dims == 4)
		ret = check("Could not load", model->name, ort->GetDimensions(info, dims, 4));
	if (!ret)
		ret = set_shape(model, type, dims, nr_dims);
	ort->ReleaseTypeInfo(type_info);
	return ret;
}

int model_load(const char *name, const void *data, size_t size, const struct weights *weights,
	       struct labels *labels, struct model **out)
{
	struct model *model = calloc(1, sizeof(*model));
	size_t inputs = 0, outputs = 0;
	int ret;

	if (!model)
		return VACCEL_ENOMEM;
	ret = VACCEL_ENOMEM;
	model->name = strdup(name);
	if (!model->name)
		goto fail;

	ret = create_session(model, data, size, weights);
	if (!ret)
		ret = check("Could not load", name,
			    ort->SessionGetInputCount(model->session, &inputs));
	if (!ret)
		ret = check("Could not load", name,
			    ort->SessionGetOutputCount(model->session, &outputs));
	if (!ret && (inputs != 1 || !outputs)) {
		onnx_error("Model %s is no classifier of pictures: it has %zu inputs and %zu outputs",
			   name, inputs, outputs);
		ret = VACCEL_EINVAL;
	}
	if (!ret)
		ret = read_names(model);
	if (!ret)
		ret = read_shape(model);
	if (ret)
		goto fail;

	model->labels = *labels;
	*labels = (struct labels){0};
	onnx_debug("Loaded model %s: input %u x %u, %zu labels", name, model->shape.width,
		   model->shape.height, model->labels.count);
	*out = model;
	return VACCEL_OK;

fail:
	model_delete(model);
	return ret;
}

void model_delete(struct model *model)
{
	if (!model)
		return;
	if (model->session)
		ort->ReleaseSession(model->session);
	labels_release(&model->labels);
	free(model->output);
	free(model->input);
	free(model->name);
	free(model);
}

const char *model_name(const struct model *model)
{
	return model->name;
}

const struct input_shape *model_input(const struct model *model)
{
	return &model->shape;
}

/* ---- Running --------------------------------------------------------------------------------- */

static int make_input(struct model *model, float *tensor, OrtValue **input)
{
	int64_t height = model->shape.height, width = model->shape.width;
	int64_t dims[4] = {1, 3, height, width};
	OrtMemoryInfo *memory;
	int ret;

	if (model->shape.channels_last) {
		dims[1] = height;
		dims[2] = width;
		dims[3] = 3;
	}
	ret = check("Could not run", model->name,
		    ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
	if (ret)
		return ret;
	ret = check("Could not run", model->name,
		    ort->CreateTensorWithDataAsOrtValue(
			    memory, tensor, (size_t)(3 * height * width) * sizeof(*tensor), dims, 4,
			    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, input));
	ort->ReleaseMemoryInfo(memory);
	return ret;
}

/* The values of an output and their number, after checking that they are what labels need. */
static int read_output(struct model *model, OrtValue *output, const float **values)
{
	ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
	OrtTensorTypeAndShapeInfo *info = NULL;
	size_t count = 0;
	int is_tensor = 0, ret;
	void *data = NULL;

	ret = check("Could not run", model->name, ort->IsTensor(output, &is_tensor));
	if (!ret && is_tensor)
		ret = check("Could not run", model->name,
			    ort->GetTensorTypeAndShape(output, &info));
	if (!ret && info)
		ret = check("Could not run", model->name, ort->GetTensorElementType(info, &type));
	if (!ret && info)
		ret = check("Could not run", model->name,
			    ort->GetTensorShapeElementCount(info, &count));
	if (info)
		ort->ReleaseTensorTypeAndShapeInfo(info);
	if (ret)
		return ret;

	if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || !count || count > MAX_CLASSES) {
		onnx_error("Model %s is no classifier: its output is not one float per class",
			   model->name);
		return VACCEL_EINVAL;
	}
	if (count != model->labels.count) {
		onnx_error("Model %s has %zu classes, but there are %zu labels: use the labels "
			   "file that belongs to it",
			   model->name, count, model->labels.count);
		return VACCEL_EINVAL;
	}
	ret = check("Could not run", model->name, ort->GetTensorMutableData(output, &data));
	*values = data;
	return ret;
}

/*
 * Whether a class has a score. Infinitely improbable is one, but that of the best: it is what a model
 * says of all classes when something has gone wrong.
 */
static int check_scores(const struct model *model, const float *values)
{
	size_t best = 0;

	for (size_t i = 0; i < model->labels.count; i++) {
		if (isnan(values[i]) || (isinf(values[i]) && values[i] > 0)) {
			best = i;
			break;
		}
		if (values[i] > values[best])
			best = i;
	}
	if (isfinite(values[best]))
		return VACCEL_OK;
	onnx_error("Model %s gives %s for class %s, which is no score: its weights are damaged, or it "
		   "does not expect pictures like this one", model->name,
		   isnan(values[best]) ? "no number (NaN)" :
		   values[best] > 0    ? "infinity" :
					 "minus infinity",
		   model->labels.names[best]);
	return VACCEL_EINVAL;
}

/* The largest value as a probability: as it is when all of them are probabilities, else softmax. */
static size_t best_of(const float *values, size_t count, float *score)
{
	bool probabilities = true;
	double sum = 0, sum_exp = 0;
	size_t best = 0;

	for (size_t i = 0; i < count; i++) {
		if (values[i] > values[best])
			best = i;
		if (!(values[i] >= 0 && values[i] <= 1))
			probabilities = false;
		sum += values[i];
	}
	if (probabilities && fabs(sum - 1) < 1e-3) {
		*score = values[best];
		return best;
	}
	for (size_t i = 0; i < count; i++)
		sum_exp += exp((double)values[i] - values[best]);
	*score = (float)(1 / sum_exp);
	return best;
}

int model_classify(struct model *model, float *tensor, const char **label, float *score)
{
	OrtValue *input = NULL, *output = NULL;
	const float *values;
	int ret;

	ret = make_input(model, tensor, &input);
	if (ret)
		return ret;
	ret = check("Could not run", model->name,
		    ort->Run(model->session, NULL, (const char *const *)&model->input,
			     (const OrtValue *const *)&input, 1,
			     (const char *const *)&model->output, 1, &output));
	if (!ret)
		ret = read_output(model, output, &values);
	if (!ret)
		ret = check_scores(model, values);
	if (!ret)
		*label = model->labels.names[best_of(values, model->labels.count, score)];
	if (output)
		ort->ReleaseValue(output);
	ort->ReleaseValue(input);
	return ret;
}
