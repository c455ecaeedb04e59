// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts have memory that grows with the text, so there are few at once in a process, and others wait for one of
 * them. Those that are there take turns with the engine's threads: so there are not more of these than processors, each
 * text goes on, and what a text becomes does not depend on others.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "llama.h"
#include "threads.h"

#define ENV_THREADS    "VACCEL_LLAMA_THREADS"
#define ENV_PARALLEL   "VACCEL_LLAMA_PARALLEL"
#define USUAL_PARALLEL 4
#define MOST_PARALLEL  64
#define TURN_TOKENS    128 /* of a prompt */
#define CELLS	       256 /* llama.cpp has memory for multiples of that many tokens */
#define LOOK_MS	       50  /* how often who waits looks whether to go on with that */

/* ---- Queues ---------------------------------------------------------------------------------- */

/* Who waits, in order: the first goes on when there is room. */
struct waiter {
	struct waiter *next;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct waiter *first, **last;
	unsigned int used;
};

#define QUEUE_INIT(name) \
	{.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER, .last = &(name).first}

static struct queue turns = QUEUE_INIT(turns);
static struct queue places = QUEUE_INIT(places);

static void remove_waiter(struct queue *queue, struct waiter *waiter)
{
	struct waiter **link = &queue->first;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	if (!waiter->next)
		queue->last = link;
	pthread_cond_broadcast(&queue->moved);
}

static void wait_a_little(struct queue *queue)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&queue->moved, &queue->lock, &until);
}

/* Return: whether there is a place, which stop() can keep from it */
static bool enter(struct queue *queue, unsigned int most, const struct context *context)
{
	struct waiter self = {NULL};
	bool stopped;

	pthread_mutex_lock(&queue->lock);
	*queue->last = &self;
	queue->last = &self.next;
	while (!(stopped = context->stop && context->stop(context->arg)) &&
	       (queue->first != &self || queue->used >= most))
		wait_a_little(queue);
	remove_waiter(queue, &self);
	if (!stopped)
		queue->used++;
	pthread_mutex_unlock(&queue->lock);
	return !stopped;
}

static void leave(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->used--;
	pthread_cond_broadcast(&queue->moved);
	pthread_mutex_unlock(&queue->lock);
}

static unsigned int most_places(void)
{
	const char *text = getenv(ENV_PARALLEL);
	char *end;
	long value;

	if (!text || !*text)
		return USUAL_PARALLEL;
	value = strtol(text, &end, 10);
	if (!*end && value >= 1 && value <= MOST_PARALLEL)
		return (unsigned int)value;
	engine_warn(ENV_PARALLEL "=%s is not a number of texts from 1 to %d; there will be %d at once", text,
		    MOST_PARALLEL, USUAL_PARALLEL);
	return USUAL_PARALLEL;
}

/* ---- Threads --------------------------------------------------------------------------------- */

/* Those of this process; a child of fork() has not its parent's. In one's turn. NULL: the caller's alone */
static struct ggml_threadpool *find_threads(unsigned int nr)
{
	static struct ggml_threadpool *threads;
	static pid_t process;
	struct ggml_threadpool_params params;

	if (nr < 2 || process == getpid())
		return threads;
	params = llama.ggml_threadpool_params_default((int)nr);
	threads = llama.ggml_threadpool_new(&params);
	process = getpid();
	return threads;
}

/* ---- Contexts -------------------------------------------------------------------------------- */

static void make(const struct model *model, uint32_t tokens, bool embed, struct context *context)
{
	struct llama_context_params params = llama.llama_context_default_params();
	unsigned int threads = threads_for(ENV_THREADS, threads_processors());
	struct ggml_threadpool *pool;

	params.n_ctx = (tokens + CELLS - 1) / CELLS * CELLS;
	context->batch = embed || tokens < TURN_TOKENS ? tokens : TURN_TOKENS;
	params.n_batch = params.n_ubatch = context->batch;
	params.n_outputs_max = embed ? 0 : 1;
	params.n_threads = params.n_threads_batch = (int32_t)threads;
	params.pooling_type = embed ? params.pooling_type : LLAMA_POOLING_NONE;
	params.embeddings = embed;
	params.abort_callback = context->stop;
	params.abort_callback_data = context->arg;
	runtime_forget_why();
	context->llama = llama.llama_init_from_model(model->llama, params);
	if (context->llama && embed && llama.llama_pooling_type(context->llama) == LLAMA_POOLING_NONE) {
		llama.llama_free(context->llama);
		params.pooling_type = LLAMA_POOLING_MEAN;
		context->llama = llama.llama_init_from_model(model->llama, params);
	}
	pool = context->llama ? find_threads(threads) : NULL;
	if (pool)
		llama.llama_attach_threadpool(context->llama, pool, pool);
}

int context_open(const struct model *model, uint32_t tokens, bool embed, struct context *context)
{
	bool turn;

	context->llama = NULL;
	if (!enter(&places, most_places(), context))
		return ECANCELED;
	turn = enter(&turns, 1, context);
	if (turn) {
		make(model, tokens, embed, context);
		leave(&turns);
	}
	if (context->llama)
		return VACCEL_OK;
	leave(&places);
	if (!turn)
		return ECANCELED;
	engine_error("There is no context of %" PRIu32 " tokens for %s: %s", tokens, model->name, runtime_why());
	return VACCEL_ENOMEM;
}

void context_close(struct context *context)
{
	if (!context->llama)
		return;
	llama.llama_free(context->llama);
	context->llama = NULL;
	leave(&places);
}

static int take_turn(struct context *context, llama_token *tokens, uint32_t nr)
{
	int ret;

	if (!enter(&turns, 1, context))
		return ECANCELED;
	runtime_forget_why();
	ret = llama.llama_decode(context->llama, llama.llama_batch_get_one(tokens, (int32_t)nr));
	leave(&turns);
	if (!ret)
		return VACCEL_OK;
	if (ret == LLAMA_DECODE_ABORTED)
		return ECANCELED;
	engine_error("llama.cpp could not go on (%d): %s", ret, runtime_why());
	return VACCEL_EBACKEND;
}

int context_add(struct context *context, llama_token *tokens, uint32_t nr)
{
	int ret = VACCEL_OK;

	for (uint32_t done = 0, part; !ret && done < nr; done += part) {
		part = nr - done < context->batch ? nr - done : context->batch;
		ret = take_turn(context, tokens + done, part);
	}
	return ret;
}
