/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of the inference examples, which is the same for each framework: picture, resource,
 * session, model, runs. What differs is in each program.
 */
#ifndef EXAMPLES_INFERENCE_H
#define EXAMPLES_INFERENCE_H

#include <stdbool.h>
#include <vaccel.h>

struct inference {
	const char *model_argument; /* what the second argument is called in the usage */
	bool channels_first;	    /* see load_picture() */
	/** Loads the model. Return: 0 or an error of vAccel. */
	int (*load)(struct vaccel_session *sess, struct vaccel_resource *model);
	/** Runs it once, and prints what it says. Return: 0 or an error, after a message. */
	int (*run)(struct vaccel_session *sess, struct vaccel_resource *model, float *picture,
		   const char *labels);
	/** Unloads it; NULL where the session's end does. */
	int (*unload)(struct vaccel_session *sess, struct vaccel_resource *model);
};

/** inference_main() - the program. Return: its exit status */
int inference_main(int argc, char **argv, const struct inference *how);

#endif
