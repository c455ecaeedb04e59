// SPDX-License-Identifier: Apache-2.0
/*
 * The openvino plugin: models of several frameworks by OpenVINO's C library, which is found when the
 * plugin starts.
 */
#include "openvino.h"

#include "held.h"
#include "infer_ops.h"
#include "tf_ops.h"
#include "tflite_ops.h"

static const char *const suffixes[] = {".xml", ".onnx", ".tflite", "saved_model.pb", ".pb", NULL};

const struct engine engine = {
	.name = "openvino",
	.platform = "openvino",
	.infer = &engine_infer,
	.file = "OpenVINO's IR, ONNX, TensorFlow Lite, a SavedModel or a frozen graph",
	.suffixes = suffixes,
	.env_model = "VACCEL_OPENVINO_MODEL",
	.env_labels = "VACCEL_OPENVINO_LABELS",
	.no_links = true,
	.load = model_load,
	.unload = model_unload,
	.count = model_count,
	.describe = model_describe,
	.run = model_run,
	.release = model_release,
};

static int init(void)
{
	int ret = runtime_start();

	if (!ret)
		ret = tflite_ops_register();
	if (!ret)
		ret = tf_ops_register();
	return ret ? ret : engine_image_register();
}

static int fini(void)
{
	held_clear();
	engine_fini();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "openvino", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_TENSORFLOW, .init = init,
	      .fini = fini, .resource_unregister = held_unregister)
