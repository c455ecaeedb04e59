// SPDX-License-Identifier: Apache-2.0
#include "infer_ops.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "datatypes.h"
#include "engine.h"
#include "held.h"

#define ANY_VERSION "1" /* a file is no collection of versions */

/* ---- Loading, and what there is -------------------------------------------------------------- */

static int op_load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!sess || !model)
		return VACCEL_EINVAL;
	pthread_once(&once, batch_start);
	engine_debug("Calling infer_load for session %" PRId64, sess->id);
	return held_add(sess, model);
}

static int op_unload(struct vaccel_session *sess, struct vaccel_resource *model)
{
	if (!sess || !model)
		return VACCEL_EINVAL;
	engine_debug("Calling infer_unload for session %" PRId64, sess->id);
	return held_remove(sess, model);
}

static int describe(void *model, bool output, size_t index, struct vaccel_infer_desc *d)
{
	struct tensor t;
	int ret = engine.describe(model, output, index, &t);

	if (ret)
		return ret;
	if (t.name && snprintf(d->name, sizeof(d->name), "%s", t.name) >= (int)sizeof(d->name)) {
		engine_error("The name of %s %zu has more than %d bytes", output ? "output" : "input", index,
			     VACCEL_INFER_NAME_SIZE - 1);
		return VACCEL_ENAMETOOLONG;
	}
	d->datatype = datatype_of(t.type);
	d->nr_dims = t.nr_dims < 0 ? UINT32_MAX : (uint32_t)t.nr_dims;
	for (int i = 0; i < t.nr_dims; i++)
		d->shape[i] = t.dims[i] > 0 ? t.dims[i] : -1;
	return VACCEL_OK;
}

static int op_metadata(struct vaccel_session *sess, struct vaccel_resource *model,
		       struct vaccel_infer_model *info, struct vaccel_infer_desc *descs, uint32_t nr)
{
	size_t inputs, outputs;
	struct held *held;
	int ret;

	if (!sess || !model || !info || (nr && !descs))
		return VACCEL_EINVAL;
	ret = held_get(sess, model, &held);
	if (ret)
		return ret;
	memset(info, 0, sizeof(*info));
	if (nr)
		memset(descs, 0, nr * sizeof(*descs));
	snprintf(info->name, sizeof(info->name), "%s", held_name(held));
	snprintf(info->version, sizeof(info->version), ANY_VERSION);
	snprintf(info->platform, sizeof(info->platform), "%s", engine.platform ? engine.platform : engine.name);
	ret = engine.count(held_model(held), &inputs, &outputs);
	if (!ret) {
		info->nr_inputs = (uint32_t)inputs;
		info->nr_outputs = (uint32_t)outputs;
	}
	for (size_t i = 0; !ret && i < inputs + outputs && i < nr; i++)
		ret = describe(held_model(held), i >= inputs, i < inputs ? i : i - inputs, &descs[i]);
	held_put(held);
	return ret;
}

/* ---- Running --------------------------------------------------------------------------------- */

struct run {
	void *model;
	unsigned int sessions; /* that have it loaded */
	const struct vaccel_infer_tensor *in;
	uint32_t nr_in;
	struct vaccel_infer_tensor *out;
	uint32_t nr_out;
	size_t inputs, outputs; /* that the model has */
	struct tensor *tensors; /* one for each input of the model */
};

/* The place of an input or output with a name, or NULL for the one of that place. */
static int find(const struct run *run, bool output, const char *name, size_t place, size_t *index)
{
	size_t nr = output ? run->outputs : run->inputs;
	struct tensor t;
	int ret;

	*index = place;
	if (!name && place < nr)
		return VACCEL_OK;
	for (size_t i = 0; name && i < nr; i++) {
		ret = engine.describe(run->model, output, i, &t);
		if (ret)
			return ret;
		*index = i;
		if (t.name && !strcmp(t.name, name))
			return VACCEL_OK;
	}
	engine_error("The model has no %s %s%s: it has %zu", output ? "output" : "input",
		     name ? "of the name " : "of this place", name ? name : "", nr);
	return VACCEL_EINVAL;
}

/* Whether the model takes this as the input that it describes. */
static int check_input(const struct tensor *described, const struct tensor *given)
{
	char want[TENSOR_TEXT_SIZE], have[TENSOR_TEXT_SIZE];
	bool fits = described->type == TENSOR_UNKNOWN || described->type == given->type;

	if (described->nr_dims >= 0) {
		fits = fits && described->nr_dims == given->nr_dims;
		for (int i = 0; fits && i < given->nr_dims; i++)
			fits = described->dims[i] < 1 || described->dims[i] == given->dims[i];
	}
	if (fits && given->type != TENSOR_OTHER)
		return VACCEL_OK;
	engine_error("Input %s takes %s, and is given %s", described->name ? described->name : "",
		     tensor_text(described, want, sizeof(want)), tensor_text(given, have, sizeof(have)));
	return VACCEL_EINVAL;
}

static int take_input(struct run *run, uint32_t place)
{
	static uint8_t nothing[16];
	const struct vaccel_infer_tensor *in = &run->in[place];
	struct tensor described, *t;
	size_t index;
	int ret;

	ret = find(run, false, in->name, place, &index);
	if (!ret)
		ret = engine.describe(run->model, false, index, &described);
	if (ret)
		return ret;
	t = &run->tensors[index];
	if (t->data) {
		engine_error("Input %s is given twice", described.name ? described.name : "");
		return VACCEL_EINVAL;
	}
	if (in->nr_dims > TENSOR_MAX_DIMS) {
		engine_error("Input %s has %" PRIu32 " dimensions: up to %d are possible",
			     described.name ? described.name : "", in->nr_dims, TENSOR_MAX_DIMS);
		return VACCEL_EINVAL;
	}
	*t = (struct tensor){.name = described.name, .type = datatype_to_type(in->datatype),
			     .nr_dims = (int)in->nr_dims, .data = in->size ? in->data : nothing,
			     .size = in->size};
	memcpy(t->dims, in->shape, in->nr_dims * sizeof(t->dims[0]));
	return check_input(&described, t);
}

static int take_inputs(struct run *run)
{
	struct tensor described;
	int ret = VACCEL_OK;

	for (uint32_t i = 0; i < run->nr_in && !ret; i++)
		ret = take_input(run, i);
	for (size_t i = 0; i < run->inputs && !ret; i++) {
		if (run->tensors[i].data)
			continue;
		ret = engine.describe(run->model, false, i, &described);
		if (ret)
			return ret;
		engine_error("Input %s is missing", described.name ? described.name : "");
		return VACCEL_EINVAL;
	}
	return ret;
}

/* Before the model runs in vain. */
static int check_outputs(const struct run *run)
{
	int ret = VACCEL_OK;
	size_t index;

	for (uint32_t i = 0; i < run->nr_out && run->outputs && !ret; i++)
		ret = find(run, true, run->out[i].name, i, &index);
	return ret;
}

static int give(struct vaccel_infer_tensor *out, const struct tensor *t)
{
	struct vaccel_infer_tensor result = {.datatype = datatype_of(t->type), .data = t->data,
					     .size = t->size};
	const char *name = t->name ? t->name : "";
	int ret;

	if (!result.datatype || t->nr_dims < 0 || (t->size && !t->data)) {
		engine_error("Output %s is %s: no datatype of the protocol, or of more than %d dimensions",
			     name, tensor_type_name(t->type), TENSOR_MAX_DIMS);
		return VACCEL_ENOTSUP;
	}
	result.nr_dims = (uint32_t)t->nr_dims;
	memcpy(result.shape, t->dims, result.nr_dims * sizeof(t->dims[0]));
	if (vaccel_infer_tensor_check(&result)) {
		engine_error("Output %s has another size than its shape", name);
		return VACCEL_EBACKEND;
	}
	ret = vaccel_infer_output(out, &result);
	if (ret == VACCEL_ERANGE)
		engine_error("Output %s has %zu bytes, and its buffer %zu", name, t->size, out->room);
	return ret;
}

static int give_outputs(const struct run *run, const struct engine_outputs *results)
{
	int ret = VACCEL_OK;

	for (uint32_t i = 0; i < run->nr_out; i++) {
		const char *name = run->out[i].name;
		size_t k = name ? 0 : i;
		int failed;

		while (name && k < results->nr &&
		       (!results->tensors[k].name || strcmp(results->tensors[k].name, name)))
			k++;
		if (k >= results->nr) {
			engine_error("The model gave no output %s", name ? name : "of this place");
			return VACCEL_EINVAL;
		}
		failed = give(&run->out[i], &results->tensors[k]);
		/* Of each buffer that is too small the program is to know. */
		if (failed && failed != VACCEL_ERANGE)
			return failed;
		if (failed)
			ret = failed;
	}
	return ret;
}

static int run_model(struct run *run)
{
	struct batch_result results = {0};
	int ret;

	ret = engine.count(run->model, &run->inputs, &run->outputs);
	if (ret)
		return ret;
	run->tensors = calloc(run->inputs + 1, sizeof(*run->tensors));
	if (!run->tensors)
		return VACCEL_ENOMEM;
	ret = take_inputs(run);
	if (!ret)
		ret = check_outputs(run);
	if (!ret)
		ret = batch_run(run->model, run->sessions, run->tensors, run->inputs, &results);
	free(run->tensors);
	if (ret)
		return ret;
	ret = give_outputs(run, &results.outputs);
	batch_release(&results);
	return ret;
}

static int op_run(struct vaccel_session *sess, struct vaccel_resource *model,
		  const struct vaccel_infer_tensor *inputs, uint32_t nr_inputs,
		  struct vaccel_infer_tensor *outputs, uint32_t nr_outputs)
{
	struct run run = {.in = inputs, .nr_in = nr_inputs, .out = outputs, .nr_out = nr_outputs};
	struct held *held;
	int ret;

	if (!sess || !model || (nr_inputs && !inputs) || (nr_outputs && !outputs))
		return VACCEL_EINVAL;
	ret = held_get(sess, model, &held);
	if (ret)
		return ret;
	run.model = held_model(held);
	run.sessions = held_sessions(held);
	ret = run_model(&run);
	held_put(held);
	return ret;
}

const struct vaccel_infer_ops engine_infer = {
	.load = op_load,
	.unload = op_unload,
	.metadata = op_metadata,
	.run = op_run,
};
