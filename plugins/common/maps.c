// SPDX-License-Identifier: Apache-2.0
/* Maps: the class, or the depth, of each place of a picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

#define MAX_MAP_SIDE 8192
#define MAX_CLASSES  65536

/* How a tensor's cells lie. */
struct layout {
	size_t width, height, planes;
	bool planes_last;
};

static float value_at(const struct layout *l, const float *values, size_t cell, size_t plane)
{
	return values[l->planes_last ? cell * l->planes + plane : plane * l->width * l->height + cell];
}

static bool set_layout(struct layout *l, int64_t height, int64_t width, int64_t planes, bool planes_last)
{
	if (height < 1 || height > MAX_MAP_SIDE || width < 1 || width > MAX_MAP_SIDE || planes < 1 ||
	    planes > MAX_CLASSES)
		return false;
	*l = (struct layout){(size_t)width, (size_t)height, (size_t)planes, planes_last};
	return true;
}

/* [1, planes, height, width] or [1, height, width, planes]: the labels say, or the shape. */
static bool read_layout(const struct decode *d, const struct tensor *t, struct layout *l)
{
	int64_t labels = (int64_t)d->description->labels.count;
	const int64_t *dims = t->dims;

	if (t->nr_dims == 3 && dims[0] == 1)
		return set_layout(l, dims[1], dims[2], 1, false);
	if (t->nr_dims != 4 || dims[0] != 1)
		return false;
	if (labels && (dims[1] == labels) != (dims[3] == labels))
		return dims[1] == labels ? set_layout(l, dims[2], dims[3], dims[1], false) :
					   set_layout(l, dims[1], dims[2], dims[3], true);
	return decode_planes_last(dims) ? set_layout(l, dims[1], dims[2], dims[3], true) :
					  set_layout(l, dims[2], dims[3], dims[1], false);
}

/* The output with one of these names, else the first that has cells. */
static const struct tensor *find_map(const struct decode *d, const char *const *names, struct layout *l)
{
	for (; *names; names++) {
		const struct tensor *t = decode_find(d, *names);

		if (t && read_layout(d, t, l))
			return t;
	}
	for (size_t i = 0; i < d->outputs->nr; i++)
		if (read_layout(d, &d->outputs->tensors[i], l))
			return &d->outputs->tensors[i];
	return NULL;
}

/* ---- Classes --------------------------------------------------------------------------------- */

static bool is_whole(enum tensor_type type)
{
	return type == TENSOR_U8 || type == TENSOR_I8 || type == TENSOR_I32 || type == TENSOR_I64 ||
	       type == TENSOR_U16 || type == TENSOR_I16 || type == TENSOR_U32 || type == TENSOR_U64;
}

/* Cells that are the numbers of classes already. */
static int take_classes(const struct decode *d, const struct tensor *t, const float *values, size_t cells,
			struct class_map *map)
{
	map->classes = 1;
	for (size_t i = 0; i < cells; i++) {
		if (values[i] < 0 || values[i] >= MAX_CLASSES)
			return decode_bad(d, t, "has a value that is the number of no class");
		map->cells[i] = (uint32_t)values[i];
		if (map->cells[i] >= map->classes)
			map->classes = map->cells[i] + 1;
	}
	return VACCEL_OK;
}

/* One plane says what is class 1: by probabilities, or by their exponents. */
static void split_plane(const float *values, size_t cells, struct class_map *map)
{
	float border = 0.5f;

	for (size_t i = 0; i < cells; i++)
		if (values[i] < 0 || values[i] > 1)
			border = 0;
	for (size_t i = 0; i < cells; i++)
		map->cells[i] = values[i] > border;
	map->classes = 2;
}

static void choose_planes(const struct layout *l, const float *values, struct class_map *map)
{
	for (size_t i = 0; i < l->width * l->height; i++) {
		size_t best = 0;

		for (size_t p = 1; p < l->planes; p++)
			if (value_at(l, values, i, p) > value_at(l, values, i, best))
				best = p;
		map->cells[i] = (uint32_t)best;
	}
	map->classes = (uint32_t)l->planes;
}

int decode_class_map(const struct decode *d, struct class_map *map)
{
	static const char *const names[] = {"logits", "out", "semantic_segmentation", NULL};
	const struct tensor *t;
	const float *values;
	struct layout l;
	float *owned;
	size_t count;
	int ret;

	*map = (struct class_map){0};
	t = decode_may_be(d, "classes") ? find_map(d, names, &l) : NULL;
	if (!t)
		return decode_refuse(d, "a map of classes");
	ret = decode_values(d, t, &values, &owned, &count);
	if (ret)
		return ret;
	map->width = (uint32_t)l.width;
	map->height = (uint32_t)l.height;
	map->cells = malloc(l.width * l.height * sizeof(*map->cells));
	if (!map->cells)
		ret = VACCEL_ENOMEM;
	else if (l.planes > 1)
		choose_planes(&l, values, map);
	else if (is_whole(t->type) && t->scale == 0)
		ret = take_classes(d, t, values, count, map);
	else
		split_plane(values, count, map);
	free(owned);
	if (ret) {
		free(map->cells);
		map->cells = NULL;
	}
	return ret;
}

/* ---- Depths ---------------------------------------------------------------------------------- */

int decode_depth(const struct decode *d, struct depth_map *map)
{
	static const char *const names[] = {"predicted_depth", "depth", NULL};
	const struct tensor *t;
	const float *values;
	struct layout l;
	float *owned;
	size_t count;
	int ret;

	*map = (struct depth_map){0};
	t = decode_may_be(d, "depth") ? find_map(d, names, &l) : NULL;
	if (!t)
		return decode_refuse(d, "depths");
	if (l.planes != 1)
		return decode_bad(d, t, "has more than one number for each place: [1, height, width] is depth");
	ret = decode_values(d, t, &values, &owned, &count);
	if (ret)
		return ret;
	map->width = (uint32_t)l.width;
	map->height = (uint32_t)l.height;
	map->cells = owned ? owned : malloc(count * sizeof(*map->cells));
	if (!map->cells)
		return VACCEL_ENOMEM;
	if (!owned)
		memcpy(map->cells, values, count * sizeof(*map->cells));
	return VACCEL_OK;
}

/* ---- Places ---------------------------------------------------------------------------------- */

bool decode_cell(const struct geometry *g, uint32_t map_width, uint32_t map_height, uint32_t x, uint32_t y,
		 size_t *cell)
{
	double across = (x + 0.5 - g->left) / g->scale_x * map_width / g->input_width;
	double down = (y + 0.5 - g->top) / g->scale_y * map_height / g->input_height;

	if (!(across >= 0 && across < map_width && down >= 0 && down < map_height))
		return false;
	*cell = (size_t)down * map_width + (size_t)across;
	return true;
}

bool decode_is_picture(const struct geometry *g, uint32_t map_width, uint32_t map_height, size_t cell)
{
	double x = ((double)(cell % map_width) + 0.5) * g->input_width / map_width;
	double y = ((double)(cell / map_width) + 0.5) * g->input_height / map_height;

	x = g->left + x * g->scale_x;
	y = g->top + y * g->scale_y;
	return x >= 0 && x < g->width && y >= 0 && y < g->height;
}
