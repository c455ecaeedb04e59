// SPDX-License-Identifier: Apache-2.0
/* The image operations, with whatever engine. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "cache.h"
#include "decimal.h"
#include "decode.h"
#include "description.h"
#include "engine.h"
#include "image.h"
#include "model_input.h"
#include "picture.h"

/* Tells the library that image classification wants its full form always. */
__attribute__((visibility("default"))) const bool vaccel_plugin_takes_text = true;

/* ---- From the picture to the model's outputs -------------------------------------------------- */

/* A call, with all that is to be freed at its end. */
struct run {
	struct cached_model *entry;
	struct image image;
	struct geometry geometry;
	struct engine_outputs outputs;
	bool has_outputs;
	struct decode decode;
};

static void run_release(struct run *r)
{
	if (r->has_outputs)
		engine.release(&r->outputs);
	free(r->image.rgb);
	cache_put(r->entry);
}

static int run_model(struct run *r, const void *img, size_t len_img)
{
	const char *name = cache_name(r->entry);
	const struct description *d = cache_description(r->entry);
	struct model_input input;
	int ret;

	ret = model_input_find(name, cache_model(r->entry), d, &input);
	if (!ret)
		ret = image_decode(img, len_img, &r->image);
	if (!ret)
		ret = model_input_make(name, d, &r->image, &input, &r->geometry);
	if (ret)
		return ret;
	ret = engine.run(cache_model(r->entry), input.tensors, input.nr, &r->outputs);
	model_input_release(&input);
	r->has_outputs = !ret;
	return ret;
}

/* Runs the model of a session. After success only, there is something to be released. */
static int run_start(struct run *r, struct vaccel_session *sess, const char *what, const void *img,
		     size_t len_img, bool needs_labels)
{
	int ret;

	memset(r, 0, sizeof(*r));
	if (!sess)
		return VACCEL_EINVAL;
	engine_debug("Calling %s for session %" PRId64, what, sess->id);
	if (!img || !len_img) {
		engine_error("There is no image");
		return VACCEL_EINVAL;
	}
	ret = cache_get(sess, &r->entry);
	if (ret)
		return ret;
	r->decode = (struct decode){cache_name(r->entry), cache_description(r->entry), &r->geometry,
				    &r->outputs};
	if (needs_labels && !r->decode.description->labels.count) {
		engine_error("There are no labels for model %s. Register the directory that has the model "
			     "and its " LABELS_NAME "%s%s%s", r->decode.model,
			     engine.env_labels ? ", or set " : "", engine.env_labels ? engine.env_labels : "",
			     engine.env_labels ? " to the path of one" : "");
		cache_drop(r->entry);
		return VACCEL_ENOENT;
	}
	ret = run_model(r, img, len_img);
	if (ret)
		run_release(r);
	return ret;
}

/* ---- Classes --------------------------------------------------------------------------------- */

static int op_classify(struct vaccel_session *sess, const void *img, unsigned char *out_text,
		       unsigned char *out_imgname, size_t len_img, size_t len_out_text,
		       size_t len_out_imgname)
{
	char number[DECIMAL_SIZE], room[DECODE_LABEL_SIZE];
	const char *label;
	uint32_t class;
	struct run run;
	float score;
	int ret;

	ret = run_start(&run, sess, "Image classification", img, len_img, true);
	if (ret)
		return ret;
	ret = decode_class(&run.decode, &class, &score);
	if (!ret) {
		label = decode_label(&run.decode, class, room, sizeof(room));
		decimal((double)score, 4, number, sizeof(number));
		engine_debug("%s %s", label, number);
		if (out_text && len_out_text)
			snprintf((char *)out_text, len_out_text, "%s %s", label, number);
		if (out_imgname && len_out_imgname)
			snprintf((char *)out_imgname, len_out_imgname, "%s", run.decode.model);
	}
	run_release(&run);
	return ret;
}

/* ---- Pictures that belong to answers --------------------------------------------------------- */

/* What is to be written. */
struct result {
	const struct class_map *classes;
	const struct depth_map *depth;
	float min, max; /* of depth */
};

static int write_picture(const struct run *r, const struct result *result, void *out, size_t size,
			 size_t *used)
{
	if (result->classes)
		return picture_write_classes(result->classes, &r->geometry, out, size, used);
	if (result->depth)
		return picture_write_depth(result->depth, &r->geometry, result->min, result->max, out, size,
					   used);
	return picture_write(&r->image, out, size, used);
}

/* The memory that the session offers for a picture, or NULL. Files of others are not written to. */
static struct vaccel_blob *find_room(struct vaccel_session *sess)
{
	struct vaccel_resource *res = NULL;
	struct vaccel_blob *blob;

	if (vaccel_session_resource_by_type(sess, &res, VACCEL_RESOURCE_DATA) || !res->nr_blobs)
		return NULL;
	blob = res->blobs[0];
	return blob->data && (blob->type == VACCEL_BLOB_BUFFER || blob->path_owned) ? blob : NULL;
}

/* Puts the picture into a DATA resource of the session, where there is one. Without room it is left out. */
static void add_picture(const struct run *r, struct vaccel_session *sess, const struct result *result,
			struct answer *a)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* calls side by side have one resource */
	struct vaccel_blob *blob = find_room(sess);
	size_t used = 0;
	void *png;
	int ret;

	if (!blob)
		return;
	png = malloc(blob->size);
	ret = png ? write_picture(r, result, png, blob->size, &used) : VACCEL_ENOMEM;
	if (!ret) {
		pthread_mutex_lock(&lock);
		memcpy(blob->data, png, used);
		pthread_mutex_unlock(&lock);
		answer_open(a, "picture", '{');
		answer_string(a, "format", "png");
		answer_integer(a, "bytes", used);
		answer_close(a, '}');
	} else if (ret == VACCEL_ENOSPC) {
		engine_warn("The picture that belongs to the answer has %zu bytes, and the session's data "
			    "resource %zu: it is left out", used, blob->size);
	} else {
		engine_warn("There is no memory for the picture that belongs to the answer");
	}
	free(png);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void begin_answer(const struct run *r, const char *operation, struct answer *a)
{
	answer_start(a);
	answer_string(a, "operation", operation);
	answer_string(a, "model", r->decode.model);
	answer_integer(a, "width", r->geometry.width);
	answer_integer(a, "height", r->geometry.height);
}

/* Copies an answer out, or what fits of it. */
static int end_answer(struct answer *a, unsigned char *out, size_t len)
{
	char none[1];
	size_t nr, needed;

	needed = answer_write(a, out && len ? (char *)out : none, out && len ? len : 1, &nr);
	if (out && len && needed > len)
		engine_warn("The answer has %zu bytes, and there is room for %zu: %zu of %zu elements are in "
			    "it", needed, len, nr, a->nr);
	else
		engine_debug("The answer has %zu bytes and %zu elements", needed, a->nr);
	answer_release(a);
	return needed ? VACCEL_OK : VACCEL_ENOMEM;
}

static void add_object(const struct decode *d, const struct object *o, struct answer *a)
{
	char room[DECODE_LABEL_SIZE];

	answer_element(a);
	answer_string(a, "label", decode_label(d, o->class, room, sizeof(room)));
	answer_number(a, "score", (double)o->score, 4);
	answer_numbers(a, "box", o->box, 4, 1);
	answer_end_element(a);
}

static int op_detect(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		     size_t len_img, size_t len_out_imgname)
{
	struct object objects[DECODE_MAX_OBJECTS];
	struct answer answer;
	struct run run;
	size_t nr = 0;
	int ret;

	ret = run_start(&run, sess, "Image detection", img, len_img, false);
	if (ret)
		return ret;
	ret = decode_objects(&run.decode, objects, &nr);
	if (!ret) {
		begin_answer(&run, "detect", &answer);
		answer_integer(&answer, "found", nr);
		for (size_t i = nr; i-- > 0;) /* the best on top */
			picture_box(&run.image, objects[i].box, objects[i].class);
		add_picture(&run, sess, &(struct result){0}, &answer);
		answer_list(&answer, "objects");
		for (size_t i = 0; i < nr; i++)
			add_object(&run.decode, &objects[i], &answer);
		ret = end_answer(&answer, out_imgname, len_out_imgname);
	}
	run_release(&run);
	return ret;
}

/* ---- Segments -------------------------------------------------------------------------------- */

struct share {
	uint32_t class;
	uint64_t cells;
};

static int compare_shares(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->cells != y->cells)
		return x->cells > y->cells ? -1 : 1;
	return x->class < y->class ? -1 : x->class > y->class;
}

static void add_shares(const struct decode *d, const struct class_map *map, struct share *shares,
		       struct answer *a)
{
	char room[DECODE_LABEL_SIZE];
	uint64_t all = 0, found = 0;

	for (size_t i = 0; i < (size_t)map->width * map->height; i++)
		if (decode_is_picture(d->geometry, map->width, map->height, i)) {
			shares[map->cells[i]].cells++;
			all++;
		}
	for (uint32_t i = 0; i < map->classes; i++) {
		shares[i].class = i;
		found += shares[i].cells > 0;
	}
	qsort(shares, map->classes, sizeof(*shares), compare_shares);
	answer_integer(a, "found", found);
	answer_list(a, "classes");
	for (uint32_t i = 0; i < found; i++) {
		answer_element(a);
		answer_string(a, "label", decode_label(d, shares[i].class, room, sizeof(room)));
		answer_integer(a, "class", shares[i].class);
		answer_number(a, "share", (double)shares[i].cells / (double)all, 4);
		answer_end_element(a);
	}
}

static int op_segment(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		      size_t len_img, size_t len_out_imgname)
{
	struct share *shares = NULL;
	struct class_map map;
	struct answer answer;
	struct run run;
	int ret;

	ret = run_start(&run, sess, "Image segmentation", img, len_img, false);
	if (ret)
		return ret;
	ret = decode_class_map(&run.decode, &map);
	if (!ret)
		shares = calloc(map.classes, sizeof(*shares));
	if (!ret && !shares)
		ret = VACCEL_ENOMEM;
	if (!ret) {
		begin_answer(&run, "segment", &answer);
		add_picture(&run, sess, &(struct result){.classes = &map}, &answer);
		add_shares(&run.decode, &map, shares, &answer);
		ret = end_answer(&answer, out_imgname, len_out_imgname);
	}
	free(shares);
	free(map.cells);
	run_release(&run);
	return ret;
}

/* ---- Key points ------------------------------------------------------------------------------ */

static void add_person(const struct decode *d, const struct people *people, size_t person, struct answer *a)
{
	const struct point *p = &people->all[person * people->points];
	char room[DECODE_LABEL_SIZE];

	answer_element(a);
	answer_number(a, "score", (double)people->scores[person], 4);
	answer_open(a, "points", '[');
	for (size_t i = 0; i < people->points; i++) {
		answer_open(a, NULL, '{');
		answer_string(a, "label", decode_point_name(d, people->points, i, room, sizeof(room)));
		answer_number(a, "x", (double)p[i].x, 1);
		answer_number(a, "y", (double)p[i].y, 1);
		answer_number(a, "score", (double)p[i].score, 4);
		answer_close(a, '}');
	}
	answer_close(a, ']');
	answer_end_element(a);
}

static int op_pose(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		   size_t len_img, size_t len_out_imgname)
{
	struct people people;
	struct answer answer;
	struct run run;
	int ret;

	ret = run_start(&run, sess, "Image pose", img, len_img, false);
	if (ret)
		return ret;
	ret = decode_points(&run.decode, &people);
	if (!ret) {
		begin_answer(&run, "pose", &answer);
		answer_integer(&answer, "found", people.nr);
		for (size_t i = 0; i < people.nr * people.points; i++)
			picture_dot(&run.image, people.all[i].x, people.all[i].y,
				    (uint32_t)(i % people.points));
		add_picture(&run, sess, &(struct result){0}, &answer);
		answer_list(&answer, "poses");
		for (size_t i = 0; i < people.nr; i++)
			add_person(&run.decode, &people, i, &answer);
		ret = end_answer(&answer, out_imgname, len_out_imgname);
	}
	free(people.all);
	run_release(&run);
	return ret;
}

/* ---- Depths ---------------------------------------------------------------------------------- */

/* The range of what is of the picture, and its mean. */
static double measure(const struct decode *d, const struct depth_map *map, struct result *result)
{
	uint64_t nr = 0;
	double sum = 0;

	for (size_t i = 0; i < (size_t)map->width * map->height; i++) {
		float value = map->cells[i];

		if (!decode_is_picture(d->geometry, map->width, map->height, i))
			continue;
		result->min = !nr || value < result->min ? value : result->min;
		result->max = !nr || value > result->max ? value : result->max;
		sum += (double)value;
		nr++;
	}
	return nr ? sum / (double)nr : 0;
}

static int op_depth(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		    size_t len_img, size_t len_out_imgname)
{
	struct depth_map map;
	struct answer answer;
	struct run run;
	int ret;

	ret = run_start(&run, sess, "Image depth", img, len_img, false);
	if (ret)
		return ret;
	ret = decode_depth(&run.decode, &map);
	if (!ret) {
		struct result result = {.depth = &map};
		double mean = measure(&run.decode, &map, &result);

		begin_answer(&run, "depth", &answer);
		answer_open(&answer, "depth", '{');
		answer_number(&answer, "min", (double)result.min, 4);
		answer_number(&answer, "max", (double)result.max, 4);
		answer_number(&answer, "mean", mean, 4);
		answer_close(&answer, '}');
		add_picture(&run, sess, &result, &answer);
		ret = end_answer(&answer, out_imgname, len_out_imgname);
	}
	free(map.cells);
	run_release(&run);
	return ret;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(image_classify, VACCEL_OP_IMAGE_CLASSIFY, op_classify),
	VACCEL_OP_INIT(image_detect, VACCEL_OP_IMAGE_DETECT, op_detect),
	VACCEL_OP_INIT(image_segment, VACCEL_OP_IMAGE_SEGMENT, op_segment),
	VACCEL_OP_INIT(image_pose, VACCEL_OP_IMAGE_POSE, op_pose),
	VACCEL_OP_INIT(image_depth, VACCEL_OP_IMAGE_DEPTH, op_depth),
};

int engine_image_register(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}
