// SPDX-License-Identifier: Apache-2.0
/*
 * The noop plugin: every op of the table, logged and answered with a dummy result. For tests of
 * programs and of what lies between them and a plugin.
 */
#include <inttypes.h>

#include "noop.h"
#include "text_gen.h"

/* Tells the library that image classification wants its full form always. */
__attribute__((visibility("default"))) const bool vaccel_plugin_takes_text = true;

static int run(struct vaccel_session *sess, vaccel_op_type_t type, const union vop_val *vals)
{
	const struct vop_desc *desc = vop_find((uint16_t)type);

	if (!sess) {
		noop_error("%s without a session", desc->label);
		return VACCEL_EINVAL;
	}
	noop_debug("Calling %s for session %" PRId64, desc->label, sess->id);
	noop_dump(sess, desc, vals);
	return noop_answer(sess, desc, vals);
}

#define X_FUNC(NAME, number, ...)                                                                 \
	static int noop_##NAME(struct vaccel_session *sess VOP_PROTO(NAME))                       \
	{                                                                                         \
		const union vop_val vals[] = VOP_VALS(NAME);                                      \
		return run(sess, (vaccel_op_type_t)number, vals);                                 \
	}
OPS(X_FUNC)
EXT_OPS(X_FUNC)

/* The order is that of the log on the project's page. */
#define OP(NAME) VACCEL_OP_INIT(, VACCEL_OP_##NAME, noop_##NAME)
static struct vaccel_op ops[] = {
	OP(NOOP),
	OP(BLAS_SGEMM),
	OP(IMAGE_CLASSIFY),
	OP(IMAGE_DETECT),
	OP(IMAGE_SEGMENT),
	OP(IMAGE_POSE),
	OP(IMAGE_DEPTH),
	OP(EXEC),
	OP(TF_MODEL_LOAD),
	OP(TF_MODEL_RUN),
	OP(TF_MODEL_UNLOAD),
	OP(MINMAX),
	OP(FPGA_ARRAYCOPY),
	OP(FPGA_VECTORADD),
	OP(FPGA_PARALLEL),
	OP(FPGA_MMULT),
	OP(EXEC_WITH_RESOURCE),
	OP(TORCH_MODEL_LOAD),
	OP(TORCH_MODEL_RUN),
	OP(TORCH_SGEMM),
	OP(OPENCV),
	OP(TFLITE_MODEL_LOAD),
	OP(TFLITE_MODEL_RUN),
	OP(TFLITE_MODEL_UNLOAD),
};
_Static_assert(sizeof(ops) / sizeof(ops[0]) == VACCEL_OP_MAX, "an op is missing");

static const struct vaccel_infer_ops infer = {
	.load = noop_INFER_LOAD,
	.unload = noop_INFER_UNLOAD,
	.metadata = noop_INFER_METADATA,
	.run = noop_INFER_RUN,
};

static const struct vaccel_text_ops text = {
	.begin = noop_TEXT_BEGIN,
	.next = noop_TEXT_NEXT,
	.end = noop_TEXT_END,
	.embed = noop_TEXT_EMBED,
};

static const struct vaccel_plugin_ext extension = {
	.size = sizeof(extension),
	.infer = &infer,
	.text = &text,
};

static int init(void)
{
	int ret = vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));

	return ret ? ret : vaccel_plugin_register_ext(&vaccel_this_plugin, &extension);
}

static int fini(void)
{
	text_clear();
	return VACCEL_OK;
}

static int unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	text_forget(sess, res);
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "noop", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_DEBUG, .init = init, .fini = fini,
	      .resource_unregister = unregister)
