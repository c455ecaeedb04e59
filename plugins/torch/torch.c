// SPDX-License-Identifier: Apache-2.0
/*
 * The torch plugin: TorchScript models by libtorch. The operator says on which device, and with how many
 * threads; see runners.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "engine.h"
#include "held.h"
#include "infer_ops.h"
#include "introduce.h"
#include "jit.h"
#include "runners.h"
#include "threads.h"

#define ENV_DEVICE  "VACCEL_TORCH_DEVICE"
#define ENV_THREADS "VACCEL_TORCH_THREADS"

static int threads_of_call = 1;

/* ---- The engine ------------------------------------------------------------------------------ */

struct work {
	int (*function)(struct work *work);
	/* of a load */
	const struct engine_source *source;
	/* of a run */
	struct jit_model *model;
	const struct tensor *inputs;
	size_t nr_inputs;
	struct engine_outputs *outputs;
	/* of a product */
	const float *in[3];
	int64_t m, n, k;
	float *out;

	char why[JIT_WHY_SIZE];
	int ret;
};

static void do_work(void *arg)
{
	struct work *work = arg;

	work->ret = work->function(work);
}

/* Return: the work's code. */
static int have_done(struct work *work)
{
	int ret = runners_run(do_work, work);

	if (!ret)
		return work->ret;
	snprintf(work->why, sizeof(work->why), "no thread could be started for it");
	return ret;
}

static int work_load(struct work *work)
{
	return jit_load(work->source->data, work->source->size, &work->model, work->why);
}

static int work_run(struct work *work)
{
	return jit_run(work->model, work->inputs, work->nr_inputs, work->outputs, work->why);
}

static int work_product(struct work *work)
{
	return jit_product(work->in, work->m, work->n, work->k, work->out, work->why);
}

/* A TorchScript file is a zip file, which begins like this. */
static bool is_archive(const struct engine_source *source)
{
	return source->size > 4 && !memcmp(source->data, "PK\3\4", 4);
}

static int load(const struct engine_source *source, void **model)
{
	struct work work = {.function = work_load, .source = source};
	int ret;

	if (!is_archive(source)) {
		engine_error("%s is no TorchScript file: save the model with torch.jit.save()", source->name);
		return VACCEL_EINVAL;
	}
	ret = have_done(&work);
	if (ret)
		engine_error("Could not load %s: %s", source->name, work.why);
	else
		*model = work.model;
	return ret;
}

static void unload(void *model)
{
	jit_unload(model);
}

static int count(void *model, size_t *inputs, size_t *outputs)
{
	*inputs = jit_inputs(model);
	*outputs = jit_outputs(model);
	return VACCEL_OK;
}

/* A TorchScript file does not say of what shape and type its tensors are. */
static int describe(void *model, bool output, size_t index, struct tensor *tensor)
{
	*tensor = (struct tensor){.name = jit_name(model, output, index), .type = TENSOR_UNKNOWN,
				  .nr_dims = -1};
	return VACCEL_OK;
}

static int run(void *model, const struct tensor *inputs, size_t nr_inputs, struct engine_outputs *outputs)
{
	struct work work = {.function = work_run, .model = model, .inputs = inputs,
			    .nr_inputs = nr_inputs, .outputs = outputs};
	int ret = have_done(&work);

	if (ret)
		engine_error("Could not run the model: %s", work.why);
	return ret;
}

static const char *const suffixes[] = {".pt", ".pth", ".jit", NULL};

const struct engine engine = {
	.name = "torch",
	.platform = "pytorch_torchscript",
	.infer = &engine_infer,
	.file = "a TorchScript file",
	.suffixes = suffixes,
	.env_model = "VACCEL_TORCH_MODEL",
	.env_labels = "VACCEL_TORCH_LABELS",
	.load = load,
	.unload = unload,
	.count = count,
	.describe = describe,
	.run = run,
	.release = jit_release,
};

/* ---- Tensors of the API ---------------------------------------------------------------------- */

static const enum tensor_type types[] = {
	[VACCEL_TORCH_BYTE] = TENSOR_U8,   [VACCEL_TORCH_CHAR] = TENSOR_I8,
	[VACCEL_TORCH_SHORT] = TENSOR_I16, [VACCEL_TORCH_INT] = TENSOR_I32,
	[VACCEL_TORCH_LONG] = TENSOR_I64,  [VACCEL_TORCH_HALF] = TENSOR_F16,
	[VACCEL_TORCH_FLOAT] = TENSOR_F32,
};
#define NR_TYPES (sizeof(types) / sizeof(types[0]))

static int bad_tensor(int index, const char *why)
{
	engine_error("Input %d %s", index, why);
	return VACCEL_EINVAL;
}

static int from_api(const struct vaccel_torch_tensor *in, int index, struct tensor *out)
{
	uint64_t elements;

	if (!in)
		return bad_tensor(index, "is missing");
	if ((unsigned int)in->data_type >= NR_TYPES || !types[in->data_type])
		return bad_tensor(index, "has a type that there is not");
	if (in->nr_dims < 1 || in->nr_dims > TENSOR_MAX_DIMS || !in->dims)
		return bad_tensor(index, "has no dimensions, or more than 8");
	*out = (struct tensor){.type = types[in->data_type], .nr_dims = (int)in->nr_dims,
			       .data = in->data, .size = in->size};
	memcpy(out->dims, in->dims, (size_t)in->nr_dims * sizeof(*in->dims));
	if (!tensor_count(out, &elements) || elements > SIZE_MAX / 8)
		return bad_tensor(index, "has impossible dimensions");
	if (elements * tensor_element_size(out->type) != in->size || (in->size && !in->data))
		return bad_tensor(index, "has not as much data as its dimensions say");
	return VACCEL_OK;
}

static int to_api(const struct tensor *in, size_t index, struct vaccel_torch_tensor **out)
{
	static const int64_t one = 1;
	enum vaccel_torch_data_type type = VACCEL_TORCH_BYTE;
	int ret;

	while (type < NR_TYPES && types[type] != in->type)
		type++;
	if (type == NR_TYPES) {
		engine_error("Output %zu of the model is %s, which the operation has no type for: have the "
			     "model convert it", index, tensor_type_name(in->type));
		return VACCEL_EINVAL;
	}
	ret = vaccel_torch_tensor_allocate(out, in->nr_dims ? in->nr_dims : 1, in->nr_dims ? in->dims : &one,
					   type, in->size);
	if (!ret && in->size)
		memcpy((*out)->data, in->data, in->size);
	return ret;
}

/* All or none. */
static int give(const struct engine_outputs *from, struct vaccel_torch_tensor **to, int nr)
{
	int ret = VACCEL_OK, i;

	if ((size_t)nr > from->nr) {
		engine_error("The model gives %zu tensors, and %d are asked for", from->nr, nr);
		return VACCEL_EINVAL;
	}
	for (i = 0; i < nr && !ret; i++)
		ret = to_api(&from->tensors[i], (size_t)i, &to[i]);
	if (!ret)
		return VACCEL_OK;
	for (i--; i-- > 0;) {
		vaccel_torch_tensor_delete(to[i]);
		to[i] = NULL;
	}
	return ret;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static int op_load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	struct cached_model *entry;
	int ret;

	if (!sess || !model)
		return VACCEL_EINVAL;
	engine_debug("Calling torch_model_load for session %" PRId64, sess->id);
	ret = cache_get_resource(model, &entry);
	if (!ret)
		cache_put(entry);
	return ret;
}

static int run_entry(struct cached_model *entry, struct vaccel_torch_tensor *const *inputs, int nr_inputs,
		     struct vaccel_torch_tensor **outputs, int nr_outputs)
{
	size_t takes = jit_inputs(cache_model(entry));
	struct engine_outputs results = {0};
	struct tensor *in;
	int ret = VACCEL_OK;

	if ((size_t)nr_inputs > takes) {
		engine_error("Model %s takes %zu inputs, and %d are given", cache_name(entry), takes, nr_inputs);
		return VACCEL_EINVAL;
	}
	in = calloc((size_t)nr_inputs + 1, sizeof(*in));
	if (!in)
		return VACCEL_ENOMEM;
	for (int i = 0; i < nr_inputs && !ret; i++)
		ret = from_api(inputs[i], i, &in[i]);
	if (!ret)
		ret = run(cache_model(entry), in, (size_t)nr_inputs, &results);
	free(in);
	if (ret)
		return ret;
	ret = give(&results, outputs, nr_outputs);
	jit_release(&results);
	return ret;
}

static int op_run(struct vaccel_session *sess, struct vaccel_resource *model,
		  const struct vaccel_torch_buffer *run_options, struct vaccel_torch_tensor *const *inputs,
		  int nr_inputs, struct vaccel_torch_tensor **outputs, int nr_outputs)
{
	struct cached_model *entry;
	int ret;

	(void)run_options;
	if (!sess || !model)
		return VACCEL_EINVAL;
	engine_debug("Calling torch_model_run for session %" PRId64, sess->id);
	if (nr_inputs < 0 || nr_outputs < 0 || (nr_inputs && !inputs) || (nr_outputs && !outputs)) {
		engine_error("Inputs or outputs are missing");
		return VACCEL_EINVAL;
	}
	ret = cache_get_resource(model, &entry);
	if (ret)
		return ret;
	ret = run_entry(entry, inputs, nr_inputs, outputs, nr_outputs);
	cache_put(entry);
	return ret;
}

static bool bad_matrix(const char *name, struct vaccel_torch_tensor **tensor, int64_t rows, int64_t columns)
{
	struct vaccel_torch_tensor *t = tensor ? tensor[0] : NULL;

	if (t && t->data && t->data_type == VACCEL_TORCH_FLOAT &&
	    t->size / sizeof(float) / (size_t)columns == (size_t)rows &&
	    t->size == (size_t)rows * (size_t)columns * sizeof(float))
		return false;
	engine_error("torch_sgemm: %s is no tensor of %" PRId64 " x %" PRId64 " floats", name, rows, columns);
	return true;
}

static int op_sgemm(struct vaccel_session *sess, struct vaccel_torch_tensor **in_A,
		    struct vaccel_torch_tensor **in_B, struct vaccel_torch_tensor **in_C, int M, int N, int K,
		    struct vaccel_torch_tensor **out)
{
	struct work work = {.function = work_product, .m = M, .n = N, .k = K};
	struct vaccel_torch_tensor *result;
	int ret;

	if (!sess || !out)
		return VACCEL_EINVAL;
	engine_debug("Calling torch_sgemm for session %" PRId64 ": M %d, N %d, K %d", sess->id, M, N, K);
	if (M < 1 || N < 1 || K < 1) {
		engine_error("torch_sgemm: M, N and K are 1 at least, not %d, %d and %d", M, N, K);
		return VACCEL_EINVAL;
	}
	if (bad_matrix("A", in_A, M, K) || bad_matrix("B", in_B, K, N) || bad_matrix("C", in_C, M, N))
		return VACCEL_EINVAL;
	ret = vaccel_torch_tensor_allocate(&result, 2, (int64_t[]){M, N}, VACCEL_TORCH_FLOAT,
					   (size_t)M * (size_t)N * sizeof(float));
	if (ret)
		return ret;
	work.in[0] = in_A[0]->data;
	work.in[1] = in_B[0]->data;
	work.in[2] = in_C[0]->data;
	work.out = result->data;
	ret = have_done(&work);
	if (ret) {
		engine_error("torch_sgemm: %s", work.why);
		vaccel_torch_tensor_delete(result);
		return ret;
	}
	out[0] = result;
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(torch_model_load, VACCEL_OP_TORCH_MODEL_LOAD, op_load),
	VACCEL_OP_INIT(torch_model_run, VACCEL_OP_TORCH_MODEL_RUN, op_run),
	VACCEL_OP_INIT(torch_sgemm, VACCEL_OP_TORCH_SGEMM, op_sgemm),
};

/* ---- Start and end --------------------------------------------------------------------------- */

static void log_line(const char *line)
{
	engine_debug("%s", line);
}

static void runner_started(void)
{
	jit_use_threads(threads_of_call);
}

/* Threads for one call, and with the processors that are left over as many calls at a time. */
static void set_threads(void)
{
	unsigned int all = threads_processors();

	threads_of_call = (int)threads_for(ENV_THREADS, all);
	runners_set((int)all / threads_of_call, runner_started);
}

static const char *chosen_device(void)
{
	const char *device = getenv(ENV_DEVICE);

	return device && *device ? device : "cpu";
}

static int start(void)
{
	static bool started;
	const char *device = chosen_device();
	char why[JIT_WHY_SIZE];
	int ret;

	if (started)
		return VACCEL_OK;
	ret = jit_start(device, (int)threads_processors(), log_line, why);
	if (ret) {
		engine_error(ENV_DEVICE "=%s: %s. It can be cpu, or cuda:0 and the like where libtorch is "
			     "built for that and the sandbox lets it reach the device", device, why);
		return VACCEL_ENODEV;
	}
	started = true;
	return VACCEL_OK;
}

static int init(void)
{
	int ret;

	set_threads();
	ret = start();
	if (!ret)
		ret = introduce("libtorch %s; device: %s", jit_version(), chosen_device());
	if (!ret)
		ret = engine_image_register();
	return ret ? ret : vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	held_clear();
	engine_fini();
	runners_stop();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "torch", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_TORCH | VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU, .init = init,
	      .fini = fini, .resource_unregister = held_unregister)
