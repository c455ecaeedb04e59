// SPDX-License-Identifier: Apache-2.0
/* Objects with their boxes, as SSD, YOLO, DETR and their kin say them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

#define SSD_THRESHOLD  0.5
#define YOLO_THRESHOLD 0.25
#define DETR_THRESHOLD 0.5
#define MAX_OVERLAP    0.45 /* of two objects of one class: of the area of both */
#define MAX_CANDIDATES 100000

/* Objects that are good enough. */
struct candidates {
	const struct decode *d;
	const struct tensor *scores; /* where they are from */
	struct object *all;
	size_t nr, room;
	double threshold;
};

static int add(struct candidates *c, uint32_t class, float score, const float box[4])
{
	struct object *more;

	if (!(score <= 1.01f)) /* rounding is forgiven */
		return decode_bad(c->d, c->scores, "has a score above 1: it is not the output of a model for "
						   "objects, or not in a way that is known");
	if (!((double)score >= c->threshold) || c->nr == MAX_CANDIDATES)
		return VACCEL_OK;
	if (c->nr == c->room) {
		c->room = c->room ? 2 * c->room : 64;
		more = realloc(c->all, c->room * sizeof(*more));
		if (!more)
			return VACCEL_ENOMEM;
		c->all = more;
	}
	c->all[c->nr].class = class;
	c->all[c->nr].score = score;
	memcpy(c->all[c->nr++].box, box, 4 * sizeof(*box));
	return VACCEL_OK;
}

static double threshold(const struct decode *d, double usual)
{
	return d->description->threshold >= 0 ? d->description->threshold : usual;
}

/* Corners in pixels of the input to those of the picture. */
static void to_picture(const struct geometry *g, double left, double top, double right, double bottom,
		       float box[4])
{
	box[0] = decode_x(g, fmin(left, right));
	box[1] = decode_y(g, fmin(top, bottom));
	box[2] = decode_x(g, fmax(left, right));
	box[3] = decode_y(g, fmax(top, bottom));
}

/* The number of class that a value is. */
static uint32_t to_class(float value)
{
	return value < 0 ? 0 : value > 1e9f ? 1000000000 : (uint32_t)(value + 0.5f);
}

/* ---- SSD: boxes, classes and scores are outputs of their own ----------------------------------- */

struct ssd {
	const struct tensor *boxes, *classes, *scores, *number;
	bool pixels; /* left, top, right, bottom in pixels, rather than top, left, ... as shares */
};

static const struct tensor *find_any(const struct decode *d, const char *const names[])
{
	const struct tensor *found = NULL;

	for (; *names && !found; names++)
		found = decode_find(d, *names);
	return found;
}

static bool is_whole(const struct tensor *t)
{
	const float *values;
	size_t count = 0;
	bool whole = true;
	float *owned;

	if (tensor_floats(t, &values, &owned, &count))
		return false;
	for (size_t i = 0; i < count && whole; i++)
		whole = isfinite(values[i]) && rintf(values[i]) == values[i];
	free(owned);
	return whole;
}

/* The four outputs of TensorFlow Lite's own post-processing, whose names exporters lose. */
static bool find_by_shape(const struct decode *d, struct ssd *ssd)
{
	const struct tensor *lists[2] = {NULL, NULL};
	int nr = 0;

	if (d->outputs->nr != 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		const struct tensor *t = &d->outputs->tensors[i];

		if (t->nr_dims == 3 && t->dims[2] == 4)
			ssd->boxes = t;
		else if (t->nr_dims == 2 && nr < 2)
			lists[nr++] = t;
		else if (t->nr_dims == 1)
			ssd->number = t;
	}
	if (!ssd->boxes || !ssd->number || nr != 2)
		return false;
	ssd->classes = lists[is_whole(lists[0]) ? 0 : 1];
	ssd->scores = lists[is_whole(lists[0]) ? 1 : 0];
	return true;
}

static bool find_ssd(const struct decode *d, struct ssd *ssd)
{
	static const char *const boxes[] = {"detection_boxes", "boxes", "bboxes", NULL};
	static const char *const classes[] = {"detection_classes", "labels", "classes", NULL};
	static const char *const scores[] = {"detection_scores", "scores", NULL};
	static const char *const number[] = {"num_detections", "num", NULL};

	if (!decode_may_be(d, "ssd"))
		return false;
	*ssd = (struct ssd){find_any(d, boxes), find_any(d, classes), find_any(d, scores),
			    find_any(d, number), false};
	if (ssd->boxes && ssd->classes && ssd->scores) {
		ssd->pixels = !decode_is_named(ssd->boxes, "detection_boxes");
		return true;
	}
	*ssd = (struct ssd){0};
	return find_by_shape(d, ssd);
}

static int read_ssd(const struct decode *d, const struct ssd *ssd, const float *boxes, const float *classes,
		    const float *scores, size_t nr, struct candidates *c)
{
	const struct geometry *g = d->geometry;
	double across = ssd->pixels ? 1 : g->input_width, down = ssd->pixels ? 1 : g->input_height;
	int x = ssd->pixels ? 0 : 1, ret = VACCEL_OK;

	for (size_t i = 0; i < nr && !ret; i++, boxes += 4) {
		float box[4];

		to_picture(g, (double)boxes[x] * across, (double)boxes[1 - x] * down,
			   (double)boxes[2 + x] * across, (double)boxes[3 - x] * down, box);
		ret = add(c, to_class(classes[i]), scores[i], box);
	}
	return ret;
}

static int decode_ssd(const struct decode *d, const struct ssd *ssd, struct candidates *c)
{
	const struct tensor *tensors[4] = {ssd->boxes, ssd->classes, ssd->scores, ssd->number};
	const float *values[4] = {NULL};
	float *owned[4] = {NULL};
	size_t counts[4] = {0}, nr;
	int ret = VACCEL_OK;

	c->scores = ssd->scores;
	c->threshold = threshold(d, SSD_THRESHOLD);
	for (int i = 0; i < 4 && !ret; i++)
		if (tensors[i])
			ret = decode_values(d, tensors[i], &values[i], &owned[i], &counts[i]);
	nr = counts[2];
	if (!ret && (counts[1] != nr || counts[0] / 4 != nr || counts[0] % 4))
		ret = decode_bad(d, ssd->boxes, "does not have four numbers for each score");
	if (!ret && ssd->number && counts[3] == 1 && values[3][0] >= 0 && values[3][0] < (float)nr)
		nr = (size_t)values[3][0];
	if (!ret)
		ret = read_ssd(d, ssd, values[0], values[1], values[2], nr, c);
	for (int i = 0; i < 4; i++)
		free(owned[i]);
	return ret;
}

/* ---- DETR: logits of each query, and its box as shares of the picture -------------------------- */

static float box_of_shares(const struct geometry *g, const float *v, float box[4])
{
	double w = g->input_width, h = g->input_height;

	to_picture(g, ((double)v[0] - (double)v[2] / 2) * w, ((double)v[1] - (double)v[3] / 2) * h,
		   ((double)v[0] + (double)v[2] / 2) * w, ((double)v[1] + (double)v[3] / 2) * h, box);
	return 0;
}

/*
 * The best class of a query. With one score more than there are labels the last is "no object", and they are
 * the exponents of probabilities that add up to 1; else each is a probability of its own.
 */
static float best_class(const float *scores, size_t nr, bool has_none, uint32_t *class)
{
	size_t best = 0, real = has_none ? nr - 1 : nr;
	double sum = 0, top = (double)scores[0];

	for (size_t i = 0; i < nr; i++) {
		if (i < real && scores[i] > scores[best])
			best = i;
		top = fmax(top, (double)scores[i]);
	}
	*class = (uint32_t)best;
	if (!has_none)
		return (float)(1 / (1 + exp(-(double)scores[best])));
	for (size_t i = 0; i < nr; i++)
		sum += exp((double)scores[i] - top);
	return (float)(exp((double)scores[best] - top) / sum);
}

static int read_detr(const struct decode *d, const float *logits, const float *boxes, size_t queries,
		     size_t classes, struct candidates *c)
{
	bool has_none = classes > 1 && classes != d->description->labels.count;
	int ret = VACCEL_OK;

	for (size_t i = 0; i < queries && !ret; i++) {
		uint32_t class;
		float box[4], score = best_class(logits + i * classes, classes, has_none, &class);

		box_of_shares(d->geometry, boxes + i * 4, box);
		ret = add(c, class, score, box);
	}
	return ret;
}

static int decode_detr(const struct decode *d, const struct tensor *logits, const struct tensor *boxes,
		       struct candidates *c)
{
	const float *logit_values = NULL, *box_values = NULL;
	float *logits_owned = NULL, *boxes_owned = NULL;
	size_t nr_logits = 0, nr_boxes = 0, queries = 0;
	int ret = VACCEL_OK;

	c->scores = logits;
	c->threshold = threshold(d, DETR_THRESHOLD);
	if (logits->nr_dims != 3 || logits->dims[0] != 1 || logits->dims[1] < 1 || logits->dims[2] < 1)
		return decode_bad(d, logits, "is not [1, queries, classes]");
	ret = decode_values(d, logits, &logit_values, &logits_owned, &nr_logits);
	if (!ret)
		ret = decode_values(d, boxes, &box_values, &boxes_owned, &nr_boxes);
	queries = (size_t)logits->dims[1];
	if (!ret && (nr_boxes / 4 != queries || nr_boxes % 4))
		ret = decode_bad(d, boxes, "does not have four numbers for each query");
	if (!ret)
		ret = read_detr(d, logit_values, box_values, queries, (size_t)logits->dims[2], c);
	free(logits_owned);
	free(boxes_owned);
	return ret;
}

/* ---- YOLO: one tensor, in which each place has a box and its scores ---------------------------- */

/* How the numbers of a place lie. */
struct yolo {
	size_t places, numbers; /* numbers: of each place */
	bool numbers_first;	/* [1, numbers, places] rather than [1, places, numbers] */
	bool objectness;	/* the fifth number is to be multiplied with all scores */
	bool suppressed;	/* left, top, right, bottom, score, class: nothing is to be done */
};

/* Without labels, only what is called as exporters call it is taken for one: shapes say too little. */
static bool is_called_yolo(const struct decode *d, const struct tensor *t)
{
	return decode_must_be(d, "yolo") || decode_is_named(t, "output0") || decode_is_named(t, "output");
}

/* Finds out what the two sizes mean. Return: false when they can mean nothing. */
static bool read_yolo_shape(const struct decode *d, const struct tensor *t, struct yolo *y)
{
	size_t a, b, labels = d->description->labels.count;

	if (t->nr_dims != 3 || t->dims[0] != 1 || t->dims[1] < 1 || t->dims[2] < 1)
		return false;
	a = (size_t)t->dims[1];
	b = (size_t)t->dims[2];
	*y = (struct yolo){b, a, true, false, false};
	if (labels && (a == 4 + labels || b == 4 + labels || a == 5 + labels || b == 5 + labels)) {
		y->numbers_first = (a == 4 + labels || a == 5 + labels) &&
				   !(a > b && (b == 4 + labels || b == 5 + labels));
	} else if (!is_called_yolo(d, t)) {
		return false;
	} else if (b == 6) {
		*y = (struct yolo){a, 6, false, false, true};
		return true;
	} else if (labels) {
		return false;
	} else {
		y->numbers_first = a < b;
	}
	y->numbers = y->numbers_first ? a : b;
	y->places = y->numbers_first ? b : a;
	y->objectness = labels ? y->numbers == 5 + labels : !y->numbers_first;
	return y->numbers > (y->objectness ? 5u : 4u);
}

static float yolo_value(const struct yolo *y, const float *values, size_t place, size_t number)
{
	return values[y->numbers_first ? number * y->places + place : place * y->numbers + number];
}

/* The best class of a place; 0 where none is good enough. */
static float yolo_score(const struct yolo *y, const float *values, size_t place, uint32_t *class)
{
	size_t first = y->objectness ? 5 : 4, best = first;

	for (size_t i = first + 1; i < y->numbers; i++)
		if (yolo_value(y, values, place, i) > yolo_value(y, values, place, best))
			best = i;
	*class = (uint32_t)(best - first);
	return yolo_value(y, values, place, best) *
	       (y->objectness ? yolo_value(y, values, place, 4) : 1);
}

/* Takes the good places, with their boxes as they are: centre, width and height, or corners. */
static int read_yolo(const struct yolo *y, const float *values, struct candidates *c)
{
	int ret = VACCEL_OK;

	for (size_t i = 0; i < y->places && !ret; i++) {
		float v[4], box[4], score;
		uint32_t class;

		for (size_t k = 0; k < 4; k++)
			v[k] = box[k] = yolo_value(y, values, i, k);
		if (y->suppressed) {
			class = to_class(yolo_value(y, values, i, 5));
			score = yolo_value(y, values, i, 4);
		} else {
			score = yolo_score(y, values, i, &class);
			box[0] = v[0] - v[2] / 2;
			box[1] = v[1] - v[3] / 2;
			box[2] = v[0] + v[2] / 2;
			box[3] = v[1] + v[3] / 2;
		}
		ret = add(c, class, score, box);
	}
	return ret;
}

/* Boxes are in pixels of the input, but for exporters that divide by its size: then all are small. */
static void scale_boxes(const struct geometry *g, struct candidates *c)
{
	double across = g->input_width, down = g->input_height;

	for (size_t i = 0; i < c->nr; i++)
		for (int k = 0; k < 4; k++)
			if (fabsf(c->all[i].box[k]) > 2)
				across = down = 1;
	for (size_t i = 0; i < c->nr; i++) {
		float *b = c->all[i].box;

		to_picture(g, (double)b[0] * across, (double)b[1] * down, (double)b[2] * across,
			   (double)b[3] * down, b);
	}
}

static int decode_yolo(const struct decode *d, const struct tensor *t, const struct yolo *y,
		       struct candidates *c)
{
	const float *values;
	float *owned;
	size_t count;
	int ret;

	c->scores = t;
	c->threshold = threshold(d, YOLO_THRESHOLD);
	ret = decode_values(d, t, &values, &owned, &count);
	if (ret)
		return ret;
	ret = read_yolo(y, values, c);
	free(owned);
	if (!ret)
		scale_boxes(d->geometry, c);
	return ret;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->class != y->class ? (x->class < y->class ? -1 : 1) :
				      memcmp(x->box, y->box, sizeof(x->box));
}

static double area(const float *box)
{
	return fmax(0, (double)box[2] - (double)box[0]) * fmax(0, (double)box[3] - (double)box[1]);
}

/* How much of the area of two boxes is that of both. */
static double overlap(const float *a, const float *b)
{
	const float both[4] = {fmaxf(a[0], b[0]), fmaxf(a[1], b[1]), fminf(a[2], b[2]), fminf(a[3], b[3])};
	double common = area(both), all = area(a) + area(b) - common;

	return all > 0 ? common / all : 0;
}

/* Takes the best, and drops those of its class that are the same object once more. */
static void choose(struct candidates *c, bool suppress, struct object *objects, size_t *nr)
{
	if (c->nr)
		qsort(c->all, c->nr, sizeof(*c->all), compare);
	*nr = 0;
	for (size_t i = 0; i < c->nr && *nr < DECODE_MAX_OBJECTS; i++) {
		bool again = false;

		for (size_t k = 0; suppress && k < *nr && !again; k++)
			again = objects[k].class == c->all[i].class &&
				overlap(objects[k].box, c->all[i].box) > MAX_OVERLAP;
		if (!again)
			objects[(*nr)++] = c->all[i];
	}
}

int decode_objects(const struct decode *d, struct object *objects, size_t *nr)
{
	const struct tensor *logits = decode_find(d, "logits"), *boxes = decode_find(d, "pred_boxes");
	const struct tensor *first = d->outputs->nr ? &d->outputs->tensors[0] : NULL;
	struct candidates c = {.d = d};
	struct yolo yolo = {0};
	struct ssd ssd;
	int ret;

	if (logits && boxes && decode_may_be(d, "detr"))
		ret = decode_detr(d, logits, boxes, &c);
	else if (find_ssd(d, &ssd))
		ret = decode_ssd(d, &ssd, &c);
	else if (first && (d->outputs->nr == 1 || decode_must_be(d, "yolo")) && decode_may_be(d, "yolo") &&
		 read_yolo_shape(d, first, &yolo))
		ret = decode_yolo(d, first, &yolo, &c);
	else
		ret = decode_refuse(d, "objects");
	if (!ret)
		choose(&c, yolo.numbers && !yolo.suppressed, objects, nr);
	free(c.all);
	return ret;
}
