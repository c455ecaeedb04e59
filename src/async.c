// SPDX-License-Identifier: Apache-2.0
/*
 * Queues of asynchronous calls.
 *
 * A call is made by a plugin without a thread of its own (struct vaccel_async_ops), or run by a
 * thread of the pool. When it has arrived it is only put on the queue's list: outputs and result
 * are made by the thread that takes it, or that ends its session.
 *
 * Of the threads that wait on a queue one, the leader, looks for arrivals: it lets the plugins
 * spin, and then sleeps on their descriptors and wake_fd. The others sleep on a condition.
 *
 * Locks: all_lock, then a queue's. Plugins are called with neither, and may hold locks of their own
 * when they call arrived().
 */
#include "async.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "list.h"
#include "op.h"
#include "process.h"
#include "trace.h"
#include "transport/fd.h"
#include "vaccel.h"

#define MAX_PLUGINS 8

enum state {
	FREE,
	FLYING,
	ARRIVED,   /* on the list of the ended; finish must be called */
	FINISHING, /* a thread makes its result */
	FINISHED,  /* on the list of the ended */
};

struct call {
	struct vaccel_async_call plugin_call;
	struct async_job job; /* without a plugin that does it */
	struct vaccel_async *queue;
	struct vaccel_list_entry entry; /* free, or submitted in this order */
	struct vaccel_list_entry ended;
	enum state state;
	unsigned int here; /* atomic: ARRIVED or FINISHED */
	const struct vaccel_async_ops *ops;
	void *handle;
	struct vaccel_session *sess;
	vaccel_op_type_t op;
	union vop_val vals[VOP_MAX_PARAMS];
	struct op_prof prof;
	uint64_t trace_start; /* 0: not measured */
	void *user;
	int result;
};

struct vaccel_async {
	struct vaccel_async *next; /* of all queues */
	unsigned int users;	   /* threads that end a session; under all_lock */
	unsigned int generation;   /* of the process that made it */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* for those who wait while another leads */
	unsigned int followers;
	bool led;
	bool asleep;	    /* the leader is, or is about to be */
	unsigned int ready; /* atomic: length of the list of the ended */
	unsigned int count; /* submitted and not taken */
	struct vaccel_list_entry submitted, ended, free;
	int wake_fd;	/* eventfd: wakes the leader */
	int sources_fd; /* epoll set: descriptors of plugins */
	int ready_fd;	/* eventfd: readable while the list of the ended is not empty; or -1 */
	int user_fd;	/* epoll set: ready_fd and sources_fd; or -1 */
	bool signalled; /* ready_fd is readable */
	const struct vaccel_async_ops *sources[MAX_PLUGINS];
	struct call calls[];
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER; /* the list, users, plugins */
static pthread_cond_t no_users = PTHREAD_COND_INITIALIZER;
static struct vaccel_async *all;
static struct {
	struct vaccel_plugin *plugin;
	const struct vaccel_async_ops *ops;
} plugins[MAX_PLUGINS];

_Thread_local struct vaccel_async *async_target;
static _Thread_local void *async_user;

/* ---- fork ----------------------------------------------------------------------------------- */

void async_before_fork(void)
{
	pthread_mutex_lock(&all_lock);
}

/* The child has neither the threads nor the connections; locks of queues may be held for ever. */
void async_after_fork(bool child)
{
	if (child) {
		all = NULL;
		async_pool_forget();
	}
	pthread_mutex_unlock(&all_lock);
}

static bool is_inherited(const struct vaccel_async *q)
{
	return q->generation != process_generation;
}

/* A queue can be used in the process that made it. ENODEV, logged: this one was forked from it. */
static int check_process(const struct vaccel_async *q)
{
	if (!is_inherited(q))
		return VACCEL_OK;
	vaccel_error("A queue of asynchronous calls is of the parent process, and of no use after "
		     "fork(): make another one in the child with vaccel_async_new()");
	return VACCEL_ENODEV;
}

/* ---- Plugins -------------------------------------------------------------------------------- */

int vaccel_plugin_register_async(struct vaccel_plugin *plugin, const struct vaccel_async_ops *ops)
{
	int ret = VACCEL_EUSERS;

	if (!plugin || !ops || !ops->submit || !ops->finish || !ops->spin || !ops->arm ||
	    !ops->disarm || !ops->watch)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&all_lock);
	for (int i = 0; i < MAX_PLUGINS && ret; i++) {
		if (plugins[i].plugin && plugins[i].plugin != plugin)
			continue;
		plugins[i].plugin = plugin;
		plugins[i].ops = ops;
		ret = VACCEL_OK;
	}
	pthread_mutex_unlock(&all_lock);
	return ret;
}

static const struct vaccel_async_ops *find_ops(const struct vaccel_plugin *plugin)
{
	const struct vaccel_async_ops *ops = NULL;

	pthread_mutex_lock(&all_lock);
	for (int i = 0; i < MAX_PLUGINS; i++)
		if (plugins[i].plugin == plugin)
			ops = plugins[i].ops;
	pthread_mutex_unlock(&all_lock);
	return ops;
}

/* Read without the lock by leaders, which are few: a plugin that ends has no calls. */
static const struct vaccel_async_ops *source(const struct vaccel_async *q, int i)
{
	return __atomic_load_n(&q->sources[i], __ATOMIC_ACQUIRE);
}

static void set_source(struct vaccel_async *q, int i, const struct vaccel_async_ops *ops)
{
	__atomic_store_n(&q->sources[i], ops, __ATOMIC_RELEASE);
}

void async_forget_plugin(struct vaccel_plugin *plugin)
{
	pthread_mutex_lock(&all_lock);
	for (int i = 0; i < MAX_PLUGINS; i++) {
		if (plugins[i].plugin != plugin)
			continue;
		/* Its descriptors leave the sets when it closes them. */
		for (struct vaccel_async *q = all; q; q = q->next) {
			pthread_mutex_lock(&q->lock);
			for (int k = 0; k < MAX_PLUGINS; k++)
				if (q->sources[k] == plugins[i].ops)
					set_source(q, k, NULL);
			pthread_mutex_unlock(&q->lock);
		}
		plugins[i].plugin = NULL;
		plugins[i].ops = NULL;
	}
	pthread_mutex_unlock(&all_lock);
}

/* Has the queue's leader look at the plugin's descriptors, too. */
static int add_source(struct vaccel_async *q, const struct vaccel_async_ops *ops)
{
	int ret = VACCEL_EUSERS, place = -1;

	for (int i = 0; i < MAX_PLUGINS; i++)
		if (source(q, i) == ops)
			return VACCEL_OK;
	pthread_mutex_lock(&q->lock);
	for (int i = 0; i < MAX_PLUGINS; i++) {
		if (source(q, i) == ops)
			ret = VACCEL_OK;
		else if (!source(q, i))
			place = i;
	}
	if (ret && place >= 0) {
		ret = ops->watch(q->sources_fd);
		if (!ret)
			set_source(q, place, ops);
	}
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- Queues --------------------------------------------------------------------------------- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void free_queue(struct vaccel_async *q)
{
	close_fd(q->user_fd);
	close_fd(q->ready_fd);
	close_fd(q->sources_fd);
	close_fd(q->wake_fd);
	free(q);
}

int vaccel_async_new(struct vaccel_async **queue, unsigned int max_calls)
{
	pthread_condattr_t attr;
	struct vaccel_async *q;

	if (!queue || !max_calls || max_calls > VACCEL_ASYNC_MAX_CALLS)
		return VACCEL_EINVAL;
	q = calloc(1, sizeof(*q) + max_calls * sizeof(q->calls[0]));
	if (!q)
		return VACCEL_ENOMEM;
	q->ready_fd = -1;
	q->user_fd = -1;
	q->wake_fd = fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	q->sources_fd = fd_above_stdio(epoll_create1(EPOLL_CLOEXEC));
	if (q->wake_fd < 0 || q->sources_fd < 0) {
		free_queue(q);
		return VACCEL_EUSERS;
	}
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &attr);
	pthread_condattr_destroy(&attr);
	list_init(&q->submitted);
	list_init(&q->ended);
	list_init(&q->free);
	for (unsigned int i = 0; i < max_calls; i++) {
		q->calls[i].queue = q;
		list_init(&q->calls[i].ended);
		list_add_tail(&q->free, &q->calls[i].entry);
	}
	pthread_mutex_lock(&all_lock);
	q->generation = process_generation;
	q->next = all;
	all = q;
	pthread_mutex_unlock(&all_lock);
	*queue = q;
	return VACCEL_OK;
}

/* Puts a call on the list of the ended; the queue's lock is held. */
static void add_ended(struct call *c, enum state state)
{
	struct vaccel_async *q = c->queue;

	c->state = state;
	list_add_tail(&q->ended, &c->ended);
	__atomic_store_n(&c->here, 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&q->ready, 1, __ATOMIC_RELEASE);
	if (q->asleep)
		(void)eventfd_write(q->wake_fd, 1);
	if (q->ready_fd >= 0 && !q->signalled) {
		q->signalled = true;
		(void)eventfd_write(q->ready_fd, 1);
	}
	if (q->followers)
		pthread_cond_broadcast(&q->changed);
}

/* Takes a call off the list of the ended; the queue's lock is held. */
static void remove_ended(struct call *c)
{
	struct vaccel_async *q = c->queue;
	eventfd_t count;

	list_unlink(&c->ended);
	__atomic_store_n(&c->here, 0, __ATOMIC_RELEASE);
	if (__atomic_sub_fetch(&q->ready, 1, __ATOMIC_RELEASE) == 0 && q->signalled) {
		q->signalled = false;
		(void)eventfd_read(q->ready_fd, &count);
	}
}

/* A call is no more; the queue's lock is held. Those who wait for one may have waited for it. */
static void free_call(struct call *c)
{
	struct vaccel_async *q = c->queue;

	c->state = FREE;
	list_unlink(&c->entry);
	list_add_tail(&q->free, &c->entry);
	q->count--;
	if (q->followers)
		pthread_cond_broadcast(&q->changed);
	if (q->asleep)
		(void)eventfd_write(q->wake_fd, 1);
}

static void arrived(struct vaccel_async_call *plugin_call)
{
	struct call *c = (struct call *)plugin_call;
	struct vaccel_async *q = c->queue;

	pthread_mutex_lock(&q->lock);
	add_ended(c, ARRIVED);
	pthread_mutex_unlock(&q->lock);
}

/* ---- Submitting ----------------------------------------------------------------------------- */

int vaccel_async_begin(struct vaccel_async *queue, void *user)
{
	async_target = queue;
	async_user = user;
	return queue ? VACCEL_OK : VACCEL_EINVAL;
}

int vaccel_async_end(int result)
{
	if (result == VACCEL_OK && async_target) {
		vaccel_error("Cannot submit: what was called is not an operation");
		result = VACCEL_EINVAL;
	}
	async_target = NULL;
	return result;
}

static void run_job(struct async_job *job)
{
	struct call *c = list_container(job, struct call, job);
	int result = op_call(c->sess, c->op, c->vals);
	struct vaccel_async *q = c->queue;

	pthread_mutex_lock(&q->lock);
	c->result = result;
	add_ended(c, FINISHED);
	pthread_mutex_unlock(&q->lock);
}

static int start(struct call *c)
{
	struct vaccel_async *q = c->queue;
	int ret;

	if (!c->ops) {
		c->job.run = run_job;
		return async_pool_submit(&c->job);
	}
	ret = add_source(q, c->ops);
	if (ret)
		return ret;
	c->plugin_call.arrived = arrived;
	op_prof_start_op(&c->prof, c->sess, c->op);
	c->trace_start = trace_start();
	return c->ops->submit(&c->plugin_call, c->sess, c->op,
			      (const union vaccel_async_value *)c->vals,
			      __atomic_load_n(&q->user_fd, __ATOMIC_RELAXED) >= 0, &c->handle);
}

int async_submit(struct vaccel_session *sess, vaccel_op_type_t op, const union vop_val *vals,
		 int result)
{
	struct vaccel_async *q = async_target;
	const struct vaccel_async_ops *ops;
	struct call *c;
	int ret;

	_Static_assert(sizeof(union vop_val) == sizeof(union vaccel_async_value), "the same");
	async_target = NULL;
	if (result)
		return result;
	if (check_process(q))
		return VACCEL_ENODEV;
	ops = sess->is_virtio ? find_ops(sess->plugin) : NULL;
	pthread_mutex_lock(&q->lock);
	if (list_empty(&q->free)) {
		pthread_mutex_unlock(&q->lock);
		return VACCEL_EAGAIN;
	}
	c = list_container(q->free.next, struct call, entry);
	list_unlink(&c->entry);
	c->state = FLYING;
	c->sess = sess;
	c->op = op;
	c->user = async_user;
	c->ops = ops;
	for (unsigned int i = 0; i < vop_find((uint16_t)op)->nr_params; i++)
		c->vals[i] = vals[i];
	list_add_tail(&q->submitted, &c->entry);
	q->count++;
	pthread_mutex_unlock(&q->lock);

	ret = start(c);
	if (ret) {
		pthread_mutex_lock(&q->lock);
		free_call(c);
		pthread_mutex_unlock(&q->lock);
	}
	return ret;
}

/* ---- Waiting -------------------------------------------------------------------------------- */

/* What a thread waits for */
struct goal {
	bool (*reached)(struct vaccel_async *q, const struct goal *goal);
	struct call *call;
	const void *user;
	struct vaccel_session *sess;
	const unsigned int *stop; /* not 0 once it may be reached; for spinning */
	bool forever;
	struct timespec until;
};

static const unsigned int never;

static struct goal goal_until(int timeout_ms)
{
	struct goal g = { .stop = &never, .forever = timeout_ms < 0 };

	clock_gettime(CLOCK_MONOTONIC, &g.until);
	if (timeout_ms > 0) {
		g.until.tv_sec += timeout_ms / 1000;
		g.until.tv_nsec += timeout_ms % 1000 * 1000000L;
		if (g.until.tv_nsec >= 1000000000L) {
			g.until.tv_nsec -= 1000000000L;
			g.until.tv_sec++;
		}
	}
	return g;
}

/* Milliseconds until the end, rounded up; -1: there is none */
static int time_left(const struct goal *g)
{
	struct timespec now;
	int64_t ns;

	if (g->forever)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)(g->until.tv_sec - now.tv_sec) * 1000000000 +
	     (g->until.tv_nsec - now.tv_nsec);
	if (ns <= 0)
		return 0;
	ns = (ns + 999999) / 1000000;
	return ns > INT_MAX ? INT_MAX : (int)ns;
}

/* The leader lets the plugins look for what has arrived. The queue's lock is not held. */
static void spin(struct vaccel_async *q, const unsigned int *stop, bool wait)
{
	for (int i = 0; i < MAX_PLUGINS; i++) {
		const struct vaccel_async_ops *ops = source(q, i);

		if (ops)
			ops->spin(stop, wait);
	}
}

/* The leader sleeps until something arrives. Called and returns with the queue's lock. */
static void sleep_for_arrival(struct vaccel_async *q, const struct goal *g)
{
	const struct vaccel_async_ops *armed[MAX_PLUGINS];
	struct pollfd fds[] = {
		{ .fd = q->wake_fd, .events = POLLIN },
		{ .fd = q->sources_fd, .events = POLLIN },
	};
	eventfd_t count;

	for (int i = 0; i < MAX_PLUGINS; i++)
		armed[i] = source(q, i);
	q->asleep = true;
	pthread_mutex_unlock(&q->lock);
	for (int i = 0; i < MAX_PLUGINS; i++)
		if (armed[i])
			armed[i]->arm();
	/* What arrived until now has made wake_fd readable. */
	if (poll(fds, 2, time_left(g)) > 0 && fds[0].revents)
		(void)eventfd_read(q->wake_fd, &count);
	for (int i = 0; i < MAX_PLUGINS; i++)
		if (armed[i])
			armed[i]->disarm();
	if (fds[1].revents)
		spin(q, g->stop, false);
	pthread_mutex_lock(&q->lock);
	q->asleep = false;
}

/* Called and returns with the queue's lock. Return: whether the goal was reached in time. */
static bool wait_for(struct vaccel_async *q, const struct goal *g)
{
	bool spun = false;

	while (!g->reached(q, g)) {
		int left = time_left(g);

		if (q->led) {
			if (!left)
				return false;
			q->followers++;
			if (g->forever)
				pthread_cond_wait(&q->changed, &q->lock);
			else
				(void)pthread_cond_timedwait(&q->changed, &q->lock, &g->until);
			q->followers--;
			continue;
		}
		if (spun && !left)
			return false;
		q->led = true;
		if (!spun) {
			pthread_mutex_unlock(&q->lock);
			spin(q, g->stop, left != 0);
			pthread_mutex_lock(&q->lock);
			spun = true;
		} else {
			sleep_for_arrival(q, g);
		}
		q->led = false;
		/* Another one leads when this one does not go on. */
		if (q->followers)
			pthread_cond_broadcast(&q->changed);
	}
	return true;
}

/* Makes outputs and result of a call that has ended. Called and returns with the lock. */
static void finish(struct call *c)
{
	struct vaccel_async *q = c->queue;
	int result;

	remove_ended(c);
	if (c->state == ARRIVED) {
		c->state = FINISHING;
		pthread_mutex_unlock(&q->lock);
		result = c->ops->finish(c->handle);
		op_prof_stop(&c->prof);
		if (c->trace_start)
			trace_op(c->op, c->trace_start, trace_end(c->trace_start, true), result,
				 (uintptr_t)&c->plugin_call);
		pthread_mutex_lock(&q->lock);
		c->result = result;
	}
	c->state = FINISHING;
}

static bool one_is_here(struct vaccel_async *q, const struct goal *g)
{
	(void)g;
	return !list_empty(&q->ended) || !q->count;
}

int vaccel_async_wait(struct vaccel_async *q, int timeout_ms, struct vaccel_async_done *done)
{
	struct goal g;
	struct call *c;
	int ret = VACCEL_OK;

	if (!q || !done || timeout_ms < -1)
		return VACCEL_EINVAL;
	if (check_process(q))
		return VACCEL_ENODEV;
	pthread_mutex_lock(&q->lock);
	if (list_empty(&q->ended) && q->count) {
		g = goal_until(timeout_ms);
		g.reached = one_is_here;
		g.stop = &q->ready;
		if (!wait_for(q, &g))
			ret = VACCEL_EAGAIN;
	}
	if (!ret && list_empty(&q->ended))
		ret = VACCEL_ENOENT;
	if (!ret) {
		c = list_container(q->ended.next, struct call, ended);
		finish(c);
		done->user = c->user;
		done->result = c->result;
		free_call(c);
	}
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* Another thread may have taken the call, and its place may be another call's by now. */
static bool it_is_here(struct vaccel_async *q, const struct goal *g)
{
	(void)q;
	return g->call->state != FLYING || g->call->user != g->user;
}

static struct call *find_user(struct vaccel_async *q, const void *user)
{
	list_for_each(c, &q->submitted, struct call, entry)
		if (c->user == user && c->state != FINISHING)
			return c;
	return NULL;
}

int vaccel_async_wait_for(struct vaccel_async *q, void *user, int timeout_ms, int *result)
{
	struct goal g;
	struct call *c;
	int ret = VACCEL_OK;

	if (!q || !result || timeout_ms < -1)
		return VACCEL_EINVAL;
	if (check_process(q))
		return VACCEL_ENODEV;
	g = goal_until(timeout_ms);
	g.reached = it_is_here;
	pthread_mutex_lock(&q->lock);
	while ((c = find_user(q, user)) && c->state == FLYING && !ret) {
		g.call = c;
		g.user = user;
		g.stop = &c->here;
		if (!wait_for(q, &g))
			ret = VACCEL_EAGAIN;
	}
	if (!ret && !c)
		ret = VACCEL_ENOENT;
	if (!ret) {
		finish(c);
		*result = c->result;
		free_call(c);
	}
	pthread_mutex_unlock(&q->lock);
	return ret;
}

unsigned int vaccel_async_count(struct vaccel_async *q)
{
	unsigned int count;

	if (!q || is_inherited(q))
		return 0;
	pthread_mutex_lock(&q->lock);
	count = q->count;
	pthread_mutex_unlock(&q->lock);
	return count;
}

int vaccel_async_fd(struct vaccel_async *q, int *fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ret = VACCEL_OK;

	if (!q || !fd)
		return VACCEL_EINVAL;
	if (check_process(q))
		return VACCEL_ENODEV;
	pthread_mutex_lock(&q->lock);
	if (q->user_fd < 0 && q->count) {
		/* Nobody would be notified of those. */
		ret = VACCEL_EBUSY;
	} else if (q->user_fd < 0) {
		int ready_fd = fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		int user_fd = fd_above_stdio(epoll_create1(EPOLL_CLOEXEC));

		if (ready_fd < 0 || user_fd < 0 ||
		    epoll_ctl(user_fd, EPOLL_CTL_ADD, ready_fd, &event) ||
		    epoll_ctl(user_fd, EPOLL_CTL_ADD, q->sources_fd, &event)) {
			close_fd(ready_fd);
			close_fd(user_fd);
			ret = VACCEL_EUSERS;
		} else {
			q->ready_fd = ready_fd;
			__atomic_store_n(&q->user_fd, user_fd, __ATOMIC_RELAXED);
		}
	}
	*fd = q->user_fd;
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- The end -------------------------------------------------------------------------------- */

static bool is_of(const struct call *c, const struct vaccel_session *sess)
{
	return !sess || c->sess == sess;
}

static bool none_flies(struct vaccel_async *q, const struct goal *g)
{
	list_for_each(c, &q->submitted, struct call, entry)
		if ((c->state == FLYING || c->state == FINISHING) && is_of(c, g->sess))
			return false;
	return true;
}

static struct call *find_arrived(struct vaccel_async *q, const struct vaccel_session *sess)
{
	list_for_each(c, &q->ended, struct call, ended)
		if (c->state == ARRIVED && is_of(c, sess))
			return c;
	return NULL;
}

/* Waits for the calls of a session, or all, and makes their results; the queue's lock is held. */
static void settle(struct vaccel_async *q, struct vaccel_session *sess)
{
	struct goal g = goal_until(-1);
	struct call *c;

	g.reached = none_flies;
	g.sess = sess;
	(void)wait_for(q, &g);
	while ((c = find_arrived(q, sess))) {
		finish(c);
		add_ended(c, FINISHED);
	}
}

/* The first queue that has something to settle; all_lock is held. */
static struct vaccel_async *find_unsettled(struct vaccel_session *sess)
{
	const struct goal g = { .sess = sess };
	bool settled;

	for (struct vaccel_async *q = all; q; q = q->next) {
		pthread_mutex_lock(&q->lock);
		settled = none_flies(q, &g) && !find_arrived(q, sess);
		pthread_mutex_unlock(&q->lock);
		if (!settled)
			return q;
	}
	return NULL;
}

void async_session_ends(struct vaccel_session *sess)
{
	struct vaccel_async *q;

	pthread_mutex_lock(&all_lock);
	while ((q = find_unsettled(sess))) {
		q->users++;
		pthread_mutex_unlock(&all_lock);
		pthread_mutex_lock(&q->lock);
		settle(q, sess);
		pthread_mutex_unlock(&q->lock);
		pthread_mutex_lock(&all_lock);
		if (!--q->users)
			pthread_cond_broadcast(&no_users);
	}
	pthread_mutex_unlock(&all_lock);
}

int vaccel_async_delete(struct vaccel_async *q)
{
	if (!q)
		return VACCEL_EINVAL;
	if (is_inherited(q)) {
		free_queue(q);
		return VACCEL_OK;
	}
	pthread_mutex_lock(&q->lock);
	settle(q, NULL);
	pthread_mutex_unlock(&q->lock);
	pthread_mutex_lock(&all_lock);
	for (struct vaccel_async **link = &all; *link; link = &(*link)->next) {
		if (*link == q) {
			*link = q->next;
			break;
		}
	}
	while (q->users)
		pthread_cond_wait(&no_users, &all_lock);
	pthread_mutex_unlock(&all_lock);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->changed);
	free_queue(q);
	return VACCEL_OK;
}
