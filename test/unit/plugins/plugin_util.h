/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of ops through the public library and a plugin, with arguments made from the table. */
#pragma once

#include "util.h"

#include "ops/vop.h"

/** lib_start() - starts the library with a ':'-separated list of plugins and a log level */
void lib_start(const char *plugins, vaccel_log_level_t level);
void lib_stop(void);

/* The same for a group of tests, with warnings and no plugin. Return: 0 */
int start_without_plugins(void **state);
int stop_library(void **state);

/** op_call() - the public call of an op, with desc->nr_params values */
int op_call(uint16_t code, struct vaccel_session *sess, const union vop_val *vals);

#define SAMPLE_COUNT 4 /* elements of each buffer, rows and columns of each matrix */

/** Good arguments for an op. */
struct sample {
	const struct vop_desc *desc;
	struct vaccel_session *sess;
	union vop_val vals[VOP_MAX_PARAMS];
	struct vaccel_resource res; /* registered, where the op takes one */
	bool has_res;
	void *blocks[64]; /* freed with the sample */
	unsigned int nr_blocks;
	struct vaccel_tf_status status;
};

void sample_init(struct sample *s, const struct vop_desc *desc, struct vaccel_session *sess);
void sample_release(struct sample *s);

/** sample_block() - zeroed memory that lives as long as the sample */
void *sample_block(struct sample *s, size_t size);

/** The arguments of vaccel_genop for a sample; each points into the sample's values. */
struct generic {
	uint8_t code;
	struct vaccel_arg read[24], write[24];
	int nr_read, nr_write;
	int32_t i32[24];
};

void generic_init(struct generic *g, struct sample *s);
