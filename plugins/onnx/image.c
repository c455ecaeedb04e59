// SPDX-License-Identifier: Apache-2.0
/* Decodes JPEG and PNG files in memory, whatever they contain. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

#include "onnx.h"

/* A progressive JPEG may ask for any number of passes over the picture. */
#define MAX_SCANS 200

static int allocate(struct image *image, const char *format)
{
	uint64_t pixels = (uint64_t)image->width * image->height;

	if (!pixels || pixels > IMAGE_MAX_PIXELS || image->width > IMAGE_MAX_SIDE ||
	    image->height > IMAGE_MAX_SIDE) {
		onnx_error("The %s has %u x %u pixels; up to %u in all and %u in a line are possible",
			   format, image->width, image->height, IMAGE_MAX_PIXELS, IMAGE_MAX_SIDE);
		return VACCEL_EINVAL;
	}
	image->rgb = malloc(pixels * 3);
	return image->rgb ? VACCEL_OK : VACCEL_ENOMEM;
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

struct jpeg {
	struct jpeg_decompress_struct info;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf failed;
	char message[JMSG_LENGTH_MAX];
};

static void jpeg_fail(j_common_ptr info)
{
	struct jpeg *jpeg = info->client_data;

	info->err->format_message(info, jpeg->message);
	longjmp(jpeg->failed, 1);
}

/* Level -1 is a warning. Missing data is an error here, other oddities are none. */
static void jpeg_message(j_common_ptr info, int level)
{
	int code = info->err->msg_code;

	if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
		jpeg_fail(info);
}

static void jpeg_progress(j_common_ptr info)
{
	struct jpeg *jpeg = info->client_data;

	if (jpeg->info.input_scan_number <= MAX_SCANS)
		return;
	snprintf(jpeg->message, sizeof(jpeg->message), "more than %d scans", MAX_SCANS);
	longjmp(jpeg->failed, 1);
}

/* Everything between setjmp and longjmp lives in *jpeg and *image, not in local variables. */
static int jpeg_decode_into(struct jpeg *jpeg, const void *data, size_t size, struct image *image)
{
	struct jpeg_decompress_struct *info = &jpeg->info;
	int ret;

	info->err = jpeg_std_error(&jpeg->errors);
	jpeg->errors.error_exit = jpeg_fail;
	jpeg->errors.emit_message = jpeg_message;
	info->client_data = jpeg;

	if (setjmp(jpeg->failed)) {
		onnx_error("The JPEG is damaged or truncated: %s", jpeg->message);
		return VACCEL_EINVAL;
	}

	jpeg_create_decompress(info);
	info->client_data = jpeg;
	jpeg->progress.progress_monitor = jpeg_progress;
	info->progress = &jpeg->progress;
	jpeg_mem_src(info, data, (unsigned long)size);
	jpeg_read_header(info, TRUE);
	info->out_color_space = JCS_RGB;

	image->width = info->image_width;
	image->height = info->image_height;
	ret = allocate(image, "JPEG");
	if (ret)
		return ret;

	jpeg_start_decompress(info);
	while (info->output_scanline < info->output_height) {
		JSAMPROW row = image->rgb + (size_t)info->output_scanline * image->width * 3;

		jpeg_read_scanlines(info, &row, 1);
	}
	jpeg_finish_decompress(info);
	return VACCEL_OK;
}

static int jpeg_decode(const void *data, size_t size, struct image *image)
{
	struct jpeg *jpeg = calloc(1, sizeof(*jpeg));
	int ret;

	if (!jpeg)
		return VACCEL_ENOMEM;
	ret = jpeg_decode_into(jpeg, data, size, image);
	jpeg_destroy_decompress(&jpeg->info);
	free(jpeg);
	return ret;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static int png_decode(const void *data, size_t size, struct image *image)
{
	/* What is transparent shows white. */
	static const png_color white = {255, 255, 255};
	png_image png = {.version = PNG_IMAGE_VERSION};
	int ret;

	if (!png_image_begin_read_from_memory(&png, data, size)) {
		onnx_error("The PNG is damaged or truncated: %s", png.message);
		ret = VACCEL_EINVAL;
		goto out;
	}
	png.format = PNG_FORMAT_RGB;
	image->width = png.width;
	image->height = png.height;
	ret = allocate(image, "PNG");
	if (ret)
		goto out;
	/* A warning (level 1) leaves the picture as it is; a check sum that is wrong is an error. */
	if (!png_image_finish_read(&png, &white, image->rgb, 0, NULL) ||
	    PNG_IMAGE_FAILED(png)) {
		onnx_error("The PNG is damaged or truncated: %s", png.message);
		ret = VACCEL_EINVAL;
	}
out:
	png_image_free(&png);
	return ret;
}

/* ---- Both ------------------------------------------------------------------------------------ */

int image_decode(const void *data, size_t size, struct image *image)
{
	static const uint8_t jpeg_start[] = {0xff, 0xd8, 0xff};
	static const uint8_t png_start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	int ret;

	*image = (struct image){0};
	if (size >= sizeof(jpeg_start) && !memcmp(data, jpeg_start, sizeof(jpeg_start)))
		ret = jpeg_decode(data, size, image);
	else if (size >= sizeof(png_start) && !memcmp(data, png_start, sizeof(png_start)))
		ret = png_decode(data, size, image);
	else {
		onnx_error("The image is neither a JPEG nor a PNG file");
		ret = VACCEL_EINVAL;
	}

	if (ret) {
		free(image->rgb);
		*image = (struct image){0};
	}
	return ret;
}
