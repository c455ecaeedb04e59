/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the tflite plugin. */
#ifndef PLUGINS_TFLITE_TFLITE_H
#define PLUGINS_TFLITE_TFLITE_H

#include "api.h"
#include "engine.h"

/** runtime_start() - finds TensorFlow Lite. VACCEL_ENOENT, VACCEL_ENOTSUP: see library.h. */
int runtime_start(void);

/* struct engine's members; see there. Models: model.c */
int model_load(const struct engine_source *source, void **model);
void model_unload(void *model);
int model_count(void *model, size_t *inputs, size_t *outputs);
int model_describe(void *model, bool output, size_t index, struct tensor *tensor);
int model_run(void *model, const struct tensor *inputs, size_t nr_inputs,
	      struct engine_outputs *outputs);
void model_release(struct engine_outputs *outputs);

/* ---- Interpreters (interpreter.c) ------------------------------------------------------------ */

#define REPORT_SIZE 256

/** What TensorFlow Lite said last, as one line. */
struct report {
	char text[REPORT_SIZE];
};

/** report_line() - a tflite_reporter for a struct report */
void report_line(void *report, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/** The functions of TensorFlow Lite, once runtime_start() has succeeded. */
extern struct tflite_api lite;

/**
 * An interpreter runs a model for one call at a time. Its tensors, and what XNNPACK makes of the weights,
 * are its own.
 */
struct interpreter {
	struct interpreter *next;
	struct pool *pool;
	TfLiteInterpreter *tflite;
	struct report report;
};

/** The interpreters of a model: as many as can have their threads on processors of their own. */
struct pool;

/**
 * pool_new() - makes a pool with one interpreter
 * @name:  of the model, for messages; lives as long as the pool, as the model does
 *
 * VACCEL_EINVAL: the model cannot be run, which was logged.
 */
int pool_new(const char *name, const TfLiteModel *model, struct pool **pool);
void pool_delete(struct pool *pool);

/** pool_take() - waits for a free interpreter. Pair with pool_put(). */
int pool_take(struct pool *pool, struct interpreter **interpreter);

/** pool_put() - gives it back; with @failed, it is not used again */
void pool_put(struct interpreter *interpreter, bool failed);

#endif
