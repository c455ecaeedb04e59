// SPDX-License-Identifier: Apache-2.0
/* Models as struct engine has them, for vaccel/infer.h: inputs and outputs are those of signature.c. */
#include <stdlib.h>
#include <string.h>

#include "tf.h"

int model_count(void *arg, size_t *inputs, size_t *outputs)
{
	const struct model *model = arg;

	*inputs = model->ports.nr[false];
	*outputs = model->ports.nr[true];
	return VACCEL_OK;
}

int model_describe(void *arg, bool output, size_t index, struct tensor *tensor)
{
	const struct model *model = arg;

	if (index >= model->ports.nr[output])
		return VACCEL_EINVAL;
	*tensor = model->ports.all[output][index].tensor;
	return VACCEL_OK;
}

/* A run, and then its results, until they are released. */
struct results {
	const struct model *model;
	size_t nr_in, nr_out;
	TF_Output in[MAX_PORTS], out[ENGINE_MAX_OUTPUTS];
	TF_Tensor *in_values[MAX_PORTS], *out_values[ENGINE_MAX_OUTPUTS];
	uint8_t *bytes[ENGINE_MAX_OUTPUTS]; /* of outputs that are strings */
};

static void free_results(struct results *r)
{
	for (size_t i = 0; i < r->nr_in; i++)
		if (r->in_values[i])
			tf.TF_DeleteTensor(r->in_values[i]);
	for (size_t i = 0; i < r->nr_out; i++) {
		if (r->out_values[i])
			tf.TF_DeleteTensor(r->out_values[i]);
		free(r->bytes[i]);
	}
	free(r);
}

static int make_input(struct results *r, size_t i, const struct tensor *from)
{
	const struct port *port = &r->model->ports.all[false][i];

	if (port->tensor.type == TENSOR_OTHER) {
		engine_error("Input %s of %s is of a type that infer_run cannot give to TensorFlow: only numbers "
			     "and strings can be", port->tensor.name, r->model->name);
		return VACCEL_ENOTSUP;
	}
	r->in[i] = port->at;
	if (from->type == TENSOR_BYTES) {
		r->in_values[i] = strings_make(from);
		return r->in_values[i] ? VACCEL_OK : VACCEL_ENOMEM;
	}
	r->in_values[i] = tf.TF_AllocateTensor(tf.TF_OperationOutputType(port->at), from->dims, from->nr_dims,
					       from->size);
	if (!r->in_values[i])
		return VACCEL_ENOMEM;
	if (from->size)
		memcpy(tf.TF_TensorData(r->in_values[i]), from->data, from->size);
	return VACCEL_OK;
}

static int take_output(struct results *r, size_t i, struct tensor *t)
{
	const TF_Tensor *value = r->out_values[i];
	int nr_dims = tf.TF_NumDims(value);

	*t = (struct tensor){.name = r->model->ports.all[true][i].tensor.name,
			     .type = type_from(tf.TF_TensorType(value)),
			     .nr_dims = nr_dims > TENSOR_MAX_DIMS ? -1 : nr_dims,
			     .data = tf.TF_TensorData(value),
			     .size = tf.TF_TensorByteSize(value)};
	for (int k = 0; k < t->nr_dims; k++)
		t->dims[k] = tf.TF_Dim(value, k);
	return t->type == TENSOR_BYTES ? strings_read(value, t, &r->bytes[i]) : VACCEL_OK;
}

static int run(struct results *r, const struct tensor *inputs, struct engine_outputs *outputs)
{
	TF_Status *status;
	int ret = VACCEL_OK;

	for (size_t i = 0; i < r->nr_in && !ret; i++)
		ret = make_input(r, i, &inputs[i]);
	if (ret)
		return ret;
	for (size_t i = 0; i < r->nr_out; i++)
		r->out[i] = r->model->ports.all[true][i].at;
	status = tf.TF_NewStatus();
	tf.TF_SessionRun(r->model->session, NULL, r->in, r->in_values, (int)r->nr_in, r->out, r->out_values,
			 (int)r->nr_out, NULL, 0, NULL, status);
	ret = model_check("Could not run", r->model->name, status);
	tf.TF_DeleteStatus(status);
	for (size_t i = 0; i < r->nr_out && !ret; i++)
		ret = take_output(r, i, &outputs->tensors[i]);
	return ret;
}

int model_run(void *arg, const struct tensor *inputs, size_t nr_inputs, struct engine_outputs *outputs)
{
	const struct model *model = arg;
	struct results *r;
	int ret;

	if (nr_inputs != model->ports.nr[false] || model->ports.nr[true] > ENGINE_MAX_OUTPUTS) {
		engine_error("%s has %zu outputs: infer_run can give %d", model->name, model->ports.nr[true],
			     ENGINE_MAX_OUTPUTS);
		return VACCEL_EINVAL;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return VACCEL_ENOMEM;
	r->model = model;
	r->nr_in = nr_inputs;
	r->nr_out = model->ports.nr[true];
	ret = run(r, inputs, outputs);
	if (ret) {
		free_results(r);
		return ret;
	}
	outputs->nr = r->nr_out;
	outputs->owner = r;
	return VACCEL_OK;
}

void model_release(struct engine_outputs *outputs)
{
	free_results(outputs->owner);
	*outputs = (struct engine_outputs){0};
}
