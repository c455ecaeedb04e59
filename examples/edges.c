// SPDX-License-Identifier: Apache-2.0
/*
 * The edges in a picture, by functions of OpenCV: decoded, in grey, blurred, searched for edges, and made a PNG
 * file again. See vaccel/ops/opencv_functions.h for what they take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vaccel.h>
#include <vaccel/ops/opencv_functions.h>

#include "util.h"

/* Larger than the files of pictures that anybody shows on a screen */
#define FILE_ROOM (16u << 20)

struct image {
	int32_t shape[VACCEL_OPENCV_SHAPE_SIZE];
	void *pixels;
	size_t size;
};

static int run(struct vaccel_session *sess, struct vaccel_arg_array *in, struct vaccel_arg_array *out)
{
	return vaccel_opencv_unpack(sess, vaccel_arg_array_raw(in), (int)vaccel_arg_array_count(in),
				    vaccel_arg_array_raw(out), (int)vaccel_arg_array_count(out));
}

/* Runs a function whose result is a picture of 8 bits: once for its shape, once for its pixels. */
static int run_for_image(struct vaccel_session *sess, struct vaccel_arg_array *in, struct image *image)
{
	struct vaccel_arg_array out;
	int ret = vaccel_arg_array_init(&out, 2);

	if (ret)
		return ret;
	ret = vaccel_arg_array_add_int32_array(&out, image->shape, VACCEL_OPENCV_SHAPE_SIZE);
	if (!ret)
		ret = run(sess, in, &out);
	if (ret)
		goto release;
	image->size = (size_t)image->shape[VACCEL_OPENCV_ROWS] * (size_t)image->shape[VACCEL_OPENCV_COLUMNS] *
		      (size_t)image->shape[VACCEL_OPENCV_CHANNELS];
	image->pixels = malloc(image->size);
	ret = image->pixels ? vaccel_arg_array_add_buffer(&out, image->pixels, image->size) : VACCEL_ENOMEM;
	if (!ret)
		ret = run(sess, in, &out);
release:
	vaccel_arg_array_release(&out);
	return ret;
}

/* code, then what add() adds: the other arguments */
static int call(struct vaccel_session *sess, enum vaccel_opencv_function function,
		int (*add)(struct vaccel_arg_array *in, void *from), void *from, struct image *to)
{
	uint8_t code = (uint8_t)function;
	struct vaccel_arg_array in;
	int ret = vaccel_arg_array_init(&in, 8);

	if (ret)
		return ret;
	ret = vaccel_arg_array_add_uint8(&in, &code);
	if (!ret)
		ret = add(&in, from);
	if (!ret)
		ret = run_for_image(sess, &in, to);
	vaccel_arg_array_release(&in);
	return ret;
}

struct file {
	void *data;
	size_t size;
};

static int add_image(struct vaccel_arg_array *in, struct image *image)
{
	int ret = vaccel_arg_array_add_int32_array(in, image->shape, VACCEL_OPENCV_SHAPE_SIZE);

	return ret ? ret : vaccel_arg_array_add_buffer(in, image->pixels, image->size);
}

static int add_file(struct vaccel_arg_array *in, void *from)
{
	static int32_t grey = 0;
	struct file *file = from;
	int ret = vaccel_arg_array_add_int32(in, &grey);

	return ret ? ret : vaccel_arg_array_add_buffer(in, file->data, file->size);
}

static int add_to_blur(struct vaccel_arg_array *in, void *from)
{
	static int32_t window = 5;
	static double sigma = 0;
	int ret = vaccel_arg_array_add_int32(in, &window);

	if (!ret)
		ret = vaccel_arg_array_add_double(in, &sigma);
	return ret ? ret : add_image(in, from);
}

static int add_to_search(struct vaccel_arg_array *in, void *from)
{
	static double low = 50, high = 150;
	int ret = vaccel_arg_array_add_double(in, &low);

	if (!ret)
		ret = vaccel_arg_array_add_double(in, &high);
	return ret ? ret : add_image(in, from);
}

static int encode(struct vaccel_session *sess, struct image *image, void *file, uint64_t *size)
{
	uint8_t code = VACCEL_OPENCV_ENCODE;
	char kind[] = ".png";
	int32_t quality = 100;
	struct vaccel_arg_array in, out;
	int ret = vaccel_arg_array_init(&in, 8);

	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&out, 2);
	if (ret)
		goto release_in;
	ret = vaccel_arg_array_add_uint8(&in, &code);
	if (!ret)
		ret = vaccel_arg_array_add_string(&in, kind);
	if (!ret)
		ret = vaccel_arg_array_add_int32(&in, &quality);
	if (!ret)
		ret = add_image(&in, image);
	if (!ret)
		ret = vaccel_arg_array_add_uint64(&out, size);
	if (!ret)
		ret = vaccel_arg_array_add_buffer(&out, file, FILE_ROOM);
	if (!ret)
		ret = run(sess, &in, &out);
	vaccel_arg_array_release(&out);
release_in:
	vaccel_arg_array_release(&in);
	return ret;
}

static size_t count_edges(const struct image *image)
{
	const uint8_t *pixels = image->pixels;
	size_t count = 0;

	for (size_t i = 0; i < image->size; i++)
		count += pixels[i] != 0;
	return count;
}

static int write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "wb");
	int bad;

	if (!file) {
		fprintf(stderr, "Cannot write %s\n", path);
		return VACCEL_EIO;
	}
	bad = fwrite(data, 1, size, file) != size;
	bad |= fclose(file) != 0;
	if (bad)
		fprintf(stderr, "Cannot write %s\n", path);
	return bad ? VACCEL_EIO : VACCEL_OK;
}

static int with_session(struct vaccel_session *sess, struct file *file, const char *out_path)
{
	struct image picture = {0}, soft = {0}, edges = {0};
	uint64_t size = 0;
	void *png = NULL;
	int ret;

	ret = call(sess, VACCEL_OPENCV_DECODE, add_file, file, &picture);
	if (!ret)
		ret = call(sess, VACCEL_OPENCV_BLUR, add_to_blur, &picture, &soft);
	if (!ret)
		ret = call(sess, VACCEL_OPENCV_CANNY, add_to_search, &soft, &edges);
	if (!ret) {
		printf("%d x %d pixels, %zu of them on edges\n", edges.shape[VACCEL_OPENCV_COLUMNS],
		       edges.shape[VACCEL_OPENCV_ROWS], count_edges(&edges));
		png = malloc(FILE_ROOM);
		ret = png ? encode(sess, &edges, png, &size) : VACCEL_ENOMEM;
	}
	if (ret)
		report_error(ret, "Could not run op");
	else
		ret = write_file(out_path, png, size);
	free(png);
	free(edges.pixels);
	free(soft.pixels);
	free(picture.pixels);
	return ret;
}

int main(int argc, char **argv)
{
	struct vaccel_session sess;
	struct file file;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 2, 2, "image_file out_file", 3, &iterations))
		return VACCEL_EINVAL;
	ret = read_file(argv[1], &file.data, &file.size);
	if (ret)
		return ret;
	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		goto free_file;
	}
	printf("Initialized session with id: %lld\n", (long long)sess.id);
	ret = with_session(&sess, &file, argv[2]);
	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
free_file:
	free(file.data);
	return ret;
}
