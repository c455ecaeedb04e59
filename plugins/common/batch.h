/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of several sessions that come at about the same time, and want the same of one model, run as one: the rows
 * of one behind those of the other. The operator turns it on with VACCEL_BATCH_US. Threads: any.
 *
 * Joined are calls for a model whose inputs and outputs all have a first dimension that may be of any size (one that
 * does not say what it has is taken for such), and whose inputs are alike in all but that. A run that fails, or does
 * not give as many rows as it was given, counts for nothing: each of its calls is run alone then. So an error is of
 * the call that it belongs to.
 */
#ifndef PLUGINS_COMMON_BATCH_H
#define PLUGINS_COMMON_BATCH_H

#include "engine.h"

/** What a call gets. All zero: nothing. */
struct batch_result {
	struct engine_outputs outputs;
	struct batch *batch; /* private: that the outputs are parts of, or NULL */
};

/** batch_start() - reads what the operator wants from the environment; a value that is none is warned of */
void batch_start(void);

/**
 * batch_run() - as engine.run(), perhaps together with other calls
 * @sessions: that have the model loaded: nobody waits for more calls than those
 * @result:   pair with batch_release(), after which inputs may go
 *
 * Waits VACCEL_BATCH_US microseconds at most for others, and as long as a run takes.
 */
int batch_run(void *model, unsigned int sessions, const struct tensor *inputs, size_t nr_inputs,
	      struct batch_result *result);
void batch_release(struct batch_result *result);

#endif
