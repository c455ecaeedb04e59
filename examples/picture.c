// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define MAX_PIXELS  (64u << 20)
#define MAX_CLASSES 1000

struct decoder {
	struct jpeg_decompress_struct info;
	struct jpeg_error_mgr errors;
	jmp_buf failed;
	uint8_t *rgb;
	FILE *file;
};

static void fail(j_common_ptr info)
{
	struct decoder *decoder = info->client_data;

	info->err->output_message(info);
	longjmp(decoder->failed, 1);
}

/* Return: rgb pixels in decoder->rgb and their number in decoder->info, or false. */
static bool decode(struct decoder *decoder)
{
	struct jpeg_decompress_struct *info = &decoder->info;

	info->err = jpeg_std_error(&decoder->errors);
	decoder->errors.error_exit = fail;
	info->client_data = decoder;
	if (setjmp(decoder->failed))
		return false;

	jpeg_create_decompress(info);
	info->client_data = decoder;
	jpeg_stdio_src(info, decoder->file);
	jpeg_read_header(info, TRUE);
	info->out_color_space = JCS_RGB;
	if ((uint64_t)info->image_width * info->image_height > MAX_PIXELS)
		return false;
	decoder->rgb = malloc((size_t)info->image_width * info->image_height * 3);
	if (!decoder->rgb)
		return false;

	jpeg_start_decompress(info);
	while (info->output_scanline < info->output_height) {
		JSAMPROW row = decoder->rgb + (size_t)info->output_scanline * info->output_width * 3;

		jpeg_read_scanlines(info, &row, 1);
	}
	jpeg_finish_decompress(info);
	return true;
}

static void to_values(const struct decoder *decoder, bool channels_first, float *values)
{
	static const float mean[3] = {0.485f, 0.456f, 0.406f};
	static const float deviation[3] = {0.229f, 0.224f, 0.225f};
	size_t width = decoder->info.output_width, height = decoder->info.output_height;

	for (size_t y = 0; y < PICTURE_SIDE; y++) {
		for (size_t x = 0; x < PICTURE_SIDE; x++) {
			size_t from = (y * height / PICTURE_SIDE * width +
				       x * width / PICTURE_SIDE) * 3;
			size_t at = y * PICTURE_SIDE + x;

			for (size_t c = 0; c < 3; c++)
				values[channels_first ? c * PICTURE_SIDE * PICTURE_SIDE + at :
							at * 3 + c] =
					((float)decoder->rgb[from + c] / 255 - mean[c]) /
					deviation[c];
		}
	}
}

float *load_picture(const char *path, bool channels_first)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));
	float *values = malloc(PICTURE_BYTES);

	if (!decoder || !values) {
		fprintf(stderr, "Out of memory\n");
		goto fail;
	}
	decoder->file = fopen(path, "rb");
	if (!decoder->file) {
		fprintf(stderr, "Could not read %s: %s\n", path, strerror(errno));
		goto fail;
	}
	if (!decode(decoder)) {
		fprintf(stderr, "Could not use %s: it is not a JPEG picture in colour or gray of up to "
				"%u pixels, or it is damaged\n", path, MAX_PIXELS);
		goto fail;
	}
	to_values(decoder, channels_first, values);
	goto out;

fail:
	free(values);
	values = NULL;
out:
	if (decoder) {
		if (decoder->file) {
			jpeg_destroy_decompress(&decoder->info);
			fclose(decoder->file);
		}
		free(decoder->rgb);
		free(decoder);
	}
	return values;
}

int print_prediction(const char *labels, const float *picture, const float *result, size_t count)
{
	size_t best = 0, size = 0;
	char *line = NULL;
	FILE *file;
	int ret = 0;

	for (size_t i = 1; i < count && i < MAX_CLASSES; i++)
		if (result[i] > result[best] || isnan(result[i]))
			best = i;
	if (!count || !isfinite(result[best])) {
		fprintf(stderr, "The result is no prediction: class %zu has no finite score\n", best);
		return EINVAL;
	}

	file = fopen(labels, "r");
	if (!file) {
		ret = errno;
		fprintf(stderr, "Could not read %s: %s\n", labels, strerror(ret));
		return ret;
	}
	for (size_t i = 0; i <= best && !ret; i++)
		if (getline(&line, &size, file) < 0)
			ret = EINVAL;
	if (ret)
		fprintf(stderr, "%s has no label number %zu\n", labels, best);
	else
		printf("Prediction: %.*s\n", (int)strcspn(line, "\r\n"), line);
	/* A plugin that only plays the part, such as noop, gives back what it got. */
	if (!ret && count == PICTURE_BYTES / sizeof(float) && !memcmp(picture, result, PICTURE_BYTES))
		fprintf(stderr, "The result is the picture itself: no model has run, as with the plugin "
				"noop. VACCEL_PLUGINS, here or on the host, names one that runs models.\n");
	free(line);
	fclose(file);
	return ret;
}
