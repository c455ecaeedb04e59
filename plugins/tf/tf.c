// SPDX-License-Identifier: Apache-2.0
/* The tf plugin: TensorFlow's models, by its C library, which is found when the plugin starts. */
#include "tf.h"

#include "held.h"
#include "infer_ops.h"
#include "tf_ops.h"

static const char *const suffixes[] = {SAVED_MODEL_NAME, ".pb", NULL};

const struct engine engine = {
	.name = "tf",
	.platform = "tensorflow_savedmodel",
	.infer = &engine_infer,
	.file = "a SavedModel or a frozen graph",
	.suffixes = suffixes,
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

	return ret ? ret : tf_ops_register();
}

static int fini(void)
{
	held_clear();
	engine_fini();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "tf", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_TENSORFLOW, .init = init,
	      .fini = fini, .resource_unregister = held_unregister)
