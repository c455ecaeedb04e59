// SPDX-License-Identifier: Apache-2.0
/*
 * The opencv plugin, in this process and behind the strict sandbox: results as they are computed here, and the
 * one place's as the other's, bit for bit.
 */
#include "engines.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/ops/opencv_functions.h"

#define ROOM (1 << 20)

static struct engines e;

/* ---- Calls ----------------------------------------------------------------------------------- */

static const size_t depth_bytes[] = {1, 1, 2, 2, 4, 4, 8};

struct image {
	int32_t shape[4];
	union {
		uint8_t *u8;
		float *f32;
		void *data;
	};
	size_t size;
};

static struct image image_new(int rows, int columns, int channels, int depth)
{
	struct image p = {.shape = {rows, columns, channels, depth}};

	p.size = (size_t)rows * (size_t)columns * (size_t)channels * depth_bytes[depth];
	p.data = calloc(1, p.size ? p.size : 1);
	assert_non_null(p.data);
	return p;
}

static struct image image_random(int rows, int columns, int channels)
{
	struct image p = image_new(rows, columns, channels, VACCEL_OPENCV_UINT8);
	uint32_t seed = 7;

	for (size_t i = 0; i < p.size; i++) {
		seed = seed * 1664525 + 1013904223;
		p.u8[i] = (uint8_t)(seed >> 24);
	}
	return p;
}

/* The arguments of a call; numbers live in it. */
struct request {
	struct vaccel_arg_array args;
	uint8_t code;
	int32_t ints[8];
	double floats[8];
	int nr_ints, nr_floats;
};

static void request(struct request *r, int code)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(vaccel_arg_array_init(&r->args, 16), 0);
	r->code = (uint8_t)code;
	assert_int_equal(vaccel_arg_array_add_uint8(&r->args, &r->code), 0);
}

static void add_int(struct request *r, int value)
{
	r->ints[r->nr_ints] = value;
	assert_int_equal(vaccel_arg_array_add_int32(&r->args, &r->ints[r->nr_ints++]), 0);
}

static void add_float(struct request *r, double value)
{
	r->floats[r->nr_floats] = value;
	assert_int_equal(vaccel_arg_array_add_double(&r->args, &r->floats[r->nr_floats++]), 0);
}

static void add_image(struct request *r, struct image *p)
{
	assert_int_equal(vaccel_arg_array_add_int32_array(&r->args, p->shape, 4), 0);
	assert_int_equal(vaccel_arg_array_add_raw(&r->args, p->data, p->size), 0);
}

static int run_at(int place, struct request *r, struct vaccel_arg *write, int nr_write)
{
	return vaccel_opencv_unpack(&e.sess[place], vaccel_arg_array_raw(&r->args),
				    (int)vaccel_arg_array_count(&r->args), write, nr_write);
}

/* Runs it in both places, which must agree, and ends the request. */
static struct image run_image(struct request *r)
{
	struct image all[NR_PLACES];

	for (int place = 0; place < NR_PLACES; place++) {
		struct image *p = &all[place];
		int32_t shape[4] = {0};
		struct vaccel_arg write[2] = {
			{.buf = shape, .size = sizeof(shape), .type = VACCEL_ARG_INT32_ARRAY}};

		/* First without room for it, to see its shape */
		assert_int_equal(run_at(place, r, write, 1), 0);
		*p = image_new(shape[0], shape[1], shape[2], shape[3]);
		write[1] = (struct vaccel_arg){.buf = p->data, .size = p->size, .type = VACCEL_ARG_BUFFER};
		memset(shape, 0, sizeof(shape));
		assert_int_equal(run_at(place, r, write, 2), 0);
		assert_memory_equal(shape, p->shape, sizeof(shape));
	}
	vaccel_arg_array_release(&r->args);
	assert_memory_equal(all[LOCAL].shape, all[REMOTE].shape, sizeof(all[0].shape));
	assert_memory_equal(all[LOCAL].data, all[REMOTE].data, all[LOCAL].size);
	free(all[REMOTE].data);
	return all[LOCAL];
}

static void expect_shape(const struct image *p, int rows, int columns, int channels, int depth)
{
	assert_int_equal(p->shape[0], rows);
	assert_int_equal(p->shape[1], columns);
	assert_int_equal(p->shape[2], channels);
	assert_int_equal(p->shape[3], depth);
}

static int pixel(const struct image *p, int row, int column)
{
	return p->u8[row * p->shape[1] * p->shape[2] + column * p->shape[2]];
}

/* ---- Files ----------------------------------------------------------------------------------- */

static uint8_t *encode(struct image *p, const char *kind, size_t *size)
{
	uint8_t *all[NR_PLACES];
	uint64_t sizes[NR_PLACES] = {0, 0};
	struct request r;
	char text[8];

	snprintf(text, sizeof(text), "%s", kind);
	request(&r, VACCEL_OPENCV_ENCODE);
	assert_int_equal(vaccel_arg_array_add_string(&r.args, text), 0);
	add_int(&r, 95);
	add_image(&r, p);
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_arg write[2] = {
			{.buf = &sizes[place], .size = sizeof(sizes[0]), .type = VACCEL_ARG_UINT64}};

		all[place] = calloc(1, ROOM);
		write[1] = (struct vaccel_arg){.buf = all[place], .size = ROOM, .type = VACCEL_ARG_BUFFER};
		assert_int_equal(run_at(place, &r, write, 2), 0);
	}
	vaccel_arg_array_release(&r.args);
	assert_int_equal(sizes[0], sizes[1]);
	assert_memory_equal(all[0], all[1], sizes[0]);
	free(all[1]);
	*size = sizes[0];
	return all[0];
}

static struct image decode(void *file, size_t size, int mode)
{
	struct request r;

	request(&r, VACCEL_OPENCV_DECODE);
	add_int(&r, mode);
	assert_int_equal(vaccel_arg_array_add_buffer(&r.args, file, size), 0);
	return run_image(&r);
}

static void lossless(void **state)
{
	static const char *const kinds[] = {".png", ".bmp"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct image in = image_random(37, 53, 3), out;
		size_t size;
		uint8_t *file = encode(&in, kinds[i], &size);

		out = decode(file, size, 1);
		expect_shape(&out, 37, 53, 3, VACCEL_OPENCV_UINT8);
		assert_memory_equal(in.data, out.data, in.size);
		free(in.data);
		free(out.data);
		free(file);
	}
}

/* A file that OpenCV has not made: 2 x 2 pixels, rows from below, padded to 4 bytes */
static void by_hand(void **state)
{
	uint8_t bmp[54 + 16] = {'B', 'M', 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0,
				2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0};
	static const uint8_t pixels[16] = {1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0};
	static const uint8_t right[12] = {7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6};
	struct image out;

	(void)state;
	memcpy(bmp + 54, pixels, sizeof(pixels));
	out = decode(bmp, sizeof(bmp), -1);
	expect_shape(&out, 2, 2, 3, VACCEL_OPENCV_UINT8);
	assert_memory_equal(out.data, right, sizeof(right));
	free(out.data);
}

static void jpeg(void **state)
{
	struct image in = image_new(64, 64, 1, VACCEL_OPENCV_UINT8), out;
	uint8_t *file;
	size_t size;

	(void)state;
	for (int i = 0; i < 64 * 64; i++)
		in.u8[i] = (uint8_t)(i / 64 + i % 64);
	file = encode(&in, ".jpg", &size);
	out = decode(file, size, 0);
	expect_shape(&out, 64, 64, 1, VACCEL_OPENCV_UINT8);
	for (int i = 0; i < 64 * 64; i++)
		assert_true(abs(in.u8[i] - out.u8[i]) <= 4);
	free(in.data);
	free(out.data);
	free(file);
}

/* ---- Pixels ---------------------------------------------------------------------------------- */

static void resize(void **state)
{
	struct image in = image_random(20, 30, 3), out;
	struct request r;

	(void)state;
	request(&r, VACCEL_OPENCV_RESIZE);
	add_int(&r, 40);
	add_int(&r, 90);
	add_int(&r, 0);
	add_image(&r, &in);
	out = run_image(&r);
	expect_shape(&out, 40, 90, 3, VACCEL_OPENCV_UINT8);
	for (int i = 0; i < 40; i++)
		for (int j = 0; j < 90; j++)
			assert_int_equal(pixel(&out, i, j), pixel(&in, i / 2, j / 3));
	free(out.data);

	request(&r, VACCEL_OPENCV_RESIZE);
	add_int(&r, 10);
	add_int(&r, 15);
	add_int(&r, 3);
	add_image(&r, &in);
	out = run_image(&r);
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 15; j++) {
			int sum = pixel(&in, 2 * i, 2 * j) + pixel(&in, 2 * i, 2 * j + 1) +
				  pixel(&in, 2 * i + 1, 2 * j) + pixel(&in, 2 * i + 1, 2 * j + 1);

			assert_true(fabs(pixel(&out, i, j) - sum / 4.0) <= 0.5);
		}
	}
	free(out.data);
	free(in.data);
}

static void grey(void **state)
{
	struct image in = image_random(31, 33, 3), out;
	struct request r;

	(void)state;
	request(&r, VACCEL_OPENCV_CONVERT_COLOR);
	add_int(&r, 6);
	add_image(&r, &in);
	out = run_image(&r);
	expect_shape(&out, 31, 33, 1, VACCEL_OPENCV_UINT8);
	for (size_t i = 0; i < out.size; i++) {
		double y = 0.114 * in.u8[3 * i] + 0.587 * in.u8[3 * i + 1] + 0.299 * in.u8[3 * i + 2];

		assert_true(fabs(out.u8[i] - y) <= 1);
	}
	free(in.data);
	free(out.data);
}

static void blur(void **state)
{
	struct image in = image_new(9, 9, 1, VACCEL_OPENCV_UINT8), out;
	struct request r;

	(void)state;
	in.u8[4 * 9 + 4] = 160;
	request(&r, VACCEL_OPENCV_BLUR);
	add_int(&r, 3);
	add_float(&r, 0);
	add_image(&r, &in);
	out = run_image(&r);
	/* 1/4, 1/2, 1/4 both ways */
	assert_int_equal(pixel(&out, 4, 4), 40);
	assert_int_equal(pixel(&out, 3, 4), 20);
	assert_int_equal(pixel(&out, 4, 5), 20);
	assert_int_equal(pixel(&out, 5, 5), 10);
	assert_int_equal(pixel(&out, 2, 4), 0);
	free(in.data);
	free(out.data);
}

static void edges(void **state)
{
	struct image in = image_new(20, 40, 1, VACCEL_OPENCV_UINT8), out;
	struct request r;

	(void)state;
	for (int i = 0; i < 20; i++)
		memset(in.u8 + 40 * i + 25, 255, 15);
	request(&r, VACCEL_OPENCV_CANNY);
	add_float(&r, 50);
	add_float(&r, 150);
	add_image(&r, &in);
	out = run_image(&r);
	for (int i = 0; i < 20; i++) {
		int line = 0;

		for (int j = 0; j < 40; j++) {
			if (!pixel(&out, i, j))
				continue;
			assert_true(j == 24 || j == 25);
			line++;
		}
		assert_int_equal(line, 1);
	}
	free(in.data);
	free(out.data);
}

static void threshold(void **state)
{
	struct image in = image_random(16, 16, 1), out;
	struct request r;

	(void)state;
	request(&r, VACCEL_OPENCV_THRESHOLD);
	add_float(&r, 100);
	add_float(&r, 200);
	add_int(&r, 0);
	add_image(&r, &in);
	out = run_image(&r);
	for (int i = 0; i < 256; i++)
		assert_int_equal(out.u8[i], in.u8[i] > 100 ? 200 : 0);
	free(in.data);
	free(out.data);
}

/* Two columns to the right, three rows down */
static void warp(void **state)
{
	double matrix[] = {1, 0, 2, 0, 1, 3, 0, 0, 1};
	struct image in = image_random(24, 24, 1), out;
	struct request r;

	(void)state;
	for (int perspective = 0; perspective < 2; perspective++) {
		request(&r, perspective ? VACCEL_OPENCV_WARP_PERSPECTIVE : VACCEL_OPENCV_WARP_AFFINE);
		add_int(&r, 30);
		add_int(&r, 28);
		add_int(&r, 0);
		assert_int_equal(vaccel_arg_array_add_double_array(&r.args, matrix, perspective ? 9 : 6), 0);
		add_image(&r, &in);
		out = run_image(&r);
		expect_shape(&out, 30, 28, 1, VACCEL_OPENCV_UINT8);
		for (int i = 0; i < 30; i++) {
			for (int j = 0; j < 28; j++) {
				bool inside = i >= 3 && i < 27 && j >= 2 && j < 26;

				assert_int_equal(pixel(&out, i, j), inside ? pixel(&in, i - 3, j - 2) : 0);
			}
		}
		free(out.data);
	}
	free(in.data);
}

static void match(void **state)
{
	struct image in = image_random(30, 40, 1), part = image_new(6, 7, 1, VACCEL_OPENCV_UINT8), out;
	struct request r;

	(void)state;
	for (int i = 0; i < 6; i++)
		memcpy(part.u8 + 7 * i, in.u8 + (11 + i) * 40 + 17, 7);
	request(&r, VACCEL_OPENCV_MATCH_TEMPLATE);
	add_int(&r, 0);
	add_image(&r, &in);
	add_image(&r, &part);
	out = run_image(&r);
	expect_shape(&out, 25, 34, 1, VACCEL_OPENCV_FLOAT32);
	for (int i = 0; i < 25; i++) {
		for (int j = 0; j < 34; j++) {
			double sum = 0;

			for (int k = 0; k < 42; k++) {
				int d = pixel(&in, i + k / 7, j + k % 7) - part.u8[k];

				sum += d * d;
			}
			assert_true(fabs(out.f32[i * 34 + j] - sum) <= 1 + sum * 1e-5);
		}
	}
	assert_true(fabsf(out.f32[11 * 34 + 17]) < 1);
	free(in.data);
	free(part.data);
	free(out.data);
}

/* A soft pattern that moves by one column and two rows */
static void flow(void **state)
{
	struct image in[2], out;
	struct request r;

	(void)state;
	for (int k = 0; k < 2; k++) {
		in[k] = image_new(64, 64, 1, VACCEL_OPENCV_UINT8);
		for (int i = 0; i < 64 * 64; i++)
			in[k].u8[i] = (uint8_t)(128 + 60 * sin((i % 64 - k) / 5.0) +
						60 * cos((i / 64 - 2 * k) / 6.0));
	}
	request(&r, VACCEL_OPENCV_OPTICAL_FLOW);
	add_int(&r, 3);
	add_int(&r, 15);
	add_int(&r, 3);
	add_image(&r, &in[0]);
	add_image(&r, &in[1]);
	out = run_image(&r);
	expect_shape(&out, 64, 64, 2, VACCEL_OPENCV_FLOAT32);
	for (int i = 20; i < 44; i++) {
		for (int j = 20; j < 44; j++) {
			assert_true(fabsf(out.f32[2 * (64 * i + j)] - 1) < 0.3f);
			assert_true(fabsf(out.f32[2 * (64 * i + j) + 1] - 2) < 0.3f);
		}
	}
	free(in[0].data);
	free(in[1].data);
	free(out.data);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

/* Ends the request. */
static void expect_refused(struct request *r, int code)
{
	int32_t shape[4] = {1, 2, 3, 4};
	struct vaccel_arg write = {.buf = shape, .size = sizeof(shape), .type = VACCEL_ARG_INT32_ARRAY};

	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(run_at(place, r, &write, 1), code);
	vaccel_arg_array_release(&r->args);
}

static void bad_codes(void **state)
{
	static const uint8_t codes[] = {0, 12, 13, 128, 255};
	struct image in = image_random(4, 4, 1);
	struct request r;

	(void)state;
	for (size_t i = 0; i < sizeof(codes); i++) {
		request(&r, codes[i]);
		add_image(&r, &in);
		expect_refused(&r, VACCEL_ENOTSUP);
	}
	/* No code, a code of another type; every function without its arguments, and with too many */
	memset(&r, 0, sizeof(r));
	vaccel_arg_array_init(&r.args, 4);
	add_int(&r, 3);
	expect_refused(&r, VACCEL_EINVAL);
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_opencv_unpack(&e.sess[place], NULL, 0, NULL, 0), VACCEL_EINVAL);
	for (int code = 1; code <= 11; code++) {
		request(&r, code);
		expect_refused(&r, VACCEL_EINVAL);
	}
	request(&r, VACCEL_OPENCV_CONVERT_COLOR);
	add_int(&r, 8);
	add_image(&r, &in);
	add_image(&r, &in);
	expect_refused(&r, VACCEL_EINVAL);
	free(in.data);
}

static void bad_shapes(void **state)
{
	static const int32_t shapes[][4] = {
		{0, 4, 1, 0}, {-1, 4, 1, 0}, {4, 4, 0, 0}, {4, 4, 5, 0}, {4, 4, 1, 7}, {4, 4, 1, -1},
		{4, 5, 1, 0}, {INT32_MAX, INT32_MAX, 4, 6}, {65536, 65536, 1, 0}, {4, 4, 1, 1000},
	};
	struct image in = image_random(4, 4, 1);
	struct request r;

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct image bad = in;

		memcpy(bad.shape, shapes[i], sizeof(bad.shape));
		request(&r, VACCEL_OPENCV_CONVERT_COLOR);
		add_int(&r, 8);
		add_image(&r, &bad);
		expect_refused(&r, VACCEL_EINVAL);
	}
	free(in.data);
}

static void resize_to(int rows, int columns, int interpolation, struct image *in)
{
	struct request r;

	request(&r, VACCEL_OPENCV_RESIZE);
	add_int(&r, rows);
	add_int(&r, columns);
	add_int(&r, interpolation);
	add_image(&r, in);
	expect_refused(&r, VACCEL_EINVAL);
}

static void bad_numbers(void **state)
{
	double matrix[] = {1, 0, NAN, 0, 1, 3};
	struct image in = image_random(8, 8, 1), small = image_random(2, 2, 1), colour = image_random(8, 8, 3);
	struct request r;

	(void)state;
	resize_to(0, 5, 1, &in);
	resize_to(-5, 5, 1, &in);
	resize_to(INT32_MAX, INT32_MAX, 1, &in);
	resize_to(32767, 32767, 1, &in);
	resize_to(5, 5, 99, &in);
	request(&r, VACCEL_OPENCV_CONVERT_COLOR);
	add_int(&r, 100000);
	add_image(&r, &in);
	expect_refused(&r, VACCEL_EINVAL);
	request(&r, VACCEL_OPENCV_CONVERT_COLOR); /* one channel is no BGR */
	add_int(&r, 6);
	add_image(&r, &in);
	expect_refused(&r, VACCEL_EINVAL);
	request(&r, VACCEL_OPENCV_BLUR);
	add_int(&r, 1000001);
	add_float(&r, 1);
	add_image(&r, &in);
	expect_refused(&r, VACCEL_EINVAL);
	request(&r, VACCEL_OPENCV_CANNY);
	add_float(&r, INFINITY);
	add_float(&r, 1);
	add_image(&r, &in);
	expect_refused(&r, VACCEL_EINVAL);
	request(&r, VACCEL_OPENCV_WARP_AFFINE);
	add_int(&r, 8);
	add_int(&r, 8);
	add_int(&r, 0);
	vaccel_arg_array_add_double_array(&r.args, matrix, 6);
	add_image(&r, &in);
	expect_refused(&r, VACCEL_EINVAL);
	request(&r, VACCEL_OPENCV_MATCH_TEMPLATE);
	add_int(&r, 0);
	add_image(&r, &small);
	add_image(&r, &in);
	expect_refused(&r, VACCEL_EINVAL);
	request(&r, VACCEL_OPENCV_OPTICAL_FLOW); /* of different sizes, and in colour */
	add_int(&r, 1);
	add_int(&r, 5);
	add_int(&r, 1);
	add_image(&r, &in);
	add_image(&r, &colour);
	expect_refused(&r, VACCEL_EINVAL);
	free(in.data);
	free(small.data);
	free(colour.data);
}

static void expect_no_picture(void *file, size_t size)
{
	struct request r;

	request(&r, VACCEL_OPENCV_DECODE);
	add_int(&r, 1);
	assert_int_equal(vaccel_arg_array_add_buffer(&r.args, file, size), 0);
	expect_refused(&r, VACCEL_EINVAL);
}

static void bad_files(void **state)
{
	uint8_t bmp[26] = "BM", jpeg[] = {0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, 0};
	size_t size;
	uint8_t *png = read_whole(EXAMPLES_DIR "/images/square.png", &size);

	(void)state;
	expect_no_picture("GIF89a", 6);
	expect_no_picture("x", 1);
	for (size_t part = 8; part < size / 2; part += 1 + part / 3)
		expect_no_picture(png, part);
	/* Gigabytes, if one believes the header */
	memset(png + 16, 0x7f, 8);
	expect_no_picture(png, size);
	free(png);
	expect_no_picture(jpeg, sizeof(jpeg));
	bmp[14] = 40;
	memset(bmp + 18, 0x80, 8);
	expect_no_picture(bmp, sizeof(bmp));
	memset(bmp + 22, 0, 4);
	expect_no_picture(bmp, sizeof(bmp));
}

static void no_room(void **state)
{
	struct image in = image_random(8, 8, 3);
	uint8_t small[63], before[63];
	int32_t shape[4] = {9, 9, 9, 9};
	struct vaccel_arg write[3] = {
		{.buf = shape, .size = sizeof(shape), .type = VACCEL_ARG_INT32_ARRAY},
		{.buf = small, .size = sizeof(small), .type = VACCEL_ARG_BUFFER}};
	struct request r;

	(void)state;
	memset(small, 0x5a, sizeof(small));
	memcpy(before, small, sizeof(small));
	request(&r, VACCEL_OPENCV_CONVERT_COLOR);
	add_int(&r, 6);
	add_image(&r, &in);
	for (int place = 0; place < NR_PLACES; place++) {
		assert_int_equal(run_at(place, &r, write, 2), VACCEL_ENOSPC);
		assert_memory_equal(small, before, sizeof(small));
		assert_int_equal(run_at(place, &r, write, 0), VACCEL_EINVAL);
		write[0].size = 8;
		assert_int_equal(run_at(place, &r, write, 1), VACCEL_EINVAL);
		write[0].size = sizeof(shape);
		write[0].type = VACCEL_ARG_FLOAT32_ARRAY;
		assert_int_equal(run_at(place, &r, write, 1), VACCEL_EINVAL);
		write[0].type = VACCEL_ARG_INT32_ARRAY;
		assert_int_equal(shape[0], 9);
	}
	vaccel_arg_array_release(&r.args);
	free(in.data);
}

/* ---- Threads, output ------------------------------------------------------------------------- */

static void *many_calls(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		grey(NULL);
	return NULL;
}

static void threads(void **state)
{
	pthread_t all[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&all[i], NULL, many_calls, NULL), 0);
	for (int i = 0; i < 16; i++)
		pthread_join(all[i], NULL);
}

static void one_bad_file(void *arg)
{
	uint8_t *png;
	size_t size;
	int32_t shape[4];
	struct vaccel_arg write = {.buf = shape, .size = sizeof(shape), .type = VACCEL_ARG_INT32_ARRAY};
	struct request r;

	(void)arg;
	png = read_whole(EXAMPLES_DIR "/images/square.png", &size);
	memset(png + size / 2, 0xff, size / 4);
	request(&r, VACCEL_OPENCV_DECODE);
	add_int(&r, 1);
	vaccel_arg_array_add_buffer(&r.args, png, size);
	run_at(LOCAL, &r, &write, 1);
	vaccel_arg_array_release(&r.args);
	free(png);
}

/* OpenCV says what it throws on standard error, too; here the log does. libpng has nobody to ask. */
static void quiet(void **state)
{
	char *text = captured(one_bad_file, NULL);

	(void)state;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strstr(line, "[opencv] ") && strncmp(line, "libpng ", 7))
			fail_msg("printed: %s", line);
	free(text);
}

static int stop(void **state)
{
	(void)state;
	engines_stop(&e);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lossless), cmocka_unit_test(by_hand), cmocka_unit_test(jpeg),
		cmocka_unit_test(resize), cmocka_unit_test(grey), cmocka_unit_test(blur),
		cmocka_unit_test(edges), cmocka_unit_test(threshold), cmocka_unit_test(warp),
		cmocka_unit_test(match), cmocka_unit_test(flow), cmocka_unit_test(bad_codes),
		cmocka_unit_test(bad_shapes), cmocka_unit_test(bad_numbers), cmocka_unit_test(bad_files),
		cmocka_unit_test(no_room), cmocka_unit_test(threads), cmocka_unit_test(quiet),
	};
	int ret;

	test_main_begin(280);
	ret = engines_start(&e, ENGINE_PLUGIN);
	if (ret)
		test_die("the plugin does not start: %d", ret);
	return cmocka_run_group_tests(tests, NULL, stop);
}
