/* SPDX-License-Identifier: Apache-2.0 */
/* Models in ONNX Runtime: the members of the plugin's struct engine, see engine.h. */
#ifndef PLUGINS_ONNX_ONNX_H
#define PLUGINS_ONNX_ONNX_H

#include "engine.h"

/** Starts ONNX Runtime for this process. ENOTSUP: the installed one is too old. */
int model_runtime_start(void);
void model_runtime_stop(void);

int model_load(const struct engine_source *source, void **model);
void model_unload(void *model);
int model_count(void *model, size_t *inputs, size_t *outputs);
int model_describe(void *model, bool output, size_t index, struct tensor *tensor);
int model_run(void *model, const struct tensor *inputs, size_t nr_inputs,
	      struct engine_outputs *outputs);
void model_release(struct engine_outputs *outputs);

#endif
