/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_ONNX_EXTERNAL_H
#define PLUGINS_ONNX_EXTERNAL_H

#include <stddef.h>

enum external { EXTERNAL_NONE, EXTERNAL_FOUND, EXTERNAL_BAD_FILE };

/**
 * external_data() - whether an ONNX file in memory takes weights from other files
 *
 * ONNX Runtime opens whatever path such a model names, /etc/shadow included: a guest's model must
 * not get that far. EXTERNAL_BAD_FILE: not a file in ONNX's format.
 */
enum external external_data(const void *data, size_t size);

#endif
