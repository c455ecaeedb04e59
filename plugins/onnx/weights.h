/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of a model that are in other files, as PyTorch's exporter writes them. */
#ifndef PLUGINS_ONNX_WEIGHTS_H
#define PLUGINS_ONNX_WEIGHTS_H

#include "engine.h"
#include "external.h"
#include "files.h"

/** The files as ONNX Runtime wants them: three arrays. */
struct weights {
	size_t nr;
	const char *names[EXTERNAL_MAX_FILES]; /* within external */
	char *data[EXTERNAL_MAX_FILES];
	size_t sizes[EXTERNAL_MAX_FILES];
	struct bytes bytes[EXTERNAL_MAX_FILES];
	struct external_files external;
};

/**
 * weights_find() - reads the files that a model takes weights from, if there are any
 * @out: receives them; pair with weights_release()
 *
 * EINVAL, after a message: the model is not an ONNX file, or its files are not there.
 */
int weights_find(const struct engine_source *source, struct weights **out);

/** NULL is fine. */
void weights_release(struct weights *weights);

#endif
