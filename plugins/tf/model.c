// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "tf.h"
#include "tf_ops.h"
#include "tree.h"

static int code_of(TF_Code code)
{
	switch (code) {
	case TF_CODE_OK:
		return VACCEL_OK;
	case TF_CODE_RESOURCE_EXHAUSTED:
		return VACCEL_ENOMEM;
	case TF_CODE_UNIMPLEMENTED:
		return VACCEL_ENOTSUP;
	case TF_CODE_INTERNAL:
		return VACCEL_EBACKEND;
	default:
		return VACCEL_EINVAL;
	}
}

int model_check(const char *what, const char *name, const TF_Status *status)
{
	TF_Code code = tf.TF_GetCode(status);

	if (!code)
		return VACCEL_OK;
	return tf_fail(code_of(code), (enum tf_code)code, "%s %s: %s", what, name, tf.TF_Message(status));
}

/* ---- Loading --------------------------------------------------------------------------------- */

static int load_saved_model(struct model *model, const char *dir, const TF_SessionOptions *options,
			    TF_Status *status)
{
	static const char *const tags[] = {"serve"};
	TF_Buffer *meta = tf.TF_NewBuffer();
	int ret;

	model->session = tf.TF_LoadSessionFromSavedModel(options, NULL, dir, tags, 1, model->graph, meta,
							 status);
	ret = model_check("Could not load", model->name, status);
	if (!ret)
		ret = signature_read(model, meta->data, meta->length);
	tf.TF_DeleteBuffer(meta);
	return ret;
}

static int load_graph(struct model *model, const struct engine_source *source,
		      const TF_SessionOptions *options, TF_Status *status)
{
	TF_ImportGraphDefOptions *import = tf.TF_NewImportGraphDefOptions();
	TF_Buffer bytes = {source->data, source->size, NULL};
	int ret;

	tf.TF_GraphImportGraphDef(model->graph, &bytes, import, status);
	tf.TF_DeleteImportGraphDefOptions(import);
	if (!tf.TF_GetCode(status))
		model->session = tf.TF_NewSession(model->graph, options, status);
	ret = model_check("Could not load", model->name, status);
	return ret ? ret : ports_of_graph(model);
}

/* dir: of a SavedModel; NULL: a graph */
static int load(struct model *model, const struct engine_source *source, const char *dir)
{
	TF_SessionOptions *options = runtime_options();
	TF_Status *status;
	int ret;

	if (!options)
		return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT, "Could not load %s", model->name);
	status = tf.TF_NewStatus();
	model->graph = tf.TF_NewGraph();
	if (dir)
		ret = load_saved_model(model, dir, options, status);
	else
		ret = load_graph(model, source, options, status);
	tf.TF_DeleteStatus(status);
	tf.TF_DeleteSessionOptions(options);
	return ret ? ret : runtime_check_device(model->session);
}

int model_load(const struct engine_source *source, void **out)
{
	struct model *model = calloc(1, sizeof(*model));
	struct tree tree = {0};
	int ret = VACCEL_ENOMEM;

	if (!model)
		return VACCEL_ENOMEM;
	model->name = strdup(source->name);
	if (model->name && source->size > INT32_MAX)
		ret = tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT,
			      "Could not load %s: a graph has at most 2 GiB", model->name);
	else if (model->name && strcmp(source->name, SAVED_MODEL_NAME))
		ret = load(model, source, NULL);
	else if (model->name)
		ret = tree_make(source, &tree);
	if (!ret && tree.dir)
		ret = load(model, source, tree.dir);
	tree_remove(&tree);
	if (ret) {
		model_unload(model);
		return ret;
	}
	engine_debug("Loaded %s", model->name);
	*out = model;
	return VACCEL_OK;
}

void model_unload(void *arg)
{
	struct model *model = arg;
	TF_Status *status = tf.TF_NewStatus();

	if (model->session) {
		tf.TF_CloseSession(model->session, status);
		tf.TF_DeleteSession(model->session, status);
	}
	if (model->graph)
		tf.TF_DeleteGraph(model->graph);
	tf.TF_DeleteStatus(status);
	ports_free(&model->ports);
	free(model->name);
	free(model);
}

/* ---- Running --------------------------------------------------------------------------------- */

/* A run under way. */
struct call {
	struct model *model;
	TF_Output *in, *out;
	TF_Tensor **in_values, **out_values;
	TF_Status *status;
};

bool model_find_output(const struct model *model, const char *name, TF_Output *output)
{
	const char *colon = strrchr(name, ':');
	char *part, *end;
	long index;

	output->index = 0;
	output->oper = tf.TF_GraphOperationByName(model->graph, name);
	if (output->oper || !colon || !colon[1])
		return output->oper;
	index = strtol(colon + 1, &end, 10);
	part = strndup(name, (size_t)(colon - name));
	if (part && !*end && index >= 0 && index <= INT32_MAX) {
		output->index = (int)index;
		output->oper = tf.TF_GraphOperationByName(model->graph, part);
	}
	free(part);
	return output->oper;
}

/* The output of a graph that a program means; "name:1" is the same as 1 of "name". */
static int find(const struct model *model, const struct vaccel_tf_node *node, TF_Output *output)
{
	bool found = model_find_output(model, node->name, output);

	if (!found || (output->index && node->id))
		return tf_fail(VACCEL_ENOENT, TF_CODE_NOT_FOUND, "%s has no node %s", model->name, node->name);
	if (node->id)
		output->index = node->id;
	if (output->index >= 0 && output->index < tf.TF_OperationNumOutputs(output->oper))
		return VACCEL_OK;
	return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT, "Node %s of %s has %d outputs: there is no %d",
		       node->name, model->name, tf.TF_OperationNumOutputs(output->oper), output->index);
}

static int make_input(struct call *c, int i, const struct vaccel_tf_node *node,
		      const struct vaccel_tf_tensor *in)
{
	TF_Status *ignored;
	int nr_dims = in->nr_dims;
	int ret = find(c->model, node, &c->in[i]);

	if (ret)
		return ret;
	if (tf.TF_OperationOutputType(c->in[i]) != (TF_DataType)in->data_type)
		return tf_fail(VACCEL_EINVAL, TF_CODE_INVALID_ARGUMENT,
			       "Node %s of %s is of type %d of tensorflow/core/framework/types.proto, which the "
			       "tensor's, %d, is not", node->name, c->model->name,
			       tf.TF_OperationOutputType(c->in[i]), (int)in->data_type);
	/* A tensor of vAccel has a dimension where the model wants none. */
	if (nr_dims == 1 && in->dims[0] == 1) {
		ignored = tf.TF_NewStatus();
		if (tf.TF_GraphGetTensorNumDims(c->model->graph, c->in[i], ignored) == 0)
			nr_dims = 0;
		tf.TF_DeleteStatus(ignored);
	}
	c->in_values[i] = tf.TF_AllocateTensor((TF_DataType)in->data_type, in->dims, nr_dims, in->size);
	if (!c->in_values[i])
		return tf_fail(VACCEL_ENOMEM, TF_CODE_RESOURCE_EXHAUSTED, "No memory for input %s", node->name);
	if (in->size)
		memcpy(tf.TF_TensorData(c->in_values[i]), in->data, in->size);
	return VACCEL_OK;
}

static int make_output(const struct call *c, const struct vaccel_tf_node *node, const TF_Tensor *value,
		       struct vaccel_tf_tensor **out)
{
	enum vaccel_tf_data_type type = (enum vaccel_tf_data_type)tf.TF_TensorType(value);
	int nr_dims = tf.TF_NumDims(value), ret;
	int64_t *dims;

	if (!tf_element_size(type))
		return tf_fail(VACCEL_ENOTSUP, TF_CODE_UNIMPLEMENTED,
			       "Output %s of %s is of type %d of tensorflow/core/framework/types.proto: only "
			       "numbers can be handed on", node->name, c->model->name, (int)type);
	dims = calloc((size_t)nr_dims + 1, sizeof(*dims));
	if (!dims)
		return VACCEL_ENOMEM;
	for (int i = 0; i < nr_dims; i++)
		dims[i] = tf.TF_Dim(value, i);
	ret = tf_make_output(type, dims, nr_dims, tf.TF_TensorData(value), tf.TF_TensorByteSize(value), out);
	free(dims);
	return ret;
}

static int session_run(struct call *c, const struct tf_run *run)
{
	TF_Buffer options = {run->options, run->options_size, NULL};
	int ret = VACCEL_OK;

	for (int i = 0; i < run->nr_in && !ret; i++)
		ret = make_input(c, i, &run->in_nodes[i], run->in[i]);
	for (int i = 0; i < run->nr_out && !ret; i++)
		ret = find(c->model, &run->out_nodes[i], &c->out[i]);
	if (ret)
		return ret;
	tf.TF_SessionRun(c->model->session, run->options_size ? &options : NULL, c->in, c->in_values,
			 run->nr_in, c->out, c->out_values, run->nr_out, NULL, 0, NULL, c->status);
	ret = model_check("Could not run", c->model->name, c->status);
	for (int i = 0; i < run->nr_out && !ret; i++)
		ret = make_output(c, &run->out_nodes[i], c->out_values[i], &run->out[i]);
	return ret;
}

int tf_model_run(void *model, const struct tf_run *run)
{
	size_t in = (size_t)run->nr_in + 1, out = (size_t)run->nr_out + 1;
	struct call c = {
		.model = model,
		.in = calloc(in, sizeof(*c.in)),
		.out = calloc(out, sizeof(*c.out)),
		.in_values = calloc(in, sizeof(TF_Tensor *)),
		.out_values = calloc(out, sizeof(TF_Tensor *)),
		.status = tf.TF_NewStatus(),
	};
	int ret = VACCEL_ENOMEM;

	if (c.in && c.out && c.in_values && c.out_values)
		ret = session_run(&c, run);
	for (int i = 0; c.in_values && i < run->nr_in; i++)
		if (c.in_values[i])
			tf.TF_DeleteTensor(c.in_values[i]);
	for (int i = 0; c.out_values && i < run->nr_out; i++)
		if (c.out_values[i])
			tf.TF_DeleteTensor(c.out_values[i]);
	tf.TF_DeleteStatus(c.status);
	free(c.in);
	free(c.out);
	free(c.in_values);
	free(c.out_values);
	return ret;
}
