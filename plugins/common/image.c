// SPDX-License-Identifier: Apache-2.0
/* Decodes JPEG and PNG files in memory, whatever they contain. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>

#include "exif.h"
#include "engine.h"
#include "image.h"

/* A progressive JPEG may ask for any number of passes over the picture. */
#define MAX_SCANS 200

static int allocate(struct image *image, const char *format)
{
	uint64_t pixels = (uint64_t)image->width * image->height;

	if (!pixels || pixels > IMAGE_MAX_PIXELS || image->width > IMAGE_MAX_SIDE ||
	    image->height > IMAGE_MAX_SIDE) {
		engine_error("The %s has %u x %u pixels; up to %u in all and %u in a line are possible",
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
	bool decoding; /* the header was read */
	bool no_end;   /* the end marker is missing */
	/* where the pixels go: the first one, and from one to the next of a row, and of a column */
	size_t first;
	ptrdiff_t step_x, step_y;
};

static void jpeg_fail(j_common_ptr info)
{
	struct jpeg *jpeg = info->client_data;

	info->err->format_message(info, jpeg->message);
	longjmp(jpeg->failed, 1);
}

/*
 * Level -1 is a warning. Missing data is an error here, other oddities are none. That the file ends is
 * not known to be an error: where data is missing, the second warning follows, or is_complete() finds
 * out; but the decoder of arithmetic coding makes data up.
 */
static void jpeg_message(j_common_ptr info, int level)
{
	struct jpeg *jpeg = info->client_data;
	int code = info->err->msg_code;

	if (level >= 0)
		return;
	if (code == JWRN_HIT_MARKER)
		jpeg_fail(info);
	if (code != JWRN_JPEG_EOF)
		return;
	if (!jpeg->decoding || jpeg->info.arith_code)
		jpeg_fail(info);
	jpeg->no_end = true;
}

static void jpeg_progress(j_common_ptr info)
{
	struct jpeg *jpeg = info->client_data;

	if (jpeg->info.input_scan_number <= MAX_SCANS)
		return;
	snprintf(jpeg->message, sizeof(jpeg->message), "more than %d scans", MAX_SCANS);
	longjmp(jpeg->failed, 1);
}

/* Whether a file of several scans has all of them, and so each bit of each colour. */
static bool is_complete(const struct jpeg_decompress_struct *info)
{
	for (int c = 0; c < info->num_components; c++) {
		if (!info->comp_info[c].quant_table)
			return false;
		for (int i = 0; info->progressive_mode && i < DCTSIZE2; i++)
			if (info->coef_bits[c][i])
				return false;
	}
	return true;
}

/* Turns the picture as EXIF says: its sides, and where pixels go. */
static void jpeg_turn(struct jpeg *jpeg, int orientation, struct image *image)
{
	size_t width = jpeg->info.image_width, height = jpeg->info.image_height;
	bool swap = orientation >= 5;
	bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
	bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
	size_t step_x = swap ? height : 1, step_y = swap ? 1 : width;

	image->width = (uint32_t)(swap ? height : width);
	image->height = (uint32_t)(swap ? width : height);
	jpeg->first = (flip_x ? (width - 1) * step_x : 0) + (flip_y ? (height - 1) * step_y : 0);
	jpeg->step_x = flip_x ? -(ptrdiff_t)step_x : (ptrdiff_t)step_x;
	jpeg->step_y = flip_y ? -(ptrdiff_t)step_y : (ptrdiff_t)step_y;
}

static int jpeg_set_colors(struct jpeg_decompress_struct *info)
{
	switch (info->jpeg_color_space) {
	case JCS_GRAYSCALE:
	case JCS_RGB:
	case JCS_YCbCr:
		info->out_color_space = JCS_RGB;
		return VACCEL_OK;
	case JCS_CMYK:
	case JCS_YCCK:
		info->out_color_space = JCS_CMYK;
		return VACCEL_OK;
	default:
		engine_error("The JPEG has %d color components of an unknown kind: gray, YCbCr, RGB, CMYK "
			   "and YCCK are possible", info->num_components);
		return VACCEL_EINVAL;
	}
}

/* Puts a decoded row where it belongs, and makes RGB of inks. */
static void jpeg_put_row(const struct jpeg *jpeg, const uint8_t *row, uint32_t y, uint8_t *rgb)
{
	const struct jpeg_decompress_struct *info = &jpeg->info;
	bool inks = info->out_color_space == JCS_CMYK;
	/* Programs of Adobe, and those that mark files as they do, store 255 where there is no ink. */
	uint8_t paper = info->saw_Adobe_marker ? 0 : 255;
	ptrdiff_t at = (ptrdiff_t)jpeg->first + (ptrdiff_t)y * jpeg->step_y;

	for (uint32_t x = 0; x < info->output_width; x++, at += jpeg->step_x) {
		uint8_t *pixel = rgb + at * 3;

		for (int c = 0; c < 3; c++)
			pixel[c] = inks ? (uint8_t)((row[c] ^ paper) * (row[3] ^ paper) / 255) : row[c];
		row += inks ? 4 : 3;
	}
}

static void jpeg_read_rows(struct jpeg *jpeg, struct image *image)
{
	struct jpeg_decompress_struct *info = &jpeg->info;
	JSAMPARRAY row;

	jpeg_start_decompress(info);
	if (jpeg->no_end && !is_complete(info)) {
		snprintf(jpeg->message, sizeof(jpeg->message), "the file ends before its last scan");
		longjmp(jpeg->failed, 1);
	}
	row = info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE,
				      info->output_width * (JDIMENSION)info->output_components, 1);
	while (info->output_scanline < info->output_height) {
		uint32_t y = info->output_scanline;

		jpeg_read_scanlines(info, row, 1);
		jpeg_put_row(jpeg, row[0], y, image->rgb);
	}
	jpeg_finish_decompress(info);
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
		engine_error("The JPEG cannot be decoded: %s", jpeg->message);
		return jpeg->errors.msg_code == JERR_OUT_OF_MEMORY ? VACCEL_ENOMEM : VACCEL_EINVAL;
	}

	jpeg_create_decompress(info);
	info->client_data = jpeg;
	jpeg->progress.progress_monitor = jpeg_progress;
	info->progress = &jpeg->progress;
	jpeg_mem_src(info, data, (unsigned long)size);
	jpeg_read_header(info, TRUE);
	jpeg->decoding = true;

	ret = jpeg_set_colors(info);
	if (ret)
		return ret;
	jpeg_turn(jpeg, exif_orientation(data, size), image);
	ret = allocate(image, "JPEG");
	if (ret)
		return ret;
	jpeg_read_rows(jpeg, image);
	if (jpeg->no_end)
		engine_warn("The JPEG has no end marker; all of the picture is there");
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
		engine_error("The PNG cannot be decoded: %s", png.message);
		ret = VACCEL_EINVAL;
		goto out;
	}
	/* Without a word in the file, 16 bits are as 8 are: not of light, but as eyes see it. */
	png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
	png.format = PNG_FORMAT_RGB;
	image->width = png.width;
	image->height = png.height;
	ret = allocate(image, "PNG");
	if (ret)
		goto out;
	/* A warning (level 1) leaves the picture as it is; a check sum that is wrong is an error. */
	if (!png_image_finish_read(&png, &white, image->rgb, 0, NULL) ||
	    PNG_IMAGE_FAILED(png)) {
		engine_error("The PNG cannot be decoded: %s", png.message);
		ret = VACCEL_EINVAL;
	}
out:
	png_image_free(&png);
	return ret;
}

/* ---- Both ------------------------------------------------------------------------------------ */

/* What else a file may be, by its first bytes. */
static const char *other_format(const uint8_t *data, size_t size)
{
	static const struct {
		uint8_t at, len;
		const char *bytes, *name;
	} formats[] = {
		{0, 4, "GIF8", "a GIF"},       {8, 4, "WEBP", "a WebP"},	   {0, 2, "BM", "a BMP"},
		{0, 4, "II*\0", "a TIFF"},     {0, 4, "MM\0*", "a TIFF"},   {4, 8, "ftypavif", "an AVIF"},
		{4, 7, "ftyphei", "a HEIF"}, {4, 8, "ftypmif1", "a HEIF"}, {0, 5, "%PDF-", "a PDF"},
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (size >= (size_t)formats[i].at + formats[i].len &&
		    !memcmp(data + formats[i].at, formats[i].bytes, formats[i].len))
			return formats[i].name;
	return NULL;
}

int image_decode(const void *data, size_t size, struct image *image)
{
	static const uint8_t jpeg_start[] = {0xff, 0xd8, 0xff};
	static const uint8_t png_start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
	const char *other;
	int ret;

	*image = (struct image){0};
	if (size >= sizeof(jpeg_start) && !memcmp(data, jpeg_start, sizeof(jpeg_start))) {
		ret = jpeg_decode(data, size, image);
	} else if (size >= sizeof(png_start) && !memcmp(data, png_start, sizeof(png_start))) {
		ret = png_decode(data, size, image);
	} else {
		other = other_format(data, size);
		engine_error("The image is %s%sneither a JPEG nor a PNG file", other ? other : "",
			   other ? " file, " : "");
		ret = VACCEL_EINVAL;
	}

	if (ret) {
		free(image->rgb);
		*image = (struct image){0};
	}
	return ret;
}
