// SPDX-License-Identifier: Apache-2.0
#include "weights.h"

#include <stdlib.h>
#include <string.h>

static int read_file(const struct engine_source *source, struct weights *w, size_t i)
{
	uint64_t needed = w->external.files[i].size;
	int ret;

	w->names[i] = w->external.files[i].name;
	ret = engine_source_file(source, w->names[i], &w->bytes[i]);
	if (ret == VACCEL_ENOENT) {
		engine_error("Model %s has weights in other files, of which %s is not beside it in its "
			     "resource: register the directory that has both, or save the model as a single "
			     "ONNX file", source->name, w->names[i]);
		return VACCEL_EINVAL;
	}
	if (ret) {
		engine_error("Could not read %s, the weights of model %s: %s", w->names[i], source->name,
			     strerror(ret));
		return VACCEL_EINVAL;
	}
	if (w->bytes[i].size < needed) {
		engine_error("The weights %s of model %s have %zu bytes, and should have %llu: use the "
			     "file that was saved with the model", w->names[i], source->name,
			     w->bytes[i].size, (unsigned long long)needed);
		return VACCEL_EINVAL;
	}
	w->data[i] = (char *)(uintptr_t)w->bytes[i].data; /* they are only read */
	w->sizes[i] = w->bytes[i].size;
	return VACCEL_OK;
}

static int read_files(const struct engine_source *source, struct weights *w)
{
	int ret = VACCEL_OK;

	for (size_t i = 0; i < w->external.nr && !ret; i++) {
		w->nr = i + 1;
		ret = read_file(source, w, i);
	}
	return ret;
}

int weights_find(const struct engine_source *source, struct weights **out)
{
	struct weights *w = calloc(1, sizeof(*w));
	int ret = VACCEL_EINVAL;

	if (!w)
		return VACCEL_ENOMEM;
	switch (external_data(source->data, source->size, &w->external)) {
	case EXTERNAL_NONE:
		ret = VACCEL_OK;
		break;
	case EXTERNAL_FOUND:
		ret = read_files(source, w);
		break;
	case EXTERNAL_REFUSED:
		engine_error("Model %s has weights in other files, %s: save it as a single ONNX file",
			     source->name, w->external.problem);
		break;
	default:
		engine_error("Model %s is not an ONNX file", source->name);
	}
	/* ONNX Runtime takes minutes to load thousands of them. */
	if (!ret && w->external.outputs > ENGINE_MAX_OUTPUTS) {
		engine_error("Model %s has %zu outputs; up to %d are possible", source->name,
			     w->external.outputs, ENGINE_MAX_OUTPUTS);
		ret = VACCEL_EINVAL;
	}
	if (ret) {
		weights_release(w);
		return ret;
	}
	*out = w;
	return VACCEL_OK;
}

void weights_release(struct weights *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->nr; i++)
		bytes_release(&w->bytes[i]);
	free(w);
}
