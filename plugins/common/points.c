// SPDX-License-Identifier: Apache-2.0
/* Key points of people and other things. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

#define PERSON_THRESHOLD 0.1 /* of models that always have room for several people */
#define MAX_HEAT_SIDE	 4096

const char *decode_point_name(const struct decode *d, size_t points, size_t index, char *text, size_t size)
{
	static const char *const coco[17] = {
		"nose",		 "left eye",	"right eye",  "left ear",    "right ear",  "left shoulder",
		"right shoulder", "left elbow", "right elbow", "left wrist", "right wrist", "left hip",
		"right hip",	 "left knee",	"right knee", "left ankle",  "right ankle",
	};

	if (points == 17 && index < 17 && d->description->labels.count != 17)
		return coco[index];
	return decode_label(d, (uint32_t)index, text, size);
}

static int allocate(struct people *people, size_t nr, size_t points)
{
	people->points = points;
	people->all = calloc(nr * points, sizeof(*people->all));
	return people->all ? VACCEL_OK : VACCEL_ENOMEM;
}

/* Adds a person whose points are top, left, score, as shares of the input. */
static void add_person(const struct geometry *g, const float *values, float score, struct people *people)
{
	struct point *p = &people->all[people->nr * people->points];

	for (size_t i = 0; i < people->points; i++, values += 3) {
		p[i].x = decode_x(g, (double)values[1] * g->input_width);
		p[i].y = decode_y(g, (double)values[0] * g->input_height);
		p[i].score = values[2];
	}
	people->scores[people->nr++] = score;
}

static float mean_score(const float *values, size_t points)
{
	double sum = 0;

	for (size_t i = 0; i < points; i++)
		sum += (double)values[i * 3 + 2];
	return (float)(sum / (double)points);
}

/* ---- MoveNet: [1, people, points, 3] or [1, people, 56], which is 17 points, a box, and a score */

static int decode_movenet(const struct decode *d, const struct tensor *t, struct people *people)
{
	bool flat = t->nr_dims == 3;
	size_t nr = (size_t)t->dims[1], points = flat ? 17 : (size_t)t->dims[2], count;
	size_t stride = flat ? 56 : points * 3;
	double enough = d->description->threshold >= 0 ? d->description->threshold : PERSON_THRESHOLD;
	const float *values;
	float *owned;
	int ret;

	ret = decode_values(d, t, &values, &owned, &count);
	if (!ret)
		ret = allocate(people, nr, points);
	for (size_t i = 0; i < nr && !ret; i++) {
		const float *person = values + i * stride;
		float score = flat ? person[55] : mean_score(person, points);

		if (nr == 1 || (double)score >= enough)
			add_person(d->geometry, person, score, people);
	}
	free(owned);
	return ret;
}

/* ---- Heat maps: the place of the largest value of each ------------------------------------------ */

struct heat {
	size_t width, height, points;
	bool points_last;
	const float *values;
};

static float heat_at(const struct heat *h, size_t point, size_t x, size_t y)
{
	size_t cell = y * h->width + x;

	return h->values[h->points_last ? cell * h->points + point : point * h->width * h->height + cell];
}

/* A quarter of a cell towards the warmer neighbour. */
static double lean(float before, float after)
{
	return after > before ? 0.25 : after < before ? -0.25 : 0;
}

static void find_warmest(const struct heat *h, const struct geometry *g, size_t point, struct point *p)
{
	size_t x = 0, y = 0;
	double across, down;

	for (size_t j = 0; j < h->height; j++)
		for (size_t i = 0; i < h->width; i++)
			if (heat_at(h, point, i, j) > heat_at(h, point, x, y)) {
				x = i;
				y = j;
			}
	across = (double)x + 0.5;
	down = (double)y + 0.5;
	if (x && x + 1 < h->width)
		across += lean(heat_at(h, point, x - 1, y), heat_at(h, point, x + 1, y));
	if (y && y + 1 < h->height)
		down += lean(heat_at(h, point, x, y - 1), heat_at(h, point, x, y + 1));
	p->x = decode_x(g, across * g->input_width / (double)h->width);
	p->y = decode_y(g, down * g->input_height / (double)h->height);
	p->score = heat_at(h, point, x, y);
}

static int decode_heat(const struct decode *d, const struct tensor *t, struct heat *h,
		       struct people *people)
{
	float *owned;
	double sum = 0;
	size_t count;
	int ret;

	ret = decode_values(d, t, &h->values, &owned, &count);
	if (!ret)
		ret = allocate(people, 1, h->points);
	for (size_t i = 0; i < h->points && !ret; i++) {
		find_warmest(h, d->geometry, i, &people->all[i]);
		sum += (double)people->all[i].score;
	}
	free(owned);
	if (ret)
		return ret;
	people->nr = 1;
	people->scores[0] = (float)(sum / (double)h->points);
	return VACCEL_OK;
}

/* ---- Both ------------------------------------------------------------------------------------ */

static bool is_count(int64_t dim, int64_t most)
{
	return dim >= 1 && dim <= most;
}

static bool is_movenet(const struct decode *d, const struct tensor *t)
{
	if (!decode_may_be(d, "movenet") || t->nr_dims < 3 || t->dims[0] != 1 ||
	    !is_count(t->dims[1], DECODE_MAX_PEOPLE))
		return false;
	return t->nr_dims == 3 ? t->dims[2] == 56 :
				 t->nr_dims == 4 && t->dims[3] == 3 &&
					 is_count(t->dims[2], DECODE_MAX_POINTS);
}

static bool is_heat(const struct decode *d, const struct tensor *t, struct heat *h)
{
	size_t labels = d->description->labels.count;
	bool last;

	if (!decode_may_be(d, "heatmaps") || t->nr_dims != 4 || t->dims[0] != 1 ||
	    !is_count(t->dims[1], MAX_HEAT_SIDE) || !is_count(t->dims[2], MAX_HEAT_SIDE) ||
	    !is_count(t->dims[3], MAX_HEAT_SIDE))
		return false;
	last = decode_planes_last(t->dims);
	if (labels && ((size_t)t->dims[1] == labels) != ((size_t)t->dims[3] == labels))
		last = (size_t)t->dims[3] == labels;
	*h = (struct heat){.width = (size_t)t->dims[last ? 2 : 3],
			   .height = (size_t)t->dims[last ? 1 : 2],
			   .points = (size_t)t->dims[last ? 3 : 1],
			   .points_last = last};
	return h->points <= DECODE_MAX_POINTS;
}

int decode_points(const struct decode *d, struct people *people)
{
	const struct tensor *t = d->outputs->nr ? &d->outputs->tensors[0] : NULL;
	struct heat heat;
	int ret;

	*people = (struct people){0};
	if (decode_find(d, "heatmaps"))
		t = decode_find(d, "heatmaps");
	if (t && is_movenet(d, t))
		ret = decode_movenet(d, t, people);
	else if (t && is_heat(d, t, &heat))
		ret = decode_heat(d, t, &heat, people);
	else
		ret = decode_refuse(d, "key points");
	if (ret) {
		free(people->all);
		*people = (struct people){0};
	}
	return ret;
}
