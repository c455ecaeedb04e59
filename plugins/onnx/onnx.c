// SPDX-License-Identifier: Apache-2.0
/* The onnx plugin: the image operations with ONNX Runtime. */
#include "onnx.h"

#include "held.h"
#include "infer_ops.h"

static const char *const suffixes[] = {".onnx", NULL};

const struct engine engine = {
	.name = "onnx",
	.platform = "onnx_onnxv1",
	.infer = &engine_infer,
	.file = "an ONNX file",
	.suffixes = suffixes,
	.env_model = "VACCEL_ONNX_MODEL",
	.env_labels = "VACCEL_ONNX_LABELS",
	.load = model_load,
	.unload = model_unload,
	.count = model_count,
	.describe = model_describe,
	.run = model_run,
	.release = model_release,
};

static int init(void)
{
	int ret = model_runtime_start();

	return ret ? ret : engine_image_register();
}

static int fini(void)
{
	held_clear();
	engine_fini();
	model_runtime_stop();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "onnx", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU, .init = init, .fini = fini,
	      .resource_unregister = held_unregister)
