/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the onnx plugin share: a session with it, files, and a picture's class. */
#pragma once

#include "plugin_util.h"

#define MODEL_DIR EXAMPLES_DIR "/models/shapes"
#define IMAGES	  EXAMPLES_DIR "/images/"

/* Around each test: the library with the plugin and one session; and a directory, which is removed. */
int onnx_start(void **state);
int onnx_stop(void **state);

extern struct vaccel_session sess;
/* The last model; not on the stack, as the library's end cleans up after a test that fails. */
extern struct vaccel_resource res;
extern char dir[];

struct file {
	uint8_t *data;
	size_t size;
};

/** read_path() - the bytes of a file, with room for 256 more; the caller frees them */
struct file read_path(const char *path);

/** write_file() - writes a file into the test's directory. Return: its path, valid until the next call but one */
const char *write_file(const char *file_name, const void *data, size_t size);

/* The answer to the last picture: its class, and the name of the model; and what was logged meanwhile */
extern char text[64], name[64];
extern struct capture c;

/** classify() - classifies a picture, and checks that an error is logged in one line */
int classify(struct vaccel_session *with, const struct file *image);
int classify_path(const char *path);

/** use() - registers the model at path, as res */
void use(const char *path);

/** bad_model() - fails to classify a good picture with the model at path */
void bad_model(const char *path, int code, const char *message);
