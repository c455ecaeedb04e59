// SPDX-License-Identifier: Apache-2.0
/*
 * What models and the files beside them say, in a fuzzer for each part (FUZZ_PART): descriptions, the tensors that
 * models take, and the outputs of a run, of any names, types, shapes and values, as classes, objects, maps or
 * points. Input of descriptions: a byte that says which file, and the file; of the others: the numbers of what is
 * described, then bytes that all data is taken from.
 */
#include "input.h"

#include <math.h>

#include "answer.h"
#include "decode.h"
#include "description.h"
#include "files.h"
#include "image.h"
#include "model_input.h"
#include "picture.h"
#include "slog.h"
#include "vaccel.h"

#define MAX_TENSORS 5
#define MAX_DATA    4096
#define SMALL	    200 /* sides of inputs, which are made */

enum part { DESCRIPTIONS, INPUTS, CLASSES, OBJECTS, MAPS, POINTS };
enum description_file { CONFIG, PREPROCESSOR, LABELS, NR_FILES };

/* ---- An engine whose models take what the input says -------------------------------------------- */

static struct tensor inputs[MAX_TENSORS];
static size_t nr_inputs;

static int count(void *model, size_t *in, size_t *out)
{
	(void)model;
	*in = nr_inputs;
	*out = 1;
	return VACCEL_OK;
}

static int describe(void *model, bool output, size_t index, struct tensor *tensor)
{
	(void)model;
	(void)output;
	*tensor = inputs[index];
	return VACCEL_OK;
}

const struct engine engine = {.name = "fuzz", .file = "a file", .count = count, .describe = describe};

/* ---- Tensors of an input ----------------------------------------------------------------------- */

static const char *const names[] = {
	"x", "output0", "logits", "pred_boxes", "detection_boxes", "detection_classes", "detection_scores",
	"num_detections", "boxes", "labels", "scores", "heatmaps", "predicted_depth", "out", "pixel_mask", NULL,
};

/* A byte is a small number, or says how many bytes one of any size has. */
static int64_t number(struct input *in)
{
	uint8_t value = input_u8(in);
	int64_t large = 0;

	if (value < 0xf0)
		return value;
	input_bytes(in, &large, (value & 7) + 1);
	return value & 8 ? -large : large;
}

static void read_tensor(struct input *in, struct tensor *t)
{
	uint8_t kind = input_u8(in);

	*t = (struct tensor){.name = names[input_u8(in) % (sizeof(names) / sizeof(names[0]))]};
	t->type = (enum tensor_type)(kind % TENSOR_TYPES);
	t->nr_dims = input_u8(in) % (TENSOR_MAX_DIMS + 2) - 1;
	for (int i = 0; i < t->nr_dims; i++)
		t->dims[i] = number(in);
	if (kind & 0x80) {
		t->scale = 0.5f;
		t->zero = (int32_t)number(in);
	}
}

/* Gives a tensor the bytes that its shape needs, taken over and over from what is left. */
static bool fill(const struct input *in, struct tensor *t, bool short_of_one)
{
	uint64_t elements;

	if (!tensor_count(t, &elements) || elements > MAX_DATA)
		return false;
	t->size = (size_t)elements * tensor_element_size(t->type);
	t->data = malloc(t->size ? t->size : 1);
	if (!t->data)
		abort();
	for (size_t i = 0; i < t->size; i++)
		((uint8_t *)t->data)[i] = in->left ? in->data[i % in->left] : 0;
	if (short_of_one && t->size)
		t->size--;
	return true;
}

static void check(bool right)
{
	if (!right)
		abort();
}

/* ---- What is done ------------------------------------------------------------------------------- */

static void parse(enum description_file file, const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, size, NULL, false};
	struct description d;

	description_init(&d);
	if (file == CONFIG)
		description_parse_config("m", &bytes, &d);
	else if (file == PREPROCESSOR)
		description_parse_preprocessor("m", &bytes, &d);
	else
		labels_parse(&bytes, &d.labels);
	for (size_t i = 0; i < d.labels.count; i++)
		check(strlen(d.labels.names[i]) <= size);
	description_release(&d);
}

/* Makes the tensors of a small picture for whatever takes one. */
static void make_inputs(struct input *in)
{
	uint8_t rgb[5 * 3 * 3] = {0, 255, 7};
	struct image image = {5, 3, rgb};
	struct geometry geometry;
	struct description d;
	struct input_plan *plan;
	struct model_input input;

	description_init(&d);
	d.size.width = number(in) & 0xff;
	d.size.height = d.size.width;
	d.size.shortest = input_u8(in);
	d.crop_width = d.crop_height = input_u8(in);
	d.kernel = (enum image_kernel)(input_u8(in) % KERNELS);
	nr_inputs = input_u8(in) % MAX_TENSORS;
	for (size_t i = 0; i < nr_inputs; i++)
		read_tensor(in, &inputs[i]);
	if (model_input_find("m", NULL, &d, &input))
		return;
	plan = &input.plan;
	check(plan->width <= INPUT_MAX_SIDE && plan->height <= INPUT_MAX_SIDE &&
	      (plan->channels == 1 || plan->channels == 3));
	if (plan->width > SMALL || plan->height > SMALL)
		return;
	if (model_input_make("m", &d, &image, &input, &geometry))
		return;
	check(isfinite(geometry.left) && geometry.scale_x > 0 && geometry.scale_y > 0);
	for (size_t i = 0; i < input.nr; i++) {
		uint64_t elements;

		check(tensor_count(&input.tensors[i], &elements) &&
		      elements * tensor_element_size(input.tensors[i].type) == input.tensors[i].size);
	}
	model_input_release(&input);
}

static void check_box(const float box[4])
{
	check(box[0] >= 0 && box[0] <= box[2] && box[2] <= 40 && box[1] >= 0 && box[1] <= box[3] &&
	      box[3] <= 30);
}

static void classes(const struct decode *d)
{
	uint32_t class;
	float score;

	if (d->description->labels.count && !decode_class(d, &class, &score))
		check(class < d->description->labels.count && score >= 0 && score <= 1);
}

static void objects(const struct decode *d, struct image *image)
{
	struct object all[DECODE_MAX_OBJECTS];
	size_t nr;

	if (decode_objects(d, all, &nr))
		return;
	for (size_t i = 0; i < nr; i++) {
		check(isfinite(all[i].score));
		check_box(all[i].box);
		picture_box(image, all[i].box, all[i].class);
	}
}

static void maps(const struct decode *d)
{
	uint8_t png[65536];
	struct class_map classes;
	struct depth_map depth;
	size_t used;

	if (!decode_class_map(d, &classes)) {
		for (size_t i = 0; i < (size_t)classes.width * classes.height; i++)
			check(classes.cells[i] < classes.classes);
		picture_write_classes(&classes, d->geometry, png, sizeof(png), &used);
		free(classes.cells);
	}
	if (!decode_depth(d, &depth)) {
		picture_write_depth(&depth, d->geometry, -1, 1, png, sizeof(png), &used);
		free(depth.cells);
	}
}

static void points(const struct decode *d, struct image *image)
{
	struct people people;

	if (!decode_points(d, &people))
		for (size_t i = 0; i < people.nr * people.points; i++) {
			check(isfinite(people.all[i].score));
			picture_dot(image, people.all[i].x, people.all[i].y, (uint32_t)i);
		}
	free(people.all);
}

static void decode_part(enum part part, const struct decode *d)
{
	uint8_t rgb[40 * 30 * 3] = {0};
	struct image image = {40, 30, rgb};

	if (part == CLASSES)
		classes(d);
	else if (part == OBJECTS)
		objects(d, &image);
	else if (part == MAPS)
		maps(d);
	else
		points(d, &image);
}

static void decode_outputs(enum part part, struct input *in)
{
	static const char *const decoders[] = {"", "", "", "ssd", "detr", "yolo", "movenet", "heatmaps"};
	static char *labels[] = {"a", "b", "c", "d", "e", "f", "g"};
	struct geometry geometry = {40, 30, 20, 20, 0, 0, 2, 1.5};
	struct engine_outputs outputs = {.nr = input_u8(in) % MAX_TENSORS};
	struct description description;
	struct decode d = {"m", &description, &geometry, &outputs};
	uint8_t how = input_u8(in);

	description_init(&description);
	description.labels = (struct labels){NULL, labels, how & 7};
	strcpy(description.decoder, decoders[how >> 3 & 7]);
	if (how & 0x40) {
		geometry.left = -7;
		geometry.top = 9;
	}
	for (size_t i = 0; i < outputs.nr; i++)
		read_tensor(in, &outputs.tensors[i]);
	for (size_t i = 0; i < outputs.nr; i++)
		if (!fill(in, &outputs.tensors[i], (how & 0x80) != 0))
			outputs.tensors[i].data = NULL;
	decode_part(part, &d);
	for (size_t i = 0; i < outputs.nr; i++)
		free(outputs.tensors[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool quiet;
	struct input in = {data, size};
	const enum part part = FUZZ_PART;
	enum description_file file;

	if (!quiet) {
		slog_disable(SLOG_ERROR);
		slog_disable(SLOG_WARN);
		quiet = true;
	}
	if (part == DESCRIPTIONS) {
		file = (enum description_file)(input_u8(&in) % NR_FILES);
		parse(file, in.data, in.left);
	} else if (part == INPUTS) {
		make_inputs(&in);
	} else {
		decode_outputs(part, &in);
	}
	return 0;
}
