// SPDX-License-Identifier: Apache-2.0
#include "onnx_util.h"

#include <stdio.h>
#include <sys/stat.h>

struct vaccel_session sess;
struct capture c;
struct vaccel_resource res;
char text[64], name[64];
char dir[] = "/tmp/vaccel-unit-onnx-XXXXXX";

int onnx_start(void **state)
{
	(void)state;
	unsetenv("VACCEL_ONNX_MODEL");
	unsetenv("VACCEL_ONNX_LABELS");
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	capture_start(&c, STDERR_FILENO);
	lib_start(PLUGIN_ONNX, VACCEL_LOG_ERROR);
	capture_end(&c);
	assert_string_equal(c.text, ""); /* see plugins/common/quiet.h */
	return vaccel_session_init(&sess, 0);
}

int onnx_stop(void **state)
{
	char command[64];

	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

struct file read_path(const char *path)
{
	struct file f = {NULL, 0};
	struct stat st;
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	f.size = (size_t)st.st_size;
	f.data = malloc(f.size + 256); /* some tests append */
	assert_non_null(f.data);
	assert_int_equal(fread(f.data, 1, f.size, file), f.size);
	fclose(file);
	return f;
}

const char *write_file(const char *file_name, const void *data, size_t size)
{
	static char paths[2][128];
	static int next;
	char *path = paths[next++ % 2];
	FILE *file;

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, file_name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
	return path;
}

int classify(struct vaccel_session *with, const struct file *image)
{
	int ret;

	memset(text, 0, sizeof(text));
	memset(name, 0, sizeof(name));
	capture_start(&c, STDOUT_FILENO);
	ret = vaccel_image_classification(with, image->data, (unsigned char *)text,
					  (unsigned char *)name, image->size, sizeof(text),
					  sizeof(name));
	capture_end(&c);
	if (ret) {
		assert_int_equal(count(c.text, "<error>"), 1); /* one line says it all */
		assert_contains(c.text, "[onnx] ");
		assert_string_equal(text, "");
	}
	return ret;
}

int classify_path(const char *path)
{
	struct file f = read_path(path);
	int ret = classify(&sess, &f);

	free(f.data);
	return ret;
}

void use(const char *path)
{
	char url[256];

	snprintf(url, sizeof(url), "file://%s", path);
	assert_int_equal(vaccel_resource_init(&res, url, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &sess), 0);
}

void bad_model(const char *path, int code, const char *message)
{
	use(path);
	assert_int_equal(classify_path(IMAGES "star.jpg"), code);
	assert_contains(c.text, message);
	assert_int_equal(vaccel_resource_release(&res), 0);
}
