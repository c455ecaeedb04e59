// SPDX-License-Identifier: Apache-2.0
/*
 * Generations are counted: 1 for the table, 1 for its thread, 1 per call. Locks: the table's, then a
 * generation's; neither is held while an engine works.
 */
#include "text_gen.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text_filter.h"
#include "text_queue.h"
#include "transport/clock.h"

#define STACK_SIZE (1024 * 1024)

#define text_error(gen, format, ...) vaccel_error("[%s] " format, (gen)->engine->name, ##__VA_ARGS__)
#define text_warn(gen, format, ...)  vaccel_warn("[%s] " format, (gen)->engine->name, ##__VA_ARGS__)

unsigned int text_patience_ms = VACCEL_TEXT_MAX_UNREAD_S * 1000;

struct text_gen {
	struct text_gen *next;
	vaccel_id_t session, model;
	uint64_t id;
	unsigned int users;
	size_t prompt_bytes; /* 0 once the engine has ended */
	const struct text_engine *engine;
	struct vaccel_text_params params;
	struct vaccel_text_message *messages; /* with the texts behind the array */
	uint32_t nr_messages;
	/* Of its thread only */
	struct text_filter filter;
	vaccel_text_finished_t why;
	/* Of all */
	atomic_bool cancelled;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void *job; /* NULL: the engine has ended */
	struct text_queue queue;
	struct vaccel_text_status status; /* finished also while there is something to read */
	uint64_t read_ns;		  /* when somebody has read */
};

/* ---- The table ------------------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a thread */
	struct text_gen *list;
	unsigned int nr_running; /* threads */
	uint64_t last_id;
	bool has_ended; /* a thread that nobody has joined yet */
	pthread_t last_ended;
	pid_t process; /* a child of fork() has not its parent's threads */
} table = { .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };

static void table_lock(void)
{
	pthread_mutex_lock(&table.lock);
	if (table.process == getpid())
		return;
	table.process = getpid();
	table.list = NULL;
	table.nr_running = 0;
	table.has_ended = false;
}

static void table_unlock(void)
{
	pthread_mutex_unlock(&table.lock);
}

static void put(struct text_gen *gen)
{
	bool last;

	table_lock();
	last = --gen->users == 0;
	table_unlock();
	if (!last)
		return;
	text_queue_release(&gen->queue);
	pthread_cond_destroy(&gen->changed);
	pthread_mutex_destroy(&gen->lock);
	free(gen->messages);
	free(gen);
}

/* Pair with put(). NULL, logged: the session has none of this id. */
static struct text_gen *get(const struct vaccel_session *sess, uint64_t id)
{
	struct text_gen *gen;

	table_lock();
	for (gen = table.list; gen && (gen->id != id || gen->session != sess->id); gen = gen->next)
		;
	if (gen)
		gen->users++;
	table_unlock();
	if (!gen)
		vaccel_error("Session %" PRId64 " has no generation %" PRIu64
			     ": it has ended, or was begun in another session", sess->id, id);
	return gen;
}

/* Takes a generation out of the table, with the table's count. */
static bool take_out(struct text_gen *gen)
{
	struct text_gen **link;

	table_lock();
	for (link = &table.list; *link && *link != gen; link = &(*link)->next)
		;
	if (*link)
		*link = gen->next;
	else
		gen = NULL;
	table_unlock();
	return gen;
}

/* ---- States ---------------------------------------------------------------------------------- */

/* The lock is held. Whatever comes first counts. */
static void finish(struct text_gen *gen, vaccel_text_finished_t why, int code)
{
	if (!gen->status.finished) {
		gen->status.finished = why;
		gen->status.code = (uint32_t)code;
	}
	pthread_cond_broadcast(&gen->changed);
}

/* The lock is held. */
static void cancel(struct text_gen *gen)
{
	if (!atomic_exchange(&gen->cancelled, true) && gen->job && gen->engine->wake)
		gen->engine->wake(gen->job);
	finish(gen, VACCEL_TEXT_FINISHED_CANCELLED, 0);
}

/* Waits for a change, with the lock held. Return: false: it is past the time, in ns of CLOCK_MONOTONIC. */
static bool wait_until(struct text_gen *gen, uint64_t ns)
{
	const struct timespec at = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

	return now_ns() < ns && pthread_cond_timedwait(&gen->changed, &gen->lock, &at) == 0;
}

/* ---- The engine's side ----------------------------------------------------------------------- */

const struct vaccel_text_params *text_params(const struct text_gen *gen)
{
	return &gen->params;
}

const struct vaccel_text_message *text_messages(const struct text_gen *gen, uint32_t *nr)
{
	*nr = gen->nr_messages;
	return gen->messages;
}

bool text_cancelled(const struct text_gen *gen)
{
	return atomic_load_explicit(&gen->cancelled, memory_order_relaxed);
}

void text_count(struct text_gen *gen, uint64_t prompt_tokens, uint64_t tokens)
{
	pthread_mutex_lock(&gen->lock);
	gen->status.prompt_tokens = prompt_tokens;
	if (tokens)
		gen->status.tokens = tokens;
	pthread_mutex_unlock(&gen->lock);
}

void text_finish(struct text_gen *gen, vaccel_text_finished_t why)
{
	gen->why = why;
}

/* Where nobody reads for long, nobody will. The lock is held. */
static void wait_for_reader(struct text_gen *gen)
{
	uint64_t patience = (uint64_t)text_patience_ms * 1000000u;

	if (wait_until(gen, gen->read_ns + patience) || now_ns() < gen->read_ns + patience)
		return;
	text_warn(gen, "Nobody has read generation %" PRIu64 " of session %" PRId64
		  " for %u s, and %d bytes are unread: it is cancelled", gen->id, gen->session,
		  text_patience_ms / 1000, VACCEL_TEXT_MAX_UNREAD);
	cancel(gen);
}

/* Gives text to the reader. The lock is held. */
static void push(struct text_gen *gen, const char *text, size_t len)
{
	while (len && !gen->status.finished) {
		long n = text_queue_add(&gen->queue, text, len);

		if (n < 0) {
			text_error(gen, "There is no memory for the text of session %" PRId64, gen->session);
			finish(gen, VACCEL_TEXT_FINISHED_ERROR, VACCEL_ENOMEM);
			return;
		}
		if (!n) {
			wait_for_reader(gen);
			continue;
		}
		text += n;
		len -= (size_t)n;
		pthread_cond_broadcast(&gen->changed);
	}
}

int text_put(struct text_gen *gen, const void *bytes, size_t len, uint64_t tokens)
{
	const char *at = bytes;
	char out[TEXT_FILTER_OUT];
	bool is_enough;

	pthread_mutex_lock(&gen->lock);
	if (!gen->status.finished)
		gen->status.tokens += tokens;
	while (len && !gen->status.finished && !gen->filter.found) {
		size_t n = len < TEXT_FILTER_IN ? len : TEXT_FILTER_IN;

		push(gen, out, text_filter_put(&gen->filter, at, n, out));
		at += n;
		len -= n;
	}
	if (gen->filter.found) {
		finish(gen, VACCEL_TEXT_FINISHED_STOP, 0);
	} else if (gen->status.tokens >= gen->params.max_tokens) {
		push(gen, out, text_filter_end(&gen->filter, out));
		finish(gen, VACCEL_TEXT_FINISHED_LENGTH, 0);
	}
	is_enough = gen->status.finished;
	pthread_mutex_unlock(&gen->lock);
	return is_enough ? VACCEL_EAGAIN : VACCEL_OK;
}

/* The engine has no more to say. */
static void end_text(struct text_gen *gen, int ret)
{
	char out[TEXT_FILTER_OUT];
	void *job = gen->job;

	pthread_mutex_lock(&gen->lock);
	push(gen, out, text_filter_end(&gen->filter, out));
	if (ret)
		finish(gen, VACCEL_TEXT_FINISHED_ERROR, ret);
	else
		finish(gen, gen->why ? gen->why : VACCEL_TEXT_FINISHED_STOP, 0);
	gen->job = NULL;
	pthread_mutex_unlock(&gen->lock);
	gen->engine->release(job);

	table_lock();
	gen->prompt_bytes = 0;
	table_unlock();
	free(gen->messages);
	gen->messages = NULL;
}

/* A thread joins the one that has ended before it, so that all but the last are gone for good. */
static void leave(void)
{
	pthread_t before;
	bool has_before;

	table_lock();
	before = table.last_ended;
	has_before = table.has_ended;
	table.last_ended = pthread_self();
	table.has_ended = true;
	table.nr_running--;
	pthread_cond_broadcast(&table.ended);
	table_unlock();
	if (has_before)
		pthread_join(before, NULL);
}

static void *run(void *arg)
{
	struct text_gen *gen = arg;

	end_text(gen, text_cancelled(gen) ? VACCEL_OK : gen->engine->generate(gen->job, gen));
	put(gen);
	leave();
	return NULL;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *copy_text(char **to, const char *text)
{
	const char *copy = text ? *to : NULL;

	if (text)
		*to = stpcpy(*to, text) + 1;
	return copy;
}

static bool copy_messages(struct text_gen *gen, const struct vaccel_text_message *messages, uint32_t nr)
{
	size_t bytes = nr * sizeof(*messages);
	char *to;

	for (uint32_t i = 0; i < nr; i++)
		gen->prompt_bytes += text_size(messages[i].role) + text_size(messages[i].content);
	gen->messages = malloc(bytes + gen->prompt_bytes);
	if (!gen->messages)
		return false;
	to = (char *)gen->messages + bytes;
	for (uint32_t i = 0; i < nr; i++) {
		gen->messages[i].role = copy_text(&to, messages[i].role);
		gen->messages[i].content = copy_text(&to, messages[i].content);
	}
	gen->nr_messages = nr;
	return true;
}

static struct text_gen *new_gen(const struct text_engine *engine, void *job,
				const struct vaccel_text_params *params)
{
	struct text_gen *gen = calloc(1, sizeof(*gen));
	pthread_condattr_t attr;

	if (!gen)
		return NULL;
	gen->engine = engine;
	gen->job = job;
	if (params)
		gen->params = *params;
	if (!gen->params.max_tokens)
		gen->params.max_tokens = VACCEL_TEXT_DEFAULT_TOKENS;
	gen->filter.stop = gen->params.stop;
	gen->read_ns = now_ns();
	pthread_mutex_init(&gen->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&gen->changed, &attr);
	pthread_condattr_destroy(&attr);
	return gen;
}

/* Whether there may be one more. The table's lock is held. */
static int check_bounds(const struct text_gen *gen)
{
	unsigned int nr = 0;
	size_t bytes = gen->prompt_bytes;

	for (const struct text_gen *g = table.list; g; g = g->next) {
		if (g->session != gen->session)
			continue;
		nr++;
		bytes += g->prompt_bytes;
	}
	if (nr >= VACCEL_TEXT_MAX_GENERATIONS) {
		text_error(gen, "Session %" PRId64 " has %u generations, which is as many as it may: call text_end "
			   "for those that are not needed", gen->session, nr);
		return VACCEL_EUSERS;
	}
	if (bytes > VACCEL_TEXT_SESSION_PROMPTS) {
		text_error(gen, "The prompts of the generations of session %" PRId64 " are more than %d bytes "
			   "together: wait for some, or call text_end for them", gen->session,
			   VACCEL_TEXT_SESSION_PROMPTS);
		return VACCEL_EUSERS;
	}
	if (table.nr_running >= TEXT_MAX_RUNNING) {
		text_error(gen, "%u generations of all sessions run, which is as many as may: wait for one, or call "
			   "text_end for it", table.nr_running);
		return VACCEL_EUSERS;
	}
	return VACCEL_OK;
}

/* The table's lock is held, so the thread waits for it before it ends. */
static int start_thread(struct text_gen *gen)
{
	pthread_attr_t attr;
	pthread_t thread;
	int failed;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	failed = pthread_create(&thread, &attr, run, gen);
	pthread_attr_destroy(&attr);
	if (!failed)
		return VACCEL_OK;
	text_error(gen, "Could not start a thread for a generation: %s", strerror(failed));
	return VACCEL_ENOMEM;
}

static int add(struct text_gen *gen, uint64_t *id)
{
	int ret;

	table_lock();
	ret = check_bounds(gen);
	if (!ret) {
		gen->users = 2;
		gen->id = ++table.last_id;
		*id = gen->id;
		ret = start_thread(gen);
	}
	if (!ret) {
		table.nr_running++;
		gen->next = table.list;
		table.list = gen;
	} else {
		gen->users = 1;
	}
	table_unlock();
	return ret;
}

int text_begin(const struct text_engine *engine, void *job, struct vaccel_session *sess,
	       struct vaccel_resource *model, const struct vaccel_text_params *params,
	       const struct vaccel_text_message *messages, uint32_t nr_messages, uint64_t *id)
{
	struct text_gen *gen = new_gen(engine, job, params);
	int ret;

	if (!gen) {
		engine->release(job);
		return VACCEL_ENOMEM;
	}
	gen->session = sess->id;
	gen->model = model->id;
	gen->users = 1;
	ret = copy_messages(gen, messages, nr_messages) ? add(gen, id) : VACCEL_ENOMEM;
	if (ret) {
		engine->release(job);
		put(gen);
	}
	return ret;
}

/* ---- The reader's side ----------------------------------------------------------------------- */

int text_next(struct vaccel_session *sess, uint64_t id, char *buf, size_t room, uint32_t wait_ms,
	      struct vaccel_text_status *status)
{
	struct text_gen *gen = get(sess, id);
	uint64_t until;

	if (!gen)
		return VACCEL_EINVAL;
	if (wait_ms > VACCEL_TEXT_MAX_WAIT_MS)
		wait_ms = VACCEL_TEXT_MAX_WAIT_MS;
	until = now_ns() + wait_ms * UINT64_C(1000000);
	pthread_mutex_lock(&gen->lock);
	gen->read_ns = now_ns();
	while (!gen->queue.len && !gen->status.finished && wait_until(gen, until))
		;
	*status = gen->status;
	status->len = text_queue_take(&gen->queue, buf, room);
	if (gen->queue.len) {
		status->finished = VACCEL_TEXT_FINISHED_NONE;
		status->code = 0;
	}
	gen->read_ns = now_ns();
	if (status->len)
		pthread_cond_broadcast(&gen->changed);
	pthread_mutex_unlock(&gen->lock);
	put(gen);
	return VACCEL_OK;
}

/* Ends one that was in the table, with the table's count. */
static void end(struct text_gen *gen)
{
	pthread_mutex_lock(&gen->lock);
	cancel(gen);
	pthread_mutex_unlock(&gen->lock);
	put(gen);
}

int text_end(struct vaccel_session *sess, uint64_t id)
{
	struct text_gen *gen = get(sess, id);

	if (!gen)
		return VACCEL_EINVAL;
	/* Else another thread was faster. */
	if (take_out(gen))
		end(gen);
	put(gen);
	return VACCEL_OK;
}

/* Takes out all, or those of a session and a model, as a list. */
static struct text_gen *take_all(const struct vaccel_session *sess, const struct vaccel_resource *model)
{
	struct text_gen *taken = NULL, **link, *gen;

	table_lock();
	for (link = &table.list; (gen = *link);) {
		if (sess && (gen->session != sess->id || gen->model != model->id)) {
			link = &gen->next;
			continue;
		}
		*link = gen->next;
		gen->next = taken;
		taken = gen;
	}
	table_unlock();
	return taken;
}

static void end_list(struct text_gen *list)
{
	struct text_gen *next;

	for (; list; list = next) {
		next = list->next;
		end(list);
	}
}

void text_forget(const struct vaccel_session *sess, const struct vaccel_resource *model)
{
	end_list(take_all(sess, model));
}

void text_clear(void)
{
	pthread_t last;
	bool has_last;

	end_list(take_all(NULL, NULL));
	table_lock();
	while (table.nr_running)
		pthread_cond_wait(&table.ended, &table.lock);
	last = table.last_ended;
	has_last = table.has_ended;
	table.has_ended = false;
	table_unlock();
	if (has_last)
		pthread_join(last, NULL);
}

int text_embedding(const float *values, uint64_t nr, float *out, size_t room, uint64_t *out_nr)
{
	*out_nr = nr;
	if (!out)
		return VACCEL_OK;
	if (room < nr)
		return VACCEL_ERANGE;
	if (nr)
		memcpy(out, values, nr * sizeof(*values));
	return VACCEL_OK;
}
