// SPDX-License-Identifier: Apache-2.0
#include "weights.h"

#include <stdlib.h>
#include <string.h>

/*
 * The file of a resource that a model calls so. What the model says is compared with names that are
 * there, and never a path to be opened: "../x" or "/etc/passwd" is no file of a resource.
 */
static const struct vaccel_blob *find_beside(const struct vaccel_resource *res,
					     const struct vaccel_blob *model, const char *name)
{
	const char *slash = model->path ? strrchr(model->path, '/') : NULL;
	size_t dir = slash ? (size_t)(slash + 1 - model->path) : 0;

	for (size_t i = 0; i < res->nr_blobs; i++) {
		const struct vaccel_blob *b = res->blobs[i];

		if (b == model)
			continue;
		if (model->path && b->path ? !strncmp(b->path, model->path, dir) &&
						     !strcmp(b->path + dir, name) :
					     b->name && !strcmp(b->name, name))
			return b;
	}
	return NULL;
}

static int read_file(const char *model, const struct vaccel_blob *blob, struct weights *w, size_t i)
{
	uint64_t needed = w->external.files[i].size;
	int ret = bytes_of_blob(blob, &w->bytes[i]);

	if (ret) {
		onnx_error("Could not read %s, the weights of model %s: %s", w->names[i], model,
			   strerror(ret));
		return VACCEL_EINVAL;
	}
	if (w->bytes[i].size < needed) {
		onnx_error("The weights %s of model %s have %zu bytes, and should have %llu: use the "
			   "file that was saved with the model", w->names[i], model, w->bytes[i].size,
			   (unsigned long long)needed);
		return VACCEL_EINVAL;
	}
	w->data[i] = (char *)(uintptr_t)w->bytes[i].data; /* they are only read */
	w->sizes[i] = w->bytes[i].size;
	return VACCEL_OK;
}

static int read_files(const char *model, const struct vaccel_resource *res,
		      const struct vaccel_blob *blob, struct weights *w)
{
	int ret = VACCEL_OK;

	for (size_t i = 0; i < w->external.nr && !ret; i++) {
		const struct vaccel_blob *file;

		w->names[i] = w->external.files[i].name;
		file = res ? find_beside(res, blob, w->names[i]) : NULL;
		if (!file) {
			onnx_error("Model %s has weights in other files, of which %s is not beside it in "
				   "its resource: register the directory that has both, or save the "
				   "model as a single ONNX file", model, w->names[i]);
			return VACCEL_EINVAL;
		}
		ret = read_file(model, file, w, i);
		w->nr = i + 1;
	}
	return ret;
}

int weights_find(const char *name, const struct bytes *bytes, const struct vaccel_resource *res,
		 const struct vaccel_blob *blob, struct weights **out)
{
	struct weights *w = calloc(1, sizeof(*w));
	int ret = VACCEL_EINVAL;

	if (!w)
		return VACCEL_ENOMEM;
	switch (external_data(bytes->data, bytes->size, &w->external)) {
	case EXTERNAL_NONE:
		ret = VACCEL_OK;
		break;
	case EXTERNAL_FOUND:
		ret = read_files(name, res, blob, w);
		break;
	case EXTERNAL_REFUSED:
		onnx_error("Model %s has weights in other files, %s: save it as a single ONNX file",
			   name, w->external.problem);
		break;
	default:
		onnx_error("Model %s is not an ONNX file", name);
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
