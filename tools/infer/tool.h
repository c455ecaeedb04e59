/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of vaccel-infer. Functions returning int give 0 or an exit status of sysexits.h, after a message. */
#ifndef TOOLS_INFER_TOOL_H
#define TOOLS_INFER_TOOL_H

#include <stdbool.h>

#include "vaccel.h"

#define MAX_FILES VACCEL_INFER_MAX_TENSORS

/** An input or output, and its file. */
struct file {
	const char *name, *path;
};

struct options {
	const char *model, *plugin;
	bool metadata, list, json;
	unsigned long repeat; /* runs that are measured */
	size_t nr_inputs, nr_outputs;
	struct file inputs[MAX_FILES], outputs[MAX_FILES];
};

/** A model: its description, and what it was given and gave. */
struct inference {
	struct vaccel_session sess;
	struct vaccel_resource *model;
	struct vaccel_infer_model info;
	struct vaccel_infer_desc *descs; /* inputs, then outputs */
	struct vaccel_infer_tensor *in, *out;
	uint32_t nr_in, nr_out;
	double *us; /* of the options' repeat runs, in microseconds, sorted afterwards */
};

/** run_model() - reads the inputs, runs the model as often as wished, and writes the outputs */
int run_model(struct inference *i, const struct options *o);

/** release_model_run() - frees what run_model() has made */
void release_model_run(struct inference *i);

void print_list(const struct inference *i);
void print_metadata(const struct inference *i, bool json);
void print_results(const struct inference *i, const struct options *o);

#endif
