/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtorch, which is C++, for C. No exception leaves these functions: they return 0, or a code of vAccel and in
 * why one line that says what is wrong.
 */
#ifndef PLUGINS_TORCH_JIT_H
#define PLUGINS_TORCH_JIT_H

#include <stddef.h>
#include <stdint.h>

#include "engine.h"

#ifdef __cplusplus
extern "C" {
#endif

#define JIT_WHY_SIZE 512

struct jit_model;

/** jit_version() - libtorch's */
const char *jit_version(void);

/**
 * jit_start() - prepares libtorch; once in a process
 * @device:  "cpu", "cuda:0" and so on. ENODEV: it is not there.
 * @threads: that may compute at a time, where operations of a model do not depend on each other
 * @log:     gets what models print and libtorch warns of
 */
int jit_start(const char *device, int threads, void (*log)(const char *line), char *why);

/** jit_use_threads() - how many threads the calling one may have compute for it */
void jit_use_threads(int threads);

/** jit_load() - makes a model of a TorchScript file in memory, which is not needed afterwards. EINVAL: it is none. */
int jit_load(const void *data, size_t size, struct jit_model **model, char *why);
void jit_unload(struct jit_model *model);

/** jit_inputs() - how many tensors the model takes */
size_t jit_inputs(const struct jit_model *model);

/** jit_outputs() - how many tensors it gives; 0: it does not say */
size_t jit_outputs(const struct jit_model *model);

/**
 * jit_name() - the name of an input, which is that of forward()'s argument, or of an output
 *
 * A model has no names for its outputs; they are called as servers of such models do, OUTPUT__0 and so on.
 * Return: it lives as long as the model. NULL: there is no such input or output.
 */
const char *jit_name(const struct jit_model *model, bool output, size_t index);

/**
 * jit_run() - runs the model's forward(); any number of threads may, each for itself
 * @outputs: what it gave, to be freed with jit_release()
 *
 * EINVAL: the model does not take these inputs, or gives something else than tensors.
 */
int jit_run(struct jit_model *model, const struct tensor *inputs, size_t nr_inputs,
	    struct engine_outputs *outputs, char *why);
void jit_release(struct engine_outputs *outputs);

/** jit_product() - out = a * b + c, of m x k, k x n, m x n and m x n floats */
int jit_product(const float *const in[3], int64_t m, int64_t n, int64_t k, float *out, char *why);

#ifdef __cplusplus
}
#endif

#endif
