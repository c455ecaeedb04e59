// SPDX-License-Identifier: Apache-2.0
/*
 * The dummy results of the noop plugin. Lengths and pointers come from a program, or from a guest;
 * nothing is read or written that they do not cover.
 */
#include <stdio.h>
#include <string.h>

#include "noop.h"

#define TEXT_TAG    "This is a dummy classification tag!"
#define TEXT_NAME   "This is a dummy imgname!"
#define TEXT_STATUS "Operation handled by noop plugin"

#define MMULT_RESULT 9.1f
#define MINMAX_MIN   (-1)
#define MINMAX_MAX   10000

typedef int (*answer_fn)(struct vaccel_session *sess, const union vop_val *v);

/* Whether every buffer and array that has a length is there. */
static bool complete(const struct vop_desc *desc, const union vop_val *vals)
{
	for (unsigned int i = 0; i < desc->nr_params; i++) {
		const struct vop_param *p = &desc->params[i];
		uint64_t count;

		if (p->kind == VOP_VAL || p->kind == VOP_DATA || p->kind == VOP_STATUS)
			continue;
		if (p->kind == VOP_STR || p->kind == VOP_RES) {
			if (!vals[i].p)
				return false;
			continue;
		}
		if (vop_count(desc, i, vals, &count))
			return false;
		if (count && !vals[i].p && !p->nullable)
			return false;
	}
	return true;
}

/* For ops that are only logged: their arguments are not looked at. */
static int nothing(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	(void)v;
	return VACCEL_OK;
}

/* ---- exec, opencv --------------------------------------------------------------------------- */

static int echo(const struct vaccel_arg *read, int64_t nr_read, struct vaccel_arg *write,
		int64_t nr_write)
{
	if (nr_write != 1 || nr_read < 1)
		return VACCEL_OK;
	if (read[0].size != write[0].size || read[0].size % sizeof(int32_t) || !read[0].buf ||
	    !write[0].buf)
		return VACCEL_OK;
	memmove(write[0].buf, read[0].buf, read[0].size);
	return VACCEL_OK;
}

static int answer_exec(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	return echo(v[EXEC_read].p, v[EXEC_nr_read].i, v[EXEC_write].p, v[EXEC_nr_write].i);
}

static int answer_exec_with_resource(struct vaccel_session *sess, const union vop_val *v)
{
	const struct vaccel_resource *res = v[EXEC_WITH_RESOURCE_resource].p;

	(void)sess;
	if (!res->blobs || !res->nr_blobs) {
		noop_error("The resource has no library");
		return VACCEL_EINVAL;
	}
	for (size_t i = 0; i < res->nr_blobs; i++) {
		const char *path = vaccel_blob_path(res->blobs[i]);

		if (!path) {
			noop_error("Library %zu of the resource has no path", i);
			return VACCEL_EINVAL;
		}
		noop_debug("library: %s", path);
	}
	return echo(v[EXEC_WITH_RESOURCE_read].p, v[EXEC_WITH_RESOURCE_nr_read].i,
		    v[EXEC_WITH_RESOURCE_write].p, v[EXEC_WITH_RESOURCE_nr_write].i);
}

static int answer_opencv(struct vaccel_session *sess, const union vop_val *v)
{
	struct vaccel_arg *write = v[OPENCV_write].p;

	(void)sess;
	for (int64_t i = 0; i < v[OPENCV_nr_write].i; i++) {
		uint64_t result = write[i].size / sizeof(float);

		if (write[i].buf && write[i].size >= sizeof(result))
			memcpy(write[i].buf, &result, sizeof(result));
	}
	return VACCEL_OK;
}

/* ---- Images --------------------------------------------------------------------------------- */

static void dummy_text(void *out, int64_t size, const char *text)
{
	if (!out || size <= 0)
		return;
	noop_debug("will return a dummy result");
	snprintf(out, (size_t)size, "%s", text);
}

static int answer_classify(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	if (!v[IMAGE_CLASSIFY_img].p)
		return VACCEL_EINVAL;
	dummy_text(v[IMAGE_CLASSIFY_out_text].p, v[IMAGE_CLASSIFY_len_out_text].i, TEXT_TAG);
	dummy_text(v[IMAGE_CLASSIFY_out_imgname].p, v[IMAGE_CLASSIFY_len_out_imgname].i,
		   TEXT_NAME);
	return VACCEL_OK;
}

/* The four ops without text have the same parameters. */
static int answer_image(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	if (!v[IMAGE_DETECT_img].p)
		return VACCEL_EINVAL;
	dummy_text(v[IMAGE_DETECT_out_imgname].p, v[IMAGE_DETECT_len_out_imgname].i, TEXT_NAME);
	return VACCEL_OK;
}

/* ---- Models --------------------------------------------------------------------------------- */

/* Makes each output a copy of the input with the same index. All or none. */
#define COPY_TENSORS(framework)                                                                   \
	static int copy_##framework(struct vaccel_##framework##_tensor *const *in,                \
				    int64_t nr_in,                                                \
				    struct vaccel_##framework##_tensor **out, int64_t nr_out)     \
	{                                                                                         \
		int64_t i;                                                                        \
		int ret;                                                                          \
                                                                                                  \
		if (nr_out > nr_in) {                                                             \
			noop_error("There are more outputs than inputs to copy");                 \
			return VACCEL_EINVAL;                                                     \
		}                                                                                 \
		for (i = 0; i < nr_out; i++) {                                                    \
			ret = VACCEL_EINVAL;                                                      \
			if (!in[i] || (in[i]->size && !in[i]->data))                              \
				goto fail;                                                        \
			ret = vaccel_##framework##_tensor_allocate(&out[i], in[i]->nr_dims,       \
								   in[i]->dims,                   \
								   in[i]->data_type,              \
								   in[i]->size);                  \
			if (ret)                                                                  \
				goto fail;                                                        \
			if (in[i]->size)                                                          \
				memcpy(out[i]->data, in[i]->data, in[i]->size);                   \
		}                                                                                 \
		return VACCEL_OK;                                                                 \
	fail:                                                                                     \
		while (i-- > 0) {                                                                 \
			vaccel_##framework##_tensor_delete(out[i]);                               \
			out[i] = NULL;                                                            \
		}                                                                                 \
		return ret;                                                                       \
	}
COPY_TENSORS(tf)
COPY_TENSORS(tflite)
COPY_TENSORS(torch)

/* A program that does not want to know gives no status. */
static int good_status(struct vaccel_tf_status *status)
{
	return status ? vaccel_tf_status_init(status, 0, TEXT_STATUS) : VACCEL_OK;
}

static int answer_tf_load(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	return good_status(v[TF_MODEL_LOAD_status].p);
}

static int answer_tf_run(struct vaccel_session *sess, const union vop_val *v)
{
	struct vaccel_tf_tensor **out = v[TF_MODEL_RUN_out_tensors].p;
	int ret;

	(void)sess;
	ret = copy_tf(v[TF_MODEL_RUN_in_tensors].p, v[TF_MODEL_RUN_nr_inputs].i, out,
		      v[TF_MODEL_RUN_nr_outputs].i);
	if (ret)
		return ret;
	ret = good_status(v[TF_MODEL_RUN_status].p);
	if (ret) {
		for (int64_t i = 0; i < v[TF_MODEL_RUN_nr_outputs].i; i++) {
			vaccel_tf_tensor_delete(out[i]);
			out[i] = NULL;
		}
	}
	return ret;
}

static int answer_tflite_run(struct vaccel_session *sess, const union vop_val *v)
{
	uint8_t *status = v[TFLITE_MODEL_RUN_status].p;
	int ret;

	(void)sess;
	ret = copy_tflite(v[TFLITE_MODEL_RUN_inputs].p, v[TFLITE_MODEL_RUN_nr_inputs].i,
			  v[TFLITE_MODEL_RUN_outputs].p, v[TFLITE_MODEL_RUN_nr_outputs].i);
	if (!ret && status)
		*status = 0;
	return ret;
}

static int answer_torch_load(struct vaccel_session *sess, const union vop_val *v)
{
	const struct vaccel_resource *model = v[TORCH_MODEL_LOAD_model].p;
	const struct vaccel_blob *blob;

	(void)sess;
	if (!model->blobs || !model->nr_blobs) {
		noop_error("The model has no file");
		return VACCEL_EINVAL;
	}
	blob = model->blobs[0];
	if (blob->type == VACCEL_BLOB_FILE)
		noop_debug("Loading model from %s", blob->path);
	else
		noop_debug("Loading model from memory (%zu bytes)", blob->size);
	return VACCEL_OK;
}

static int answer_torch_run(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	return copy_torch(v[TORCH_MODEL_RUN_inputs].p, v[TORCH_MODEL_RUN_nr_inputs].i,
			  v[TORCH_MODEL_RUN_outputs].p, v[TORCH_MODEL_RUN_nr_outputs].i);
}

/* ---- Inference ------------------------------------------------------------------------------ */

/* A model with an input and an output of any shape, of which run does not insist. */
static int answer_infer_metadata(struct vaccel_session *sess, const union vop_val *v)
{
	struct vaccel_infer_model *info = v[INFER_METADATA_info].p;
	struct vaccel_infer_desc *descs = v[INFER_METADATA_descs].p;
	int64_t nr = v[INFER_METADATA_nr].i;

	(void)sess;
	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "noop");
	snprintf(info->version, sizeof(info->version), "1");
	snprintf(info->platform, sizeof(info->platform), "noop");
	info->nr_inputs = info->nr_outputs = 1;
	if (nr)
		memset(descs, 0, (size_t)nr * sizeof(*descs));
	for (int64_t i = 0; i < 2 && i < nr; i++) {
		snprintf(descs[i].name, sizeof(descs[i].name), i ? "output" : "input");
		descs[i].datatype = VACCEL_INFER_FP32;
		descs[i].nr_dims = 1;
		descs[i].shape[0] = -1;
	}
	return VACCEL_OK;
}

/* Each output is a copy of the input in the same place. */
static int answer_infer_run(struct vaccel_session *sess, const union vop_val *v)
{
	const struct vaccel_infer_tensor *in = v[INFER_RUN_inputs].p;
	struct vaccel_infer_tensor *out = v[INFER_RUN_outputs].p;
	int ret = VACCEL_OK;

	(void)sess;
	if (v[INFER_RUN_nr_outputs].i > v[INFER_RUN_nr_inputs].i) {
		noop_error("There are more outputs than inputs to copy");
		return VACCEL_EINVAL;
	}
	for (int64_t i = 0; i < v[INFER_RUN_nr_outputs].i; i++) {
		int failed = vaccel_infer_output(&out[i], &in[i]);

		if (failed)
			ret = failed;
	}
	return ret;
}

/* ---- FPGA, minmax --------------------------------------------------------------------------- */

static int answer_arraycopy(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	if (v[FPGA_ARRAYCOPY_len_a].i)
		memmove(v[FPGA_ARRAYCOPY_out_a].p, v[FPGA_ARRAYCOPY_a].p,
			(size_t)v[FPGA_ARRAYCOPY_len_a].i * sizeof(int));
	return VACCEL_OK;
}

static int answer_mmult(struct vaccel_session *sess, const union vop_val *v)
{
	float *c = v[FPGA_MMULT_c].p;

	(void)sess;
	for (int64_t i = 0; i < v[FPGA_MMULT_len_a].i; i++)
		c[i] = MMULT_RESULT;
	return VACCEL_OK;
}

static int answer_parallel(struct vaccel_session *sess, const union vop_val *v)
{
	const float *a = v[FPGA_PARALLEL_a].p, *b = v[FPGA_PARALLEL_b].p;
	float *sum = v[FPGA_PARALLEL_add_output].p, *product = v[FPGA_PARALLEL_mult_output].p;

	(void)sess;
	for (int64_t i = 0; i < v[FPGA_PARALLEL_len_a].i; i++) {
		sum[i] = a[i] + b[i];
		product[i] = 1;
	}
	return VACCEL_OK;
}

static int answer_vectoradd(struct vaccel_session *sess, const union vop_val *v)
{
	const float *a = v[FPGA_VECTORADD_a].p, *b = v[FPGA_VECTORADD_b].p;
	float *c = v[FPGA_VECTORADD_c].p;

	(void)sess;
	if (v[FPGA_VECTORADD_len_b].i < v[FPGA_VECTORADD_len_a].i) {
		noop_error("b is shorter than a");
		return VACCEL_EINVAL;
	}
	for (int64_t i = 0; i < v[FPGA_VECTORADD_len_a].i; i++)
		c[i] = a[i] + b[i];
	return VACCEL_OK;
}

static int answer_minmax(struct vaccel_session *sess, const union vop_val *v)
{
	(void)sess;
	if (v[MINMAX_ndata].i)
		memmove(v[MINMAX_outdata].p, v[MINMAX_indata].p,
			(size_t)v[MINMAX_ndata].i * sizeof(double));
	*(double *)v[MINMAX_min].p = MINMAX_MIN;
	*(double *)v[MINMAX_max].p = MINMAX_MAX;
	return VACCEL_OK;
}

/* ---- All ------------------------------------------------------------------------------------ */

static const answer_fn answers[] = {
	[VACCEL_OP_NOOP] = nothing,
	[VACCEL_OP_EXEC] = answer_exec,
	[VACCEL_OP_EXEC_WITH_RESOURCE] = answer_exec_with_resource,
	[VACCEL_OP_IMAGE_CLASSIFY] = answer_classify,
	[VACCEL_OP_IMAGE_DETECT] = answer_image,
	[VACCEL_OP_IMAGE_SEGMENT] = answer_image,
	[VACCEL_OP_IMAGE_POSE] = answer_image,
	[VACCEL_OP_IMAGE_DEPTH] = answer_image,
	[VACCEL_OP_TF_MODEL_LOAD] = answer_tf_load,
	[VACCEL_OP_TF_MODEL_UNLOAD] = answer_tf_load,
	[VACCEL_OP_TF_MODEL_RUN] = answer_tf_run,
	[VACCEL_OP_TFLITE_MODEL_LOAD] = nothing,
	[VACCEL_OP_TFLITE_MODEL_UNLOAD] = nothing,
	[VACCEL_OP_TFLITE_MODEL_RUN] = answer_tflite_run,
	[VACCEL_OP_TORCH_MODEL_LOAD] = answer_torch_load,
	[VACCEL_OP_TORCH_MODEL_RUN] = answer_torch_run,
	[VACCEL_OP_TORCH_SGEMM] = nothing,
	[VACCEL_OP_BLAS_SGEMM] = nothing,
	[VACCEL_OP_FPGA_ARRAYCOPY] = answer_arraycopy,
	[VACCEL_OP_FPGA_MMULT] = answer_mmult,
	[VACCEL_OP_FPGA_PARALLEL] = answer_parallel,
	[VACCEL_OP_FPGA_VECTORADD] = answer_vectoradd,
	[VACCEL_OP_MINMAX] = answer_minmax,
	[VACCEL_OP_OPENCV] = answer_opencv,
	[VACCEL_OP_INFER_LOAD] = nothing,
	[VACCEL_OP_INFER_UNLOAD] = nothing,
	[VACCEL_OP_INFER_METADATA] = answer_infer_metadata,
	[VACCEL_OP_INFER_RUN] = answer_infer_run,
	[VACCEL_OP_TEXT_BEGIN] = noop_text_begin,
	[VACCEL_OP_TEXT_NEXT] = noop_text_next,
	[VACCEL_OP_TEXT_END] = noop_text_end,
	[VACCEL_OP_TEXT_EMBED] = noop_text_embed,
};

int noop_answer(struct vaccel_session *sess, const struct vop_desc *desc, const union vop_val *vals)
{
	if (answers[desc->code] != nothing && !complete(desc, vals)) {
		noop_error("%s: an argument is missing or has a bad length", desc->label);
		return VACCEL_EINVAL;
	}
	return answers[desc->code](sess, vals);
}
