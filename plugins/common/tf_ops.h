/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of TensorFlow, for the plugins that have them. Models are those of held.h. */
#ifndef PLUGINS_COMMON_TF_OPS_H
#define PLUGINS_COMMON_TF_OPS_H

#include "vaccel.h"

/* Codes of TensorFlow's statuses */
enum tf_code {
	TF_CODE_OK = 0,
	TF_CODE_INVALID_ARGUMENT = 3,
	TF_CODE_NOT_FOUND = 5,
	TF_CODE_RESOURCE_EXHAUSTED = 8,
	TF_CODE_UNIMPLEMENTED = 12,
	TF_CODE_INTERNAL = 13,
};

/** A run, as a program asks for it, after a look at its arguments: nothing is missing, inputs are numbers. */
struct tf_run {
	const void *options; /* serialised RunOptions; options_size 0: none */
	size_t options_size;
	const struct vaccel_tf_node *in_nodes;
	struct vaccel_tf_tensor *const *in;
	int nr_in;
	const struct vaccel_tf_node *out_nodes;
	struct vaccel_tf_tensor **out; /* all NULL before; what a failed run has made is deleted */
	int nr_out;
};

/** tf_model_run() - the plugin's: runs a model that engine.load() gave */
int tf_model_run(void *model, const struct tf_run *run);

/**
 * tf_fail() - logs why a call fails, and has it in the status that the program gets
 *
 * To be called by the thread that runs the operation. Return: @ret.
 */
int tf_fail(int ret, enum tf_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** tf_element_size() - bytes of an element; 0: of no fixed size, or no numbers */
size_t tf_element_size(enum vaccel_tf_data_type type);

/** tf_make_output() - makes a tensor of a copy; one without dims gets [1] */
int tf_make_output(enum vaccel_tf_data_type type, const int64_t *dims, int nr_dims, const void *data,
		   size_t size, struct vaccel_tf_tensor **out);

/** tf_ops_register() - offers tf_model_load, tf_model_run and tf_model_unload */
int tf_ops_register(void);

#endif
