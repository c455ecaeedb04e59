// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's pictures, which the worker parses: sizes in their headers that overflow when they are
 * multiplied, that nobody could allocate, or that promise more than there is (CVE-2026-3886). Each is
 * refused, and neither the session nor the worker suffers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "vaccel.h"

#define PICTURE_MAX 65536

static struct daemon host;
static struct vaccel_session sess;
static struct vaccel_resource model;

struct picture {
	uint8_t data[PICTURE_MAX];
	size_t size;
};

static void read_picture(struct picture *p, const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), EXAMPLES_DIR "/images/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	p->size = fread(p->data, 1, sizeof(p->data), f);
	assert_true(p->size && p->size < sizeof(p->data));
	fclose(f);
}

static int classify(const struct picture *p)
{
	unsigned char text[64] = "", name[64] = "";
	int ret = vaccel_image_classification(&sess, p->data, text, name, p->size, sizeof(text),
					      sizeof(name));

	assert_true((*text != '\0') == (ret == 0));
	return ret;
}

static void expect_unharmed(const char *name)
{
	struct picture p;

	read_picture(&p, name);
	assert_int_equal(classify(&p), 0);
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
}

static void put(uint8_t *to, unsigned int bytes, uint32_t value)
{
	while (bytes--) {
		to[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

/* The IHDR chunk of a PNG: type, width and height, five more bytes, and the CRC of it all */
static void set_png(struct picture *p, uint32_t width, uint32_t height)
{
	uint32_t crc = ~0u;

	put(p->data + 16, 4, width);
	put(p->data + 20, 4, height);
	for (size_t i = 12; i < 29; i++) {
		crc ^= p->data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	put(p->data + 29, 4, ~crc);
}

static void png_sizes(void **state)
{
	static const uint32_t sizes[][2] = {
		{ 0x7fffffff, 0x7fffffff }, { 65536, 65536 }, { 0x10000, 0x5556 }, { 46341, 46341 },
		{ 0x55555556, 1 }, { 1, 0x7fffffff }, { 0x80000000, 2 }, { 0, 0 }, { 4000, 4000 },
	};
	struct picture p;

	(void)state;
	read_picture(&p, "square.png");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		set_png(&p, sizes[i][0], sizes[i][1]);
		assert_int_equal(classify(&p), VACCEL_EINVAL);
	}
	expect_unharmed("square.png");
}

static void jpeg_sizes(void **state)
{
	static const uint16_t sizes[][2] = {
		{ 65535, 65535 }, { 65500, 65500 }, { 46341, 46341 }, { 1, 65535 }, { 0, 0 }, { 4000, 4000 },
	};
	struct picture p;
	size_t at = 2;

	(void)state;
	read_picture(&p, "circle.jpg");
	while (at + 9 < p.size && (p.data[at] != 0xff || p.data[at + 1] != 0xc0))
		at++;
	assert_true(at + 9 < p.size);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(p.data + at + 5, 2, sizes[i][0]);
		put(p.data + at + 7, 2, sizes[i][1]);
		assert_int_equal(classify(&p), VACCEL_EINVAL);
	}
	expect_unharmed("circle.jpg");
}

/* Every length that ends within the header, and some behind it */
static void cut_off(void **state)
{
	static const char *const names[] = { "square.png", "circle.jpg" };
	struct picture p;

	(void)state;
	for (int i = 0; i < 2; i++) {
		read_picture(&p, names[i]);
		for (size_t all = p.size, size = 1; size < all; size += 1 + size / 16) {
			p.size = size;
			assert_int_equal(classify(&p), VACCEL_EINVAL);
		}
		expect_unharmed(names[i]);
	}
}

static int start(void **state)
{
	struct vaccel_config config;

	(void)state;
	start_daemon(&host, ONNX_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config))
		return -1;
	vaccel_config_release(&config);
	if (vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE) ||
	    vaccel_resource_init(&model, EXAMPLES_DIR "/models/shapes", VACCEL_RESOURCE_MODEL))
		return -1;
	return vaccel_resource_register(&model, &sess);
}

static int stop(void **state)
{
	(void)state;
	vaccel_resource_release(&model);
	vaccel_session_release(&sess);
	vaccel_cleanup();
	return stop_daemon(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(png_sizes),
		cmocka_unit_test(jpeg_sizes),
		cmocka_unit_test(cut_off),
	};

	test_main_begin(300);
	return cmocka_run_group_tests(tests, start, stop);
}
