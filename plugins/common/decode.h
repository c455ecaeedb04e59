/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the outputs of models for pictures mean. Which kind of output it is follows from names and shapes, or
 * from the description's decoder. Sizes and values may be hostile; what is not finite is an error. Functions
 * returning int give VACCEL_OK or a code, and log what is not understood of which tensor.
 */
#ifndef PLUGINS_COMMON_DECODE_H
#define PLUGINS_COMMON_DECODE_H

#include "description.h"
#include "engine.h"
#include "model_input.h"

#define DECODE_MAX_OBJECTS 100
#define DECODE_MAX_POINTS  1024
#define DECODE_MAX_PEOPLE  64

struct decode {
	const char *model; /* name, for messages */
	const struct description *description;
	const struct geometry *geometry;
	const struct engine_outputs *outputs;
};

/** The label of a class, or its number, in text. */
const char *decode_label(const struct decode *d, uint32_t class, char *text, size_t size);
#define DECODE_LABEL_SIZE 16

/* ---- Classes (classes.c) --------------------------------------------------------------------- */

/** The most probable class, and its probability. */
int decode_class(const struct decode *d, uint32_t *class, float *score);

/* ---- Objects (objects.c) --------------------------------------------------------------------- */

struct object {
	uint32_t class;
	float score;
	float box[4]; /* left, top, right, bottom in pixels of the picture, and within it */
};

/** The nr best objects, the best first. objects: room for DECODE_MAX_OBJECTS. */
int decode_objects(const struct decode *d, struct object *objects, size_t *nr);

/* ---- Maps (maps.c) --------------------------------------------------------------------------- */

/** Classes of the cells of an input. */
struct class_map {
	uint32_t width, height;
	uint32_t classes; /* how many there are; each cell is below */
	uint32_t *cells;  /* malloc()ed */
};

int decode_class_map(const struct decode *d, struct class_map *map);

/** Depths of the cells of an input, in whatever unit the model has. */
struct depth_map {
	uint32_t width, height;
	float *cells; /* malloc()ed */
};

int decode_depth(const struct decode *d, struct depth_map *map);

/** The cell of a map where the picture's pixel is. Return: false when that is not in the input. */
bool decode_cell(const struct geometry *g, uint32_t map_width, uint32_t map_height, uint32_t x, uint32_t y,
		 size_t *cell);

/** Whether a cell of a map shows the picture, rather than what is beside it. */
bool decode_is_picture(const struct geometry *g, uint32_t map_width, uint32_t map_height, size_t cell);

/* ---- Key points (points.c) ------------------------------------------------------------------- */

struct point {
	float x, y; /* in pixels of the picture */
	float score;
};

struct people {
	size_t nr;     /* of people */
	size_t points; /* of each */
	struct point *all; /* malloc()ed; nr times points */
	float scores[DECODE_MAX_PEOPLE];
};

int decode_points(const struct decode *d, struct people *people);

/** The name of a key point: of the labels, or of the 17 that COCO has, or its number. */
const char *decode_point_name(const struct decode *d, size_t points, size_t index, char *text, size_t size);

/* ---- For decoders (decode.c) ----------------------------------------------------------------- */

/** Whether an output is called so, whatever is in front of it, as a graph's path, and behind it, as ":0". */
bool decode_is_named(const struct tensor *tensor, const char *name);

/** The output with a name, or NULL. */
const struct tensor *decode_find(const struct decode *d, const char *name);

/** Values of an output, all of which are finite; the caller frees *owned. */
int decode_values(const struct decode *d, const struct tensor *tensor, const float **values, float **owned,
		  size_t *count);

/** Logs that no output is understood, with all of them. Return: VACCEL_EINVAL. */
int decode_refuse(const struct decode *d, const char *what);

/** Logs what is wrong with an output. Return: VACCEL_EINVAL. */
int decode_bad(const struct decode *d, const struct tensor *tensor, const char *why);

/** Whether the description says this decoder, or none. */
bool decode_may_be(const struct decode *d, const char *decoder);
bool decode_must_be(const struct decode *d, const char *decoder);

/**
 * Whether a map of four dims is [1, height, width, planes] rather than [1, planes, height, width]: where there
 * is one plane, or a square beside other than its side of planes; else as is usual with the engine.
 */
bool decode_planes_last(const int64_t *dims);

/** From pixels of the input to those of the picture, within it. */
float decode_x(const struct geometry *g, double x);
float decode_y(const struct geometry *g, double y);

#endif
