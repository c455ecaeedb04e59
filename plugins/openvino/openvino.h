/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the openvino plugin. */
#ifndef PLUGINS_OPENVINO_OPENVINO_H
#define PLUGINS_OPENVINO_OPENVINO_H

#include "api.h"
#include "engine.h"

/** The functions of OpenVINO, and its core, once runtime_start() has succeeded. */
extern struct ov_api ov;
extern ov_core_t *ov_core;

/**
 * runtime_start() - finds OpenVINO, and the device that the operator chose
 *
 * VACCEL_ENOENT, VACCEL_ENOTSUP: see library.h. VACCEL_ENODEV: there is no such device.
 */
int runtime_start(void);

/** runtime_device() - "CPU", or what the operator chose */
const char *runtime_device(void);

/** type_from(), type_to() - OpenVINO's types and the engines' */
enum tensor_type type_from(ov_element_type_e type);
bool type_to(enum tensor_type type, ov_element_type_e *to);

#define WHY_SIZE 384

/** why() - what OpenVINO says of the call of this thread that has failed, as one line */
void why(ov_status_e status, char text[WHY_SIZE]);

/* struct engine's members; see there. */
int model_load(const struct engine_source *source, void **model);
void model_unload(void *model);
int model_count(void *model, size_t *inputs, size_t *outputs);
int model_describe(void *model, bool output, size_t index, struct tensor *tensor);
int model_run(void *model, const struct tensor *inputs, size_t nr_inputs,
	      struct engine_outputs *outputs);
void model_release(struct engine_outputs *outputs);

const char *model_name(const void *model);

/** model_find() - the index of an input or output that has a name. Return: whether there is one. */
bool model_find(const void *model, bool output, const char *name, size_t *index);

#endif
