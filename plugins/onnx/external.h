/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_ONNX_EXTERNAL_H
#define PLUGINS_ONNX_EXTERNAL_H

#include <stddef.h>
#include <stdint.h>

#define EXTERNAL_MAX_FILES 64

enum external { EXTERNAL_NONE, EXTERNAL_FOUND, EXTERNAL_BAD_FILE, EXTERNAL_REFUSED };

/** The files that a model takes weights from. */
struct external_files {
	size_t nr;
	struct {
		char name[256]; /* as the model says it: anything but empty */
		uint64_t size;	/* that it must have at least */
	} files[EXTERNAL_MAX_FILES];
	size_t outputs;	     /* of the model; without EXTERNAL_BAD_FILE and _REFUSED */
	const char *problem; /* with EXTERNAL_REFUSED: to follow "weights in other files, " */
};

/**
 * external_data() - finds out which other files an ONNX file in memory takes weights from
 * @files: receives them with EXTERNAL_FOUND
 *
 * ONNX Runtime opens whatever path such a model names, /etc/shadow included: a guest's model must
 * not get that far. With EXTERNAL_FOUND it opens none if it is given the content of all of these
 * files, and reads none of them further than to its size here.
 *
 * EXTERNAL_BAD_FILE: not a file in ONNX's format, or with weights of another size than that of their shape. EXTERNAL_REFUSED: weights that cannot be had so.
 */
enum external external_data(const void *data, size_t size, struct external_files *files);

#endif
