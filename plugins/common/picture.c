// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

/* ---- Drawing --------------------------------------------------------------------------------- */

/* Colours that are far from each other for classes whose numbers are near, as PASCAL's; 0 is black. */
static void color_of(uint32_t class, uint8_t rgb[3])
{
	memset(rgb, 0, 3);
	for (int bit = 7; bit >= 0; bit--, class >>= 3)
		for (int c = 0; c < 3; c++)
			rgb[c] |= (uint8_t)((class >> c & 1) << bit);
}

static void fill(struct image *image, int64_t left, int64_t top, int64_t right, int64_t bottom,
		 const uint8_t rgb[3])
{
	left = left < 0 ? 0 : left;
	top = top < 0 ? 0 : top;
	right = right > image->width ? image->width : right;
	bottom = bottom > image->height ? image->height : bottom;
	for (int64_t y = top; y < bottom; y++)
		for (int64_t x = left; x < right; x++)
			memcpy(&image->rgb[((size_t)y * image->width + (size_t)x) * 3], rgb, 3);
}

/* Lines are as thick as one can see them. */
static int64_t thickness(const struct image *image)
{
	uint32_t side = image->width < image->height ? image->width : image->height;

	return side / 200 + 1;
}

void picture_box(struct image *image, const float box[4], uint32_t class)
{
	int64_t l = (int64_t)box[0], t = (int64_t)box[1], r = (int64_t)box[2], b = (int64_t)box[3];
	int64_t thick = thickness(image);
	uint8_t rgb[3];

	color_of(class + 1, rgb);
	fill(image, l, t, r, t + thick, rgb);
	fill(image, l, b - thick, r, b, rgb);
	fill(image, l, t, l + thick, b, rgb);
	fill(image, r - thick, t, r, b, rgb);
}

void picture_dot(struct image *image, float x, float y, uint32_t class)
{
	int64_t radius = 2 * thickness(image);
	uint8_t rgb[3];

	color_of(class + 1, rgb);
	fill(image, (int64_t)x - radius, (int64_t)y - radius, (int64_t)x + radius + 1,
	     (int64_t)y + radius + 1, rgb);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static int write_png(png_image *png, const void *pixels, const void *colors, void *out, size_t size,
		     size_t *used)
{
	png_alloc_size_t bytes = size;
	int done = png_image_write_to_memory(png, out, &bytes, 0, pixels, 0, colors);

	*used = bytes;
	png_image_free(png);
	return done ? VACCEL_OK : bytes > size ? VACCEL_ENOSPC : VACCEL_ENOMEM;
}

int picture_write(const struct image *image, void *out, size_t size, size_t *used)
{
	png_image png = {.version = PNG_IMAGE_VERSION, .width = image->width, .height = image->height,
			 .format = PNG_FORMAT_RGB};

	return write_png(&png, image->rgb, NULL, out, size, used);
}

/* A colour for each class that there is. */
static int write_palette(const struct class_map *map, const struct geometry *g, void *out, size_t size,
			 size_t *used)
{
	png_image png = {.version = PNG_IMAGE_VERSION, .width = g->width, .height = g->height,
			 .format = PNG_FORMAT_RGB_COLORMAP, .colormap_entries = map->classes};
	uint8_t colors[256 * 3], *pixels = calloc(g->width, g->height), *at = pixels;
	size_t cell;
	int ret;

	if (!pixels)
		return VACCEL_ENOMEM;
	for (uint32_t i = 0; i < map->classes; i++)
		color_of(i, &colors[i * 3]);
	for (uint32_t y = 0; y < g->height; y++)
		for (uint32_t x = 0; x < g->width; x++, at++)
			if (decode_cell(g, map->width, map->height, x, y, &cell))
				*at = (uint8_t)map->cells[cell];
	ret = write_png(&png, pixels, colors, out, size, used);
	free(pixels);
	return ret;
}

static int write_gray(const struct geometry *g, const uint16_t *pixels, void *out, size_t size, size_t *used)
{
	png_image png = {.version = PNG_IMAGE_VERSION, .width = g->width, .height = g->height,
			 .format = PNG_FORMAT_LINEAR_Y};

	return write_png(&png, pixels, NULL, out, size, used);
}

int picture_write_classes(const struct class_map *map, const struct geometry *g, void *out, size_t size,
			  size_t *used)
{
	uint16_t *pixels, *at;
	size_t cell;
	int ret;

	if (map->classes <= 256)
		return write_palette(map, g, out, size, used);
	pixels = at = calloc((size_t)g->width * g->height, sizeof(*pixels));
	if (!pixels)
		return VACCEL_ENOMEM;
	for (uint32_t y = 0; y < g->height; y++)
		for (uint32_t x = 0; x < g->width; x++, at++)
			if (decode_cell(g, map->width, map->height, x, y, &cell))
				*at = (uint16_t)map->cells[cell];
	ret = write_gray(g, pixels, out, size, used);
	free(pixels);
	return ret;
}

int picture_write_depth(const struct depth_map *map, const struct geometry *g, float min, float max,
			void *out, size_t size, size_t *used)
{
	uint16_t *pixels = calloc((size_t)g->width * g->height, sizeof(*pixels)), *at = pixels;
	double range = (double)max - (double)min;
	size_t cell;
	int ret;

	if (!pixels)
		return VACCEL_ENOMEM;
	for (uint32_t y = 0; y < g->height; y++)
		for (uint32_t x = 0; x < g->width; x++, at++)
			if (range > 0 && decode_cell(g, map->width, map->height, x, y, &cell)) {
				double share = ((double)map->cells[cell] - (double)min) / range;

				/* cells beside the picture have no part in the range */
				share = share < 0 ? 0 : share > 1 ? 1 : share;
				*at = (uint16_t)(share * 65535 + 0.5);
			}
	ret = write_gray(g, pixels, out, size, used);
	free(pixels);
	return ret;
}
