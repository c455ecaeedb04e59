// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "threads.h"
#include "tflite.h"

#define ENV_THREADS "VACCEL_TFLITE_THREADS"
/* More threads gain one call little; another call has more of them. */
#define USUAL_THREADS 4

struct pool {
	const char *name;
	const TfLiteModel *model;
	unsigned int threads; /* of an interpreter */
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct interpreter *idle;
	unsigned int nr, max;
};

void report_line(void *arg, const char *format, va_list args)
{
	struct report *report = arg;
	size_t i;

	vsnprintf(report->text, sizeof(report->text), format, args);
	for (i = 0; report->text[i]; i++)
		if ((unsigned char)report->text[i] < ' ' || report->text[i] == 0x7f)
			report->text[i] = ' ';
	while (i && report->text[i - 1] == ' ')
		report->text[--i] = '\0';
}

static void interpreter_delete(struct interpreter *interpreter)
{
	if (!interpreter)
		return;
	if (interpreter->tflite)
		lite.TfLiteInterpreterDelete(interpreter->tflite);
	free(interpreter);
}

static bool prepare(struct interpreter *interpreter)
{
	TfLiteInterpreterOptions *options = lite.TfLiteInterpreterOptionsCreate();

	if (!options)
		return false;
	lite.TfLiteInterpreterOptionsSetNumThreads(options, (int32_t)interpreter->pool->threads);
	lite.TfLiteInterpreterOptionsSetErrorReporter(options, report_line, &interpreter->report);
	interpreter->tflite = lite.TfLiteInterpreterCreate(interpreter->pool->model, options);
	lite.TfLiteInterpreterOptionsDelete(options);
	return interpreter->tflite &&
	       lite.TfLiteInterpreterAllocateTensors(interpreter->tflite) == kTfLiteOk;
}

static int interpreter_new(struct pool *pool, struct interpreter **out)
{
	struct interpreter *interpreter = calloc(1, sizeof(*interpreter));

	if (!interpreter)
		return VACCEL_ENOMEM;
	interpreter->pool = pool;
	if (!prepare(interpreter)) {
		engine_error("Could not load %s: %s", pool->name,
			     *interpreter->report.text ? interpreter->report.text :
							 "TensorFlow Lite does not say why");
		interpreter_delete(interpreter);
		return VACCEL_EINVAL;
	}
	*out = interpreter;
	return VACCEL_OK;
}

int pool_new(const char *name, const TfLiteModel *model, struct pool **out)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	int ret;

	if (!pool)
		return VACCEL_ENOMEM;
	pool->name = name;
	pool->model = model;
	pool->threads = threads_for(ENV_THREADS, USUAL_THREADS);
	pool->max = threads_processors() / pool->threads;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->freed, NULL);
	ret = interpreter_new(pool, &pool->idle);
	if (ret) {
		pool_delete(pool);
		return ret;
	}
	pool->nr = 1;
	*out = pool;
	return VACCEL_OK;
}

void pool_delete(struct pool *pool)
{
	struct interpreter *next;

	if (!pool)
		return;
	for (struct interpreter *i = pool->idle; i; i = next) {
		next = i->next;
		interpreter_delete(i);
	}
	pthread_cond_destroy(&pool->freed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

int pool_take(struct pool *pool, struct interpreter **out)
{
	int ret;

	pthread_mutex_lock(&pool->lock);
	while (!pool->idle && pool->nr >= pool->max)
		pthread_cond_wait(&pool->freed, &pool->lock);
	*out = pool->idle;
	if (*out)
		pool->idle = (*out)->next;
	else
		pool->nr++;
	pthread_mutex_unlock(&pool->lock);
	if (*out)
		return VACCEL_OK;

	ret = interpreter_new(pool, out);
	if (ret) {
		pthread_mutex_lock(&pool->lock);
		pool->nr--;
		pthread_cond_signal(&pool->freed);
		pthread_mutex_unlock(&pool->lock);
	}
	return ret;
}

void pool_put(struct interpreter *interpreter, bool failed)
{
	struct pool *pool = interpreter->pool;

	if (failed)
		interpreter_delete(interpreter);
	pthread_mutex_lock(&pool->lock);
	if (failed) {
		pool->nr--;
	} else {
		interpreter->next = pool->idle;
		pool->idle = interpreter;
	}
	pthread_cond_signal(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}
