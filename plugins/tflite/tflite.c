// SPDX-License-Identifier: Apache-2.0
/* The tflite plugin: models of TensorFlow Lite, by its C library, which is found when the plugin starts. */
#include "tflite.h"

#include "held.h"
#include "infer_ops.h"
#include "tflite_ops.h"

static const char *const suffixes[] = {".tflite", ".lite", NULL};

const struct engine engine = {
	.name = "tflite",
	.platform = "tensorflowlite_flatbuffer",
	.infer = &engine_infer,
	.file = "a TensorFlow Lite file",
	.suffixes = suffixes,
	.env_model = "VACCEL_TFLITE_MODEL",
	.env_labels = "VACCEL_TFLITE_LABELS",
	.uses_data = true,
	.channels_last = true,
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
		ret = engine_image_register();
	return ret;
}

static int fini(void)
{
	held_clear();
	engine_fini();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "tflite", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU, .init = init, .fini = fini,
	      .resource_unregister = held_unregister)
