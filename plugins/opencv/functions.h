/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCV, which is C++, for C. */
#ifndef PLUGINS_OPENCV_FUNCTIONS_H
#define PLUGINS_OPENCV_FUNCTIONS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MAX_SIDE   32767
#define MAX_PIXELS (64 << 20)

#define MAX_NUMBERS  4
#define MAX_PICTURES 2
#define WHY_SIZE     512

/** A picture: size bytes at data. */
struct picture {
	int32_t shape[4]; /* see enum vaccel_opencv_shape */
	void *data;
	size_t size;
};

/** A call of one of the functions. */
struct call {
	int function; /* enum vaccel_opencv_function */
	/* Its arguments, each kind in the order that vaccel/ops/opencv_functions.h gives */
	int32_t ints[MAX_NUMBERS];
	double floats[MAX_NUMBERS];
	const char *text;
	const double *matrix;
	const void *file;
	size_t file_size;
	struct picture in[MAX_PICTURES];
	/* What came of it; data belongs to owner. A file has a size only. */
	struct picture out;
	void *owner;
	char why[WHY_SIZE]; /* one line, when it failed */
};

/** functions_version() - OpenCV's */
const char *functions_version(void);

/** functions_start() - keeps OpenCV quiet, and starts the threads that it may have */
void functions_start(int threads);

/**
 * functions_run() - does what the call says
 *
 * No exception leaves this. Return: 0; a code of vAccel, with a reason in call->why. Threads: any.
 */
int functions_run(struct call *call);

/** functions_release() - frees what a successful call gave */
void functions_release(struct call *call);

/**
 * file_pixels() - how large the picture in a file is, before anything decodes it
 *
 * The bytes may be hostile. Return: 0; EINVAL: no JPEG, PNG or BMP file, or one that does not say.
 */
int file_pixels(const void *data, size_t size, uint32_t *rows, uint32_t *columns);

#ifdef __cplusplus
}
#endif

#endif
