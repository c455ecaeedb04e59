/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_COMMON_TFLITE_OPS_H
#define PLUGINS_COMMON_TFLITE_OPS_H

/**
 * tflite_ops_register() - offers tflite_model_load, tflite_model_run and tflite_model_unload
 *
 * They are made of all members of struct engine. Models are those of loaded.h.
 */
int tflite_ops_register(void);

#endif
