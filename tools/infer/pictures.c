// SPDX-License-Identifier: Apache-2.0
/* An input is described to what plugins share as the only one of a model. */
#include "pictures.h"

#include <stdlib.h>
#include <string.h>

#include "datatypes.h"
#include "engine.h"
#include "files.h"
#include "image.h"
#include "model_input.h"
#include "source.h"

static int count(void *model, size_t *inputs, size_t *outputs)
{
	(void)model;
	*inputs = 1;
	*outputs = 0;
	return VACCEL_OK;
}

static int describe(void *model, bool output, size_t index, struct tensor *t)
{
	const struct vaccel_infer_desc *d = model;

	(void)output;
	(void)index;
	*t = (struct tensor){.name = d->name, .nr_dims = -1,
			     .type = d->datatype ? datatype_to_type(d->datatype) : TENSOR_UNKNOWN};
	if (d->nr_dims > TENSOR_MAX_DIMS)
		return VACCEL_OK;
	t->nr_dims = (int)d->nr_dims;
	memcpy(t->dims, d->shape, d->nr_dims * sizeof(t->dims[0]));
	return VACCEL_OK;
}

const struct engine engine = {.name = "vaccel-infer", .file = "a model", .count = count, .describe = describe};

/* What files beside the model say */
static int read_description(const struct picture_input *input, struct description *d)
{
	struct engine_source source;
	int ret;

	description_init(d);
	if (!input->files)
		return VACCEL_OK;
	ret = source_of_resource(input->files, &source);
	return ret ? ret : description_read(&source, d);
}

static int read_picture(const char *path, struct image *image)
{
	struct bytes bytes = {0};
	int ret = bytes_of_file(path, &bytes);

	if (ret) {
		engine_error("Could not read %s: %s", path, strerror(ret));
		return ret;
	}
	ret = image_decode(bytes.data, bytes.size, image);
	bytes_release(&bytes);
	return ret;
}

static int give(const struct tensor *made, void *(*alloc)(size_t size), struct vaccel_infer_tensor *t)
{
	t->data = alloc(made->size);
	if (!t->data)
		return VACCEL_ENOMEM;
	memcpy(t->data, made->data, made->size);
	t->size = made->size;
	t->datatype = datatype_of(made->type);
	t->nr_dims = (uint32_t)made->nr_dims;
	memcpy(t->shape, made->dims, t->nr_dims * sizeof(t->shape[0]));
	return VACCEL_OK;
}

static int make(const struct picture_input *input, const struct description *d, const struct image *image,
		void *(*alloc)(size_t size), struct vaccel_infer_tensor *t)
{
	struct vaccel_infer_desc desc = *input->desc;
	struct model_input made;
	struct geometry where;
	int ret = model_input_find(input->model, &desc, d, &made);

	if (!ret)
		ret = model_input_make(input->model, d, image, &made, &where);
	if (ret)
		return ret;
	ret = give(&made.tensors[made.picture], alloc, t);
	model_input_release(&made);
	return ret;
}

int vaccel_infer_pictures_read(const struct picture_input *input, const char *path, void *(*alloc)(size_t size),
			       struct vaccel_infer_tensor *t)
{
	struct image image = {0};
	struct description d;
	int ret = read_description(input, &d);

	if (ret)
		return ret;
	ret = read_picture(path, &image);
	if (!ret)
		ret = make(input, &d, &image, alloc, t);
	free(image.rgb);
	description_release(&d);
	return ret;
}
