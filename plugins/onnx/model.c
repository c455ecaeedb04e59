// SPDX-License-Identifier: Apache-2.0
/* Models in ONNX Runtime. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <onnxruntime_c_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include "onnx.h"
#include "datatypes.h"
#include "introduce.h"
#include "quiet.h"
#include "weights.h"

#define MAX_INPUTS 16

struct model {
	char *name;
	OrtSession *session;
	OrtMemoryInfo *memory; /* says that inputs are plain memory */
	size_t nr_inputs, nr_outputs;
	char *inputs[MAX_INPUTS]; /* names */
	char *outputs[ENGINE_MAX_OUTPUTS];
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

/* Logs what went wrong and frees the status. Return: 0 when nothing did. */
static int check(const char *what, const char *name, OrtStatus *status)
{
	int ret;

	if (!status)
		return VACCEL_OK;
	ret = code_of(ort->GetErrorCode(status));
	engine_log_failure(what, name, ort->GetErrorMessage(status));
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
		engine_debug("ONNX Runtime: %s", message);
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
		engine_error("ONNX Runtime %s is too old: API version %d is needed. Install the "
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
	return ret ? ret : introduce("ONNX Runtime %s; devices: cpu", base->GetVersionString());
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
	for (size_t i = 0; i < model->nr_inputs && !ret; i++) {
		ret = check("Could not load", model->name,
			    ort->SessionGetInputName(model->session, i, allocator, &name));
		if (!ret)
			ret = copy_name(allocator, name, &model->inputs[i]);
	}
	for (size_t i = 0; i < model->nr_outputs && !ret; i++) {
		ret = check("Could not load", model->name,
			    ort->SessionGetOutputName(model->session, i, allocator, &name));
		if (!ret)
			ret = copy_name(allocator, name, &model->outputs[i]);
	}
	return ret;
}

static int count_names(struct model *model)
{
	int ret;

	ret = check("Could not load", model->name,
		    ort->SessionGetInputCount(model->session, &model->nr_inputs));
	if (!ret)
		ret = check("Could not load", model->name,
			    ort->SessionGetOutputCount(model->session, &model->nr_outputs));
	if (ret || (model->nr_inputs <= MAX_INPUTS && model->nr_outputs <= ENGINE_MAX_OUTPUTS))
		return ret;
	engine_error("Model %s has %zu inputs and %zu outputs; up to %d and %d are possible", model->name,
		     model->nr_inputs, model->nr_outputs, MAX_INPUTS, ENGINE_MAX_OUTPUTS);
	model->nr_inputs = model->nr_outputs = 0;
	return VACCEL_EINVAL;
}

int model_load(const struct engine_source *source, void **out)
{
	struct model *model = calloc(1, sizeof(*model));
	struct weights *weights = NULL;
	int ret = VACCEL_ENOMEM;

	if (!model)
		return VACCEL_ENOMEM;
	model->name = strdup(source->name);
	if (model->name)
		ret = weights_find(source, &weights);
	if (!ret)
		ret = create_session(model, source->data, source->size, weights);
	weights_release(weights);
	if (!ret)
		ret = count_names(model);
	if (!ret)
		ret = read_names(model);
	if (!ret)
		ret = check("Could not load", model->name,
			    ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault,
						     &model->memory));
	if (ret) {
		model_unload(model);
		return ret;
	}
	engine_debug("Loaded model %s: %zu inputs, %zu outputs", model->name, model->nr_inputs,
		     model->nr_outputs);
	*out = model;
	return VACCEL_OK;
}

void model_unload(void *arg)
{
	struct model *model = arg;

	if (model->memory)
		ort->ReleaseMemoryInfo(model->memory);
	if (model->session)
		ort->ReleaseSession(model->session);
	for (size_t i = 0; i < MAX_INPUTS; i++)
		free(model->inputs[i]);
	for (size_t i = 0; i < ENGINE_MAX_OUTPUTS; i++)
		free(model->outputs[i]);
	free(model->name);
	free(model);
}

/* ---- What a model says of itself ------------------------------------------------------------- */

int model_count(void *arg, size_t *inputs, size_t *outputs)
{
	const struct model *model = arg;

	*inputs = model->nr_inputs;
	*outputs = model->nr_outputs;
	return VACCEL_OK;
}

static const struct {
	ONNXTensorElementDataType onnx;
	enum tensor_type type;
} types[] = {
	{ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, TENSOR_F32}, {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, TENSOR_F16},
	{ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, TENSOR_F64}, {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, TENSOR_U8},
	{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, TENSOR_I8},    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, TENSOR_U16},
	{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, TENSOR_I16},  {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, TENSOR_U32},
	{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, TENSOR_I32},  {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, TENSOR_U64},
	{ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, TENSOR_I64},  {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, TENSOR_BOOL},
	{ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, TENSOR_BF16}, {ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, TENSOR_BYTES},
};
#define NR_TYPES (sizeof(types) / sizeof(types[0]))

/* Type and shape; an info of NULL: it is no tensor. */
static int read_info(const char *what, const struct model *model, const OrtTensorTypeAndShapeInfo *info,
		     struct tensor *tensor)
{
	ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
	size_t nr_dims = 0;
	int ret = VACCEL_OK;

	tensor->type = TENSOR_OTHER;
	tensor->nr_dims = -1;
	if (!info)
		return VACCEL_OK;
	ret = check(what, model->name, ort->GetTensorElementType(info, &type));
	for (size_t i = 0; i < NR_TYPES; i++)
		if (types[i].onnx == type)
			tensor->type = types[i].type;
	if (!ret)
		ret = check(what, model->name, ort->GetDimensionsCount(info, &nr_dims));
	if (ret || nr_dims > TENSOR_MAX_DIMS)
		return ret;
	tensor->nr_dims = (int)nr_dims;
	return check(what, model->name, ort->GetDimensions(info, tensor->dims, nr_dims));
}

/* Sizes that are open have names, such as "batch": they get a number each, see tensor.h. */
static int read_sizes(const struct model *model, const OrtTensorTypeAndShapeInfo *info, struct tensor *tensor)
{
	const char *names[TENSOR_MAX_DIMS] = {NULL};
	int ret;

	if (!info || tensor->nr_dims < 1)
		return VACCEL_OK;
	ret = check("Could not load", model->name,
		    ort->GetSymbolicDimensions(info, names, (size_t)tensor->nr_dims));
	for (int i = 0; i < tensor->nr_dims && !ret; i++) {
		uint32_t hash = 2166136261;

		if (tensor->dims[i] > 0 || !names[i] || !*names[i])
			continue;
		for (const char *c = names[i]; *c; c++)
			hash = (hash ^ (uint8_t)*c) * 16777619;
		tensor->dims[i] = -2 - (int64_t)hash;
	}
	return ret;
}

int model_describe(void *arg, bool output, size_t index, struct tensor *tensor)
{
	const OrtTensorTypeAndShapeInfo *info = NULL;
	struct model *model = arg;
	OrtTypeInfo *type_info;
	int ret;

	*tensor = (struct tensor){.name = output ? model->outputs[index] : model->inputs[index]};
	ret = check("Could not load", model->name,
		    output ? ort->SessionGetOutputTypeInfo(model->session, index, &type_info) :
			     ort->SessionGetInputTypeInfo(model->session, index, &type_info));
	if (ret)
		return ret;
	ret = check("Could not load", model->name, ort->CastTypeInfoToTensorInfo(type_info, &info));
	if (!ret)
		ret = read_info("Could not load", model, info, tensor);
	if (!ret)
		ret = read_sizes(model, info, tensor);
	ort->ReleaseTypeInfo(type_info);
	return ret;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* What a run has, until its outputs are released. */
struct run {
	OrtValue *values[ENGINE_MAX_OUTPUTS];
	uint8_t *bytes[ENGINE_MAX_OUTPUTS]; /* of outputs that are strings */
};

/* Strings are copied into memory of ONNX Runtime. */
static int make_strings(const struct model *model, const struct tensor *input, OrtValue **value)
{
	const uint8_t *at = input->data, *end = at + input->size;
	OrtAllocator *allocator;
	uint64_t count;
	char *to;
	int ret;

	if (!tensor_count(input, &count))
		return VACCEL_EINVAL;
	ret = check("Could not run", model->name, ort->GetAllocatorWithDefaultOptions(&allocator));
	if (!ret)
		ret = check("Could not run", model->name,
			    ort->CreateTensorAsOrtValue(allocator, input->dims, (size_t)input->nr_dims,
							ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, value));
	for (uint64_t i = 0; i < count && !ret; i++) {
		size_t len;
		const uint8_t *text = bytes_next(&at, end, &len);

		if (!text)
			return VACCEL_EINVAL;
		ret = check("Could not run", model->name,
			    ort->GetResizedStringTensorElementBuffer(*value, (size_t)i, len, &to));
		if (!ret && len)
			memcpy(to, text, len);
	}
	return ret;
}

static int make_input(const struct model *model, const struct tensor *input, OrtValue **value)
{
	ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;

	if (input->type == TENSOR_BYTES)
		return make_strings(model, input, value);
	for (size_t i = 0; i < NR_TYPES; i++)
		if (types[i].type == input->type)
			type = types[i].onnx;
	return check("Could not run", model->name,
		     ort->CreateTensorWithDataAsOrtValue(model->memory, input->data, input->size,
							 input->dims, (size_t)input->nr_dims, type,
							 value));
}

/* Makes the protocol's form of a tensor of strings, in memory of its own. */
static int read_strings(const struct model *model, const OrtValue *value, uint64_t count,
			struct tensor *tensor, uint8_t **bytes)
{
	size_t length, size, *offsets = NULL;
	char *text = NULL;
	uint8_t *to;
	int ret;

	ret = check("Could not run", model->name, ort->GetStringTensorDataLength(value, &length));
	if (ret)
		return ret;
	if (count > SIZE_MAX / 16 || length > SIZE_MAX / 2 - BYTES_HEAD * (size_t)count)
		return VACCEL_EINVAL;
	size = length + BYTES_HEAD * (size_t)count;
	*bytes = to = malloc(size + 1);
	text = malloc(length + 1);
	offsets = calloc((size_t)count + 1, sizeof(*offsets));
	ret = *bytes && text && offsets ? VACCEL_OK : VACCEL_ENOMEM;
	if (!ret && count)
		ret = check("Could not run", model->name,
			    ort->GetStringTensorContent(value, text, length, offsets, (size_t)count));
	for (size_t i = 0; i < count && !ret; i++) {
		size_t len = (i + 1 < count ? offsets[i + 1] : length) - offsets[i];

		if (len > UINT32_MAX) {
			ret = VACCEL_EINVAL;
			break;
		}
		to = bytes_put(to, text + offsets[i], len);
	}
	free(offsets);
	free(text);
	tensor->data = *bytes;
	tensor->size = size;
	return ret;
}

static int read_output(const struct model *model, OrtValue *value, struct tensor *tensor, uint8_t **bytes)
{
	OrtTensorTypeAndShapeInfo *info = NULL;
	int is_tensor = 0, ret;
	uint64_t count;

	ret = check("Could not run", model->name, ort->IsTensor(value, &is_tensor));
	if (!ret && is_tensor)
		ret = check("Could not run", model->name, ort->GetTensorTypeAndShape(value, &info));
	if (!ret)
		ret = read_info("Could not run", model, info, tensor);
	if (info)
		ort->ReleaseTensorTypeAndShapeInfo(info);
	if (ret || !tensor_count(tensor, &count))
		return ret;
	if (tensor->type == TENSOR_BYTES)
		return read_strings(model, value, count, tensor, bytes);
	if (!tensor_element_size(tensor->type))
		return VACCEL_OK;
	tensor->size = (size_t)count * tensor_element_size(tensor->type);
	return check("Could not run", model->name, ort->GetTensorMutableData(value, &tensor->data));
}

static int read_outputs(const struct model *model, struct run *run, struct engine_outputs *outputs)
{
	int ret = VACCEL_OK;

	outputs->owner = run;
	outputs->nr = model->nr_outputs;
	for (size_t i = 0; i < outputs->nr && !ret; i++) {
		outputs->tensors[i] = (struct tensor){.name = model->outputs[i]};
		ret = read_output(model, run->values[i], &outputs->tensors[i], &run->bytes[i]);
	}
	if (ret)
		model_release(outputs);
	return ret;
}

int model_run(void *arg, const struct tensor *tensors, size_t nr_inputs, struct engine_outputs *outputs)
{
	OrtValue *inputs[MAX_INPUTS] = {NULL};
	struct model *model = arg;
	struct run *run;
	int ret = VACCEL_OK;

	run = calloc(1, sizeof(*run));
	if (!run)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < nr_inputs && !ret; i++)
		ret = make_input(model, &tensors[i], &inputs[i]);
	if (!ret)
		ret = check("Could not run", model->name,
			    ort->Run(model->session, NULL, (const char *const *)model->inputs,
				     (const OrtValue *const *)inputs, nr_inputs,
				     (const char *const *)model->outputs, model->nr_outputs, run->values));
	for (size_t i = 0; i < nr_inputs; i++)
		if (inputs[i])
			ort->ReleaseValue(inputs[i]);
	if (ret) {
		free(run);
		return ret;
	}
	return read_outputs(model, run, outputs);
}

void model_release(struct engine_outputs *outputs)
{
	struct run *run = outputs->owner;

	for (size_t i = 0; i < outputs->nr; i++) {
		if (run->values[i])
			ort->ReleaseValue(run->values[i]);
		free(run->bytes[i]);
	}
	free(run);
	*outputs = (struct engine_outputs){0};
}
