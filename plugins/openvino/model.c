// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvino.h"
#include "threads.h"
#include "tree.h"

#define ENV_THREADS   "VACCEL_OPENVINO_THREADS"
#define ENV_PRECISION "VACCEL_OPENVINO_PRECISION"
#define MAX_TENSORS   256
/* More threads gain one call little; another call has more of them. */
#define USUAL_THREADS 4

/* A request runs the model for one call at a time. */
struct request {
	struct request *next;
	struct model *model;
	ov_infer_request_t *ov;
	ov_tensor_t *outputs[ENGINE_MAX_OUTPUTS]; /* of the call */
};

struct model {
	char *name;
	ov_compiled_model_t *compiled;
	struct tensor *tensors[2]; /* descriptions of the inputs and of the outputs */
	size_t nr[2];
	pthread_mutex_t lock;
	struct request *idle;
};

const char *model_name(const void *model)
{
	return ((const struct model *)model)->name;
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* Elsewhere than on the processor, threads and precision are the device's. */
static ov_status_e compile(ov_model_t *model, ov_compiled_model_t **compiled)
{
	unsigned int all = threads_processors(), threads = threads_for(ENV_THREADS, all);
	const char *device = runtime_device(), *precision = getenv(ENV_PRECISION);
	char nr_threads[16], nr_streams[16];

	snprintf(nr_threads, sizeof(nr_threads), "%u", threads);
	snprintf(nr_streams, sizeof(nr_streams), "%u", (threads + USUAL_THREADS - 1) / USUAL_THREADS);
	if (!strcmp(device, "CPU"))
		return ov.ov_core_compile_model(ov_core, model, device, 6, compiled,
						"INFERENCE_NUM_THREADS", nr_threads, "NUM_STREAMS", nr_streams,
						"INFERENCE_PRECISION_HINT",
						precision && *precision ? precision : "f32");
	if (precision && *precision)
		return ov.ov_core_compile_model(ov_core, model, device, 2, compiled,
						"INFERENCE_PRECISION_HINT", precision);
	return ov.ov_core_compile_model(ov_core, model, device, 0, compiled);
}

static bool has_suffix(const char *name)
{
	for (const char *const *s = engine.suffixes; *s; s++) {
		size_t len = strlen(name), end = strlen(*s);

		if (len >= end && !strcmp(name + len - end, *s))
			return true;
	}
	return false;
}

/* OpenVINO knows files by their names; what has none is what it looks like. */
static const char *guess_suffix(const struct engine_source *source)
{
	const char *data = source->data;

	if (source->size >= 8 && !memcmp(data + 4, "TFL3", 4))
		return ".tflite";
	if (source->size && data[0] == '<')
		return ".xml";
	return source->size && data[0] == 0x08 ? ".onnx" : ".pb";
}

static int load_path(struct model *model, const char *path)
{
	ov_model_t *read = NULL;
	char text[WHY_SIZE];
	ov_status_e status;

	status = ov.ov_core_read_model(ov_core, path, NULL, &read);
	if (!status)
		status = compile(read, &model->compiled);
	if (status) {
		why(status, text);
		engine_error("Could not load %s on %s: %s", model->name, runtime_device(), text);
	}
	if (read)
		ov.ov_model_free(read);
	return status ? VACCEL_EINVAL : VACCEL_OK;
}

static int load_tree(struct model *model, const struct engine_source *source)
{
	struct engine_source named = *source;
	struct tree tree;
	char *name = NULL;
	int ret;

	if (!source->path && !has_suffix(source->name)) {
		if (asprintf(&name, "%s%s", source->name, guess_suffix(source)) < 0)
			return VACCEL_ENOMEM;
		named.name = name;
	}
	ret = tree_make(&named, &tree);
	if (!ret)
		ret = load_path(model, strcmp(source->name, "saved_model.pb") ? tree.path : tree.dir);
	if (!ret || tree.dir)
		tree_remove(&tree);
	free(name);
	return ret;
}

static int describe(const struct model *model, const ov_output_const_port_t *port, struct tensor *t)
{
	ov_partial_shape_t shape = {0};
	ov_element_type_e type;
	char *name = NULL;

	(void)model;
	if (ov.ov_port_get_element_type(port, &type) || ov.ov_port_get_partial_shape(port, &shape))
		return VACCEL_EBACKEND;
	t->type = type_from(type);
	t->nr_dims = -1;
	if (shape.rank.min == shape.rank.max && shape.rank.min >= 0 && shape.rank.min <= TENSOR_MAX_DIMS) {
		t->nr_dims = (int)shape.rank.min;
		for (int i = 0; i < t->nr_dims; i++)
			t->dims[i] = shape.dims[i].min == shape.dims[i].max ? shape.dims[i].min : -1;
	}
	ov.ov_partial_shape_free(&shape);
	if (!ov.ov_port_get_any_name(port, &name) && name) {
		t->name = strdup(name);
		ov.ov_free(name);
	} else {
		t->name = strdup("");
	}
	return t->name ? VACCEL_OK : VACCEL_ENOMEM;
}

static int describe_all(struct model *model, bool output)
{
	size_t nr = 0, max = output ? ENGINE_MAX_OUTPUTS : MAX_TENSORS;
	ov_output_const_port_t *port;
	ov_status_e status;
	int ret = VACCEL_OK;

	status = output ? ov.ov_compiled_model_outputs_size(model->compiled, &nr) :
			  ov.ov_compiled_model_inputs_size(model->compiled, &nr);
	if (status || nr > max) {
		engine_error("%s has %zu %s: up to %zu are possible", model->name, nr,
			     output ? "outputs" : "inputs", max);
		return VACCEL_EINVAL;
	}
	model->tensors[output] = calloc(nr + 1, sizeof(struct tensor));
	if (!model->tensors[output])
		return VACCEL_ENOMEM;
	model->nr[output] = nr;
	for (size_t i = 0; i < nr && !ret; i++) {
		status = output ? ov.ov_compiled_model_output_by_index(model->compiled, i, &port) :
				  ov.ov_compiled_model_input_by_index(model->compiled, i, &port);
		if (status)
			return VACCEL_EBACKEND;
		ret = describe(model, port, &model->tensors[output][i]);
		ov.ov_output_const_port_free(port);
	}
	return ret;
}

int model_load(const struct engine_source *source, void **out)
{
	struct model *model = calloc(1, sizeof(*model));
	int ret = VACCEL_ENOMEM;

	if (!model)
		return VACCEL_ENOMEM;
	pthread_mutex_init(&model->lock, NULL);
	model->name = strdup(source->name);
	if (model->name)
		ret = load_tree(model, source);
	if (!ret)
		ret = describe_all(model, false);
	if (!ret)
		ret = describe_all(model, true);
	if (ret) {
		model_unload(model);
		return ret;
	}
	engine_debug("Loaded %s on %s: %zu inputs, %zu outputs", model->name, runtime_device(),
		     model->nr[false], model->nr[true]);
	*out = model;
	return VACCEL_OK;
}

void model_unload(void *arg)
{
	struct model *model = arg;
	struct request *next;

	for (struct request *r = model->idle; r; r = next) {
		next = r->next;
		ov.ov_infer_request_free(r->ov);
		free(r);
	}
	if (model->compiled)
		ov.ov_compiled_model_free(model->compiled);
	for (int output = 0; output < 2; output++) {
		for (size_t i = 0; i < model->nr[output]; i++)
			free((char *)model->tensors[output][i].name);
		free(model->tensors[output]);
	}
	pthread_mutex_destroy(&model->lock);
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

bool model_find(const void *arg, bool output, const char *name, size_t *index)
{
	const struct model *model = arg;
	ov_output_const_port_t *port;
	char *first = NULL;
	bool found = false;

	/* A tensor may have several names, of which the description has any one. */
	if (output ? ov.ov_compiled_model_output_by_name(model->compiled, name, &port) :
		     ov.ov_compiled_model_input_by_name(model->compiled, name, &port))
		return false;
	if (!ov.ov_port_get_any_name(port, &first) && first) {
		for (size_t i = 0; i < model->nr[output] && !found; i++) {
			found = !strcmp(model->tensors[output][i].name, first);
			*index = i;
		}
		ov.ov_free(first);
	}
	ov.ov_output_const_port_free(port);
	return found;
}

/* ---- Running --------------------------------------------------------------------------------- */

static void request_free(struct request *request)
{
	if (request->ov)
		ov.ov_infer_request_free(request->ov);
	free(request);
}

static int request_get(struct model *model, struct request **out)
{
	struct request *request;

	pthread_mutex_lock(&model->lock);
	request = model->idle;
	if (request)
		model->idle = request->next;
	pthread_mutex_unlock(&model->lock);
	if (!request) {
		request = calloc(1, sizeof(*request));
		if (!request)
			return VACCEL_ENOMEM;
		request->model = model;
		if (ov.ov_compiled_model_create_infer_request(model->compiled, &request->ov)) {
			request->ov = NULL;
			request_free(request);
			return VACCEL_EBACKEND;
		}
	}
	*out = request;
	return VACCEL_OK;
}

static void request_put(struct request *request)
{
	struct model *model = request->model;

	for (size_t i = 0; i < ENGINE_MAX_OUTPUTS; i++) {
		if (request->outputs[i])
			ov.ov_tensor_free(request->outputs[i]);
		request->outputs[i] = NULL;
	}
	pthread_mutex_lock(&model->lock);
	request->next = model->idle;
	model->idle = request;
	pthread_mutex_unlock(&model->lock);
}

static ov_status_e set_input(struct request *request, size_t index, const struct tensor *in)
{
	int64_t dims[TENSOR_MAX_DIMS];
	ov_element_type_e type;
	ov_tensor_t *tensor;
	ov_status_e status;

	if (in->nr_dims < 0 || !type_to(in->type, &type))
		return OV_NOT_IMPLEMENTED;
	memcpy(dims, in->dims, sizeof(dims));
	status = ov.ov_tensor_create_from_host_ptr(type, (ov_shape_t){in->nr_dims, dims}, in->data, &tensor);
	if (status)
		return status;
	status = ov.ov_infer_request_set_input_tensor_by_index(request->ov, index, tensor);
	ov.ov_tensor_free(tensor);
	return status;
}

static ov_status_e get_output(struct request *request, size_t index, struct tensor *t)
{
	ov_shape_t shape = {0};
	ov_element_type_e type;
	ov_tensor_t *tensor;
	ov_status_e status;

	status = ov.ov_infer_request_get_output_tensor_by_index(request->ov, index, &tensor);
	if (status)
		return status;
	request->outputs[index] = tensor;
	status = ov.ov_tensor_get_element_type(tensor, &type);
	if (!status)
		status = ov.ov_tensor_get_shape(tensor, &shape);
	if (status)
		return status;
	*t = (struct tensor){.name = request->model->tensors[true][index].name, .type = type_from(type),
			     .nr_dims = shape.rank <= TENSOR_MAX_DIMS ? (int)shape.rank : -1};
	for (int i = 0; i < t->nr_dims; i++)
		t->dims[i] = shape.dims[i];
	ov.ov_shape_free(&shape);
	if (t->type == TENSOR_OTHER)
		return 0; /* strings, and what else has no bytes that mean something elsewhere */
	status = ov.ov_tensor_get_byte_size(tensor, &t->size);
	if (!status)
		status = ov.ov_tensor_data(tensor, &t->data);
	return status;
}

int model_run(void *arg, const struct tensor *inputs, size_t nr_inputs,
	      struct engine_outputs *outputs)
{
	struct model *model = arg;
	struct request *request;
	char text[WHY_SIZE];
	ov_status_e status = 0;
	int ret;

	if (nr_inputs != model->nr[false])
		return VACCEL_EINVAL;
	ret = request_get(model, &request);
	if (ret) {
		engine_error("Could not make a request for %s", model->name);
		return ret;
	}
	for (size_t i = 0; i < nr_inputs && !status; i++)
		status = set_input(request, i, &inputs[i]);
	if (!status)
		status = ov.ov_infer_request_infer(request->ov);
	for (size_t i = 0; i < model->nr[true] && !status; i++)
		status = get_output(request, i, &outputs->tensors[i]);
	if (status) {
		why(status, text);
		engine_error("Could not run %s: %s", model->name, text);
		request_put(request);
		return VACCEL_EINVAL;
	}
	outputs->nr = model->nr[true];
	outputs->owner = request;
	return VACCEL_OK;
}

void model_release(struct engine_outputs *outputs)
{
	request_put(outputs->owner);
}
