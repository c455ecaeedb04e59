// SPDX-License-Identifier: Apache-2.0
/*
 * Answers of image operations, and the pictures that belong to them, from a plugin here and from the same one
 * behind vhost-user-accel: each byte is the same.
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

#define MODELS	    EXAMPLES_DIR "/models/scenes/"
#define IMAGE_MAX   (256u << 10)
#define ANSWER_SIZE 4096
#define PNG_SIZE    (512u << 10)

typedef int (*op_fn)(struct vaccel_session *, const void *, unsigned char *, size_t, size_t);

static struct daemon host;
static struct vaccel_session local, remote;

/* What came of a call. */
struct outcome {
	int ret;
	unsigned char answer[ANSWER_SIZE];
	uint8_t png[PNG_SIZE];
};

static struct outcome here, there;

static size_t read_image(const char *name, void *data)
{
	char path[256];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), EXAMPLES_DIR "/images/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	size = fread(data, 1, IMAGE_MAX, f);
	assert_true(size && size < IMAGE_MAX);
	fclose(f);
	return size;
}

static void call(struct vaccel_session *sess, op_fn op, const char *model_path, const char *image,
		 size_t len, struct outcome *o)
{
	static uint8_t bytes[IMAGE_MAX];
	size_t size = read_image(image, bytes);
	struct vaccel_resource model, data;

	memset(o, 0, sizeof(*o));
	assert_int_equal(vaccel_resource_init(&model, model_path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&model, sess), 0);
	assert_int_equal(vaccel_resource_init_from_buf(&data, o->png, sizeof(o->png), VACCEL_RESOURCE_DATA,
						       "out.png", true), 0);
	assert_int_equal(vaccel_resource_register(&data, sess), 0);
	o->ret = op(sess, bytes, o->answer, size, len);
	assert_int_equal(vaccel_resource_sync(&data, sess), 0);
	assert_int_equal(vaccel_resource_release(&data), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
}

/* Both sides say the same of a picture. */
static void compare(op_fn op, const char *model_path, const char *image, size_t len)
{
	call(&local, op, model_path, image, len, &here);
	call(&remote, op, model_path, image, len, &there);
	assert_int_equal(here.ret, there.ret);
	assert_memory_equal(here.answer, there.answer, sizeof(here.answer));
	assert_memory_equal(here.png, there.png, sizeof(here.png));
}

static void same(op_fn op, const char *model_path, const char *image, const char *part)
{
	compare(op, model_path, image, ANSWER_SIZE);
	assert_int_equal(here.ret, 0);
	assert_non_null(strstr((char *)here.answer, part));
	assert_non_null(strstr((char *)here.answer, "\"picture\":{\"format\":\"png\""));
	assert_memory_equal(there.png, "\x89PNG\r\n\x1a\n", 8);
}

static void answers(void **state)
{
	(void)state;
	same(vaccel_image_detection, MODELS "detect", "scene.jpg", "\"label\":\"triangle\"");
	same(vaccel_image_segmentation, MODELS "segment", "scene.jpg", "\"label\":\"background\"");
	same(vaccel_image_pose, MODELS "pose", "figure.jpg", "\"label\":\"left foot\"");
	same(vaccel_image_depth, MODELS "depth", "mist.jpg", "\"depth\":{\"min\":1.5");
}

/* Small buffers, other pictures, and models of other operations */
static void odd_calls(void **state)
{
	(void)state;
	for (size_t len = 1; len < 400; len += 37)
		compare(vaccel_image_detection, MODELS "detect", "scene.jpg", len);
	compare(vaccel_image_detection, MODELS "detect", "cross.png", ANSWER_SIZE);
	compare(vaccel_image_pose, MODELS "pose", "star.jpg", ANSWER_SIZE);
	compare(vaccel_image_segmentation, MODELS "depth", "example.jpg", ANSWER_SIZE);
	compare(vaccel_image_detection, MODELS "depth", "scene.jpg", ANSWER_SIZE);
	assert_int_equal(here.ret, VACCEL_EINVAL);
	assert_int_equal(here.png[0], 0);
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
}

static int start(void **state)
{
	struct vaccel_config config;

	(void)state;
	start_daemon(&host, ONNX_PLUGIN, NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	if (vaccel_config_init(&config, ONNX_PLUGIN ":" VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config))
		return -1;
	vaccel_config_release(&config);
	return vaccel_session_init(&local, VACCEL_PLUGIN_SOFTWARE) ||
	       vaccel_session_init(&remote, VACCEL_PLUGIN_REMOTE) || !remote.is_virtio || local.is_virtio;
}

static int stop(void **state)
{
	(void)state;
	vaccel_session_release(&local);
	vaccel_session_release(&remote);
	vaccel_cleanup();
	return stop_daemon(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(odd_calls),
	};

	test_main_begin(300);
	return cmocka_run_group_tests(tests, start, stop);
}
