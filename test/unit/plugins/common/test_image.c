// SPDX-License-Identifier: Apache-2.0
/* The pixels that are found in files of all kinds, and how it refuses the others. */
#include <stdbool.h>
#include <stdio.h>

#include <jpeglib.h>
#include <png.h>

#include "plugin_util.h"

#include "exif.h"
#include "image.h"

#define WIDTH  48
#define HEIGHT 32

struct file {
	uint8_t *data;
	size_t size;
};

static struct capture c;
static struct image image;

/* Decodes exactly these bytes: a reader that goes on is found by ASan. What is logged is in c. */
static int decode(const void *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, data, size);
	capture_start(&c, STDOUT_FILENO);
	ret = image_decode(copy, size, &image);
	capture_end(&c);
	free(copy);
	assert_int_equal(count(c.text, "<error>"), ret ? 1 : 0);
	assert_true((image.rgb != NULL) == (ret == 0));
	return ret;
}

static void drop(void)
{
	free(image.rgb);
	image.rgb = NULL;
}

/* How to make a JPEG. */
struct kind {
	J_COLOR_SPACE in, stored;
	int components;
	bool no_adobe, progressive, arithmetic, scans, restarts;
	const void *exif;
	unsigned int exif_size;
};

/* Four rectangles: red, green, blue and white. As inks, of which 255 is all. */
static const uint8_t colors[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};

static void fill_row(uint8_t *row, const struct kind *k, unsigned int y)
{
	for (unsigned int x = 0; x < WIDTH; x++) {
		const uint8_t *color = colors[(y >= HEIGHT / 2) * 2 + (x >= WIDTH / 2)];

		for (int i = 0; i < k->components; i++) {
			uint8_t value = i < 3 ? color[i] : 0;

			if (k->in == JCS_CMYK) /* the complement, and half of black */
				value = i < 3 ? (uint8_t)~color[i] : 128;
			if (k->in == JCS_CMYK && !k->no_adobe)
				value = (uint8_t)~value;
			*row++ = value;
		}
	}
}

static struct file make_jpeg(const struct kind *k)
{
	static const jpeg_scan_info scans[3] = {
		{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
	struct jpeg_compress_struct info;
	struct jpeg_error_mgr errors;
	uint8_t row[WIDTH * 4], *rows[] = {row};
	struct file f = {NULL, 0};
	unsigned long size = 0;

	info.err = jpeg_std_error(&errors);
	jpeg_create_compress(&info);
	jpeg_mem_dest(&info, &f.data, &size);
	info.image_width = WIDTH;
	info.image_height = HEIGHT;
	info.input_components = k->components;
	info.in_color_space = k->in;
	jpeg_set_defaults(&info);
	jpeg_set_colorspace(&info, k->stored);
	jpeg_set_quality(&info, 100, TRUE);
	for (int i = 0; i < info.num_components; i++)
		info.comp_info[i].h_samp_factor = info.comp_info[i].v_samp_factor = 1;
	if (k->no_adobe)
		info.write_Adobe_marker = FALSE;
	if (k->progressive)
		jpeg_simple_progression(&info);
	if (k->scans) {
		info.scan_info = scans;
		info.num_scans = 3;
	}
	info.arith_code = k->arithmetic;
	info.restart_interval = k->restarts ? 4 : 0;
	jpeg_start_compress(&info, TRUE);
	if (k->exif)
		jpeg_write_marker(&info, JPEG_APP0 + 1, k->exif, k->exif_size);
	for (unsigned int y = 0; y < HEIGHT; y++) {
		fill_row(row, k, y);
		jpeg_write_scanlines(&info, rows, 1);
	}
	jpeg_finish_compress(&info);
	jpeg_destroy_compress(&info);
	f.size = size;
	return f;
}

/* Checks the colours in the picture's corners, in reading order; bright as a share of 255. */
static void expect_corners(const char *names, unsigned int width, unsigned int height, int bright)
{
	assert_int_equal(image.width, width);
	assert_int_equal(image.height, height);
	for (int i = 0; i < 4; i++) {
		size_t x = i % 2 ? width - 3 : 2, y = i / 2 ? height - 3 : 2;
		const uint8_t *pixel = image.rgb + (y * width + x) * 3;
		const uint8_t *color = colors[strchr("RGBW", names[i]) - "RGBW"];

		for (int channel = 0; channel < 3; channel++)
			assert_in_range(pixel[channel] + 6, color[channel] * bright / 255,
					color[channel] * bright / 255 + 12);
	}
}

static const struct kind plain = {.in = JCS_RGB, .stored = JCS_YCbCr, .components = 3};

/* ---- Orientation ----------------------------------------------------------------------------- */

/* EXIF with three tags, the second of which is the orientation */
static unsigned int make_exif(uint8_t *exif, bool little, unsigned int orientation)
{
	static const uint16_t entries[3][4] = {{0x0110, 2, 0, 1}, {0x0112, 3, 0, 1}, {0x0213, 3, 0, 1}};
	uint8_t *at = exif;

#define PUT16(value)                                              \
	do {                                                      \
		unsigned int put16 = (value);                     \
		*at++ = (uint8_t)(little ? put16 : put16 >> 8);   \
		*at++ = (uint8_t)(little ? put16 >> 8 : put16);   \
	} while (0)
	memcpy(at, "Exif\0", 6);
	at += 6;
	memcpy(at, little ? "II" : "MM", 2);
	at += 2;
	PUT16(42);
	PUT16(little ? 8 : 0);
	PUT16(little ? 0 : 8);
	PUT16(3);
	for (int i = 0; i < 3; i++) {
		PUT16(entries[i][0]);
		PUT16(entries[i][1]);
		PUT16(entries[i][little ? 3 : 2]);
		PUT16(entries[i][little ? 2 : 3]);
		PUT16(entries[i][0] == 0x0112 ? orientation : 1);
		PUT16(0);
	}
	memset(at, 0, 4);
#undef PUT16
	return (unsigned int)(at + 4 - exif);
}

static void orientations(void **state)
{
	static const char *const shown[] = {"RGBW", "RGBW", "GRWB", "WBGR", "BWRG",
					    "RBGW", "BRWG", "WGBR", "GWRB", "RGBW"};

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int orientation = i % 10;
		bool swapped = orientation >= 5 && orientation <= 8;
		uint8_t exif[128];
		struct kind k = plain;
		struct file f;

		k.exif = exif;
		k.exif_size = make_exif(exif, i >= 10, orientation);
		k.progressive = i % 3 == 0;
		f = make_jpeg(&k);
		assert_int_equal(decode(f.data, f.size), 0);
		expect_corners(shown[orientation], swapped ? HEIGHT : WIDTH,
			       swapped ? WIDTH : HEIGHT, 255);
		assert_string_equal(c.text, "");
		drop();
		free(f.data);
	}
}

/* Whatever EXIF data says, the picture is there, and nothing outside of the file is read. */
static void odd_exif(void **state)
{
	uint8_t exif[128], bad[128];
	struct kind k = plain;
	uint32_t random = 7;
	unsigned int size = make_exif(exif, false, 6);
	struct file f;

	(void)state;
	for (unsigned int round = 0; round < 400; round++) {
		memcpy(bad, exif, sizeof(bad));
		for (unsigned int n = 0; n < round % 4; n++) {
			random = random * 1664525 + 1013904223;
			bad[(random >> 8) % size] = (uint8_t)(random >> 16);
		}
		k.exif = bad;
		k.exif_size = round % (size + 1);
		f = make_jpeg(&k);
		assert_int_equal(decode(f.data, f.size), 0);
		drop();
		/* All that the search sees, exactly */
		for (size_t part = 0; part < 160; part += 7) {
			uint8_t *copy = malloc(part ? part : 1);

			assert_non_null(copy);
			memcpy(copy, f.data, part);
			assert_in_range(exif_orientation(copy, part), 1, 8);
			free(copy);
		}
		free(f.data);
	}
}

/* ---- Colours --------------------------------------------------------------------------------- */

static void inks(void **state)
{
	const struct kind kinds[] = {
		{.in = JCS_CMYK, .stored = JCS_CMYK, .components = 4},
		{JCS_CMYK, JCS_CMYK, 4, .no_adobe = true},
		{.in = JCS_CMYK, .stored = JCS_YCCK, .components = 4},
		{JCS_CMYK, JCS_YCCK, 4, .progressive = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct file f = make_jpeg(&kinds[i]);

		assert_int_equal(decode(f.data, f.size), 0);
		expect_corners("RGBW", WIDTH, HEIGHT, 127);
		drop();
		free(f.data);
	}
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void cut_off(void **state)
{
	const struct kind kinds[] = {
		plain,
		{JCS_RGB, JCS_YCbCr, 3, .progressive = true},
		{JCS_RGB, JCS_YCbCr, 3, .restarts = true},
		{JCS_RGB, JCS_YCbCr, 3, .scans = true},
		{.in = JCS_CMYK, .stored = JCS_YCCK, .components = 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct file f = make_jpeg(&kinds[i]);

		assert_int_equal(decode(f.data, f.size), 0);
		assert_string_equal(c.text, "");
		drop();
		for (size_t size = f.size - 2; size < f.size; size++) {
			assert_int_equal(decode(f.data, size), 0);
			assert_contains(c.text, "<warn>");
			assert_contains(c.text, "no end marker");
			expect_corners("RGBW", WIDTH, HEIGHT, kinds[i].components == 4 ? 127 : 255);
			drop();
		}
		for (size_t size = 3; size < f.size - 2; size++)
			assert_int_equal(decode(f.data, size), VACCEL_EINVAL);
		free(f.data);
	}
}

/* This decoder makes up what is missing, and does not say so. */
static void cut_off_arithmetic(void **state)
{
	const struct kind k = {JCS_RGB, JCS_YCbCr, 3, .arithmetic = true};
	struct file f = make_jpeg(&k);

	(void)state;
	assert_int_equal(decode(f.data, f.size), 0);
	expect_corners("RGBW", WIDTH, HEIGHT, 255);
	drop();
	for (size_t size = 3; size < f.size - 1; size += 5)
		assert_int_equal(decode(f.data, size), VACCEL_EINVAL);
	free(f.data);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void refused(void **state)
{
	static const struct {
		const char *bytes, *message;
	} others[] = {
		{"GIF89a......", "a GIF file, neither"},     {"RIFF....WEBPVP8 ", "a WebP file, neither"},
		{"BM............", "a BMP file, neither"},   {"....ftypheic....", "a HEIF file, neither"},
		{"....ftypavif....", "an AVIF file, neither"}, {"hello, world", "The image is neither"},
	};
	const struct kind two = {.in = JCS_UNKNOWN, .stored = JCS_UNKNOWN, .components = 2};
	struct file f = make_jpeg(&two);

	(void)state;
	assert_int_equal(decode(f.data, f.size), VACCEL_EINVAL);
	assert_contains(c.text, "2 color components");
	free(f.data);

	f = make_jpeg(&plain);
	for (size_t i = 2; i + 9 < f.size; i++) {
		if (f.data[i] != 0xff || f.data[i + 1] != 0xc0)
			continue;
		f.data[i + 4] = 12;
		assert_int_equal(decode(f.data, f.size), VACCEL_EINVAL);
		assert_contains(c.text, "precision 12");
		f.data[i + 4] = 8;
		f.data[i + 1] = 0xc5; /* a picture in several resolutions */
		assert_int_equal(decode(f.data, f.size), VACCEL_EINVAL);
		assert_contains(c.text, "SOF type 0xc5");
		break;
	}
	free(f.data);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(decode(others[i].bytes, strlen(others[i].bytes)), VACCEL_EINVAL);
		assert_contains(c.text, others[i].message);
	}
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static void add(png_structp png, png_bytep data, png_size_t size)
{
	struct file *f = png_get_io_ptr(png);

	f->data = realloc(f->data, f->size + size);
	assert_non_null(f->data);
	memcpy(f->data + f->size, data, size);
	f->size += size;
}

/* 4 x 2 pixels of one value */
static struct file make_png(int bits, int type, uint8_t value)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	struct file f = {NULL, 0};
	uint8_t row[4 * 8];

	memset(row, value, sizeof(row));
	png_set_write_fn(png, &f, add, NULL);
	png_set_IHDR(png, info, 4, 2, bits, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	png_write_row(png, row);
	png_write_row(png, row);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	return f;
}

static void kinds_of_png(void **state)
{
	static const struct {
		int bits, type;
		uint8_t value, shown;
	} kinds[] = {
		{1, PNG_COLOR_TYPE_GRAY, 255, 255},	{2, PNG_COLOR_TYPE_GRAY, 0x55, 85},
		{8, PNG_COLOR_TYPE_GRAY, 100, 100},	{16, PNG_COLOR_TYPE_GRAY, 100, 100},
		{8, PNG_COLOR_TYPE_RGB, 100, 100},	{16, PNG_COLOR_TYPE_RGB, 100, 100},
		{8, PNG_COLOR_TYPE_RGB_ALPHA, 0, 255}, /* transparent is white */
		{8, PNG_COLOR_TYPE_GRAY_ALPHA, 255, 255},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct file f = make_png(kinds[i].bits, kinds[i].type, kinds[i].value);

		/* the last chunk says nothing, and takes 12 bytes */
		for (int end = 0; end < 2; end++) {
			assert_int_equal(decode(f.data, f.size - (end ? 12 : 0)), 0);
			assert_int_equal(image.width, 4);
			assert_int_equal(image.height, 2);
			for (int at = 0; at < 4 * 2 * 3; at++)
				assert_in_range(image.rgb[at] + 1, kinds[i].shown, kinds[i].shown + 2);
			drop();
		}
		assert_int_equal(decode(f.data, f.size - 24), VACCEL_EINVAL);
		free(f.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orientations), cmocka_unit_test(odd_exif),
		cmocka_unit_test(inks),		cmocka_unit_test(cut_off),
		cmocka_unit_test(cut_off_arithmetic), cmocka_unit_test(refused),
		cmocka_unit_test(kinds_of_png),
	};

	return cmocka_run_group_tests(tests, start_without_plugins, stop_library);
}
