/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the tf plugin. */
#ifndef PLUGINS_TF_TF_H
#define PLUGINS_TF_TF_H

#include "api.h"
#include "engine.h"

/* A SavedModel is a directory with this file. */
#define SAVED_MODEL_NAME "saved_model.pb"

/** The functions of TensorFlow, once runtime_start() has succeeded. */
extern struct tf_api tf;

/** runtime_start() - finds TensorFlow. VACCEL_ENOENT, VACCEL_ENOTSUP: see library.h. */
int runtime_start(void);

/**
 * runtime_options() - options for a session: its threads, and the device that the operator chose
 *
 * Return: NULL: no memory, or a choice that is none, after a message.
 */
TF_SessionOptions *runtime_options(void);

/** runtime_check_device() - whether a session has the device that was chosen. VACCEL_ENODEV. */
int runtime_check_device(TF_Session *session);

/* struct engine's members; see there. */
int model_load(const struct engine_source *source, void **model);
void model_unload(void *model);

#endif
