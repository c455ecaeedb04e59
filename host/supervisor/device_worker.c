// SPDX-License-Identifier: Apache-2.0
#include "device_worker.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "device_counters.h"
#include "eventfd.h"
#include "guard.h"
#include "log.h"
#include "log_outlet.h"
#include "log_relay.h"
#include "recover.h"
#include "transport/clock.h"

/* The first worker may load large plugins; nobody waits for it but the operator. */
#define FIRST_START_MS 60000
#define FIRST_STARTS   10
#define QUIT_MS 3000
/* Without a worker for this long, requests are answered here. */
#define STAND_IN_AFTER_MS 1000
#define STAND_IN_TICK_MS 20
/* How often operations are looked at that may take too long: ten times within the limit */
#define MAX_CHECK_MS 1000
/* When to ask the hub again that cannot be asked */
#define ASK_AGAIN_MS 10
/* How long a worker is not started since others have left too much */
#define MAX_CLEAN_MS 30000
/* Of CONTROL_ANSWER_MS, the part that what came before a message may have used up */
#define MAX_SPENT_MS (CONTROL_ANSWER_MS * 8 / 10)

/* ---- Requests of a dead worker -------------------------------------------------------------- */

struct recovery {
	struct device *dev;
	struct device_queue *q;
	uint32_t status;
	unsigned int nr; /* out */
};

static int recover(void *arg)
{
	struct recovery *r = arg;

	r->nr = inflight_recover(&r->q->vq, &r->dev->mem, r->status);
	return 0;
}

/* Completes what is in flight in a queue that no worker serves. Return: number of requests. */
static unsigned int recover_queue(struct device *dev, struct device_queue *q)
{
	struct recovery r = { dev, q, VIRTIO_ACCEL_S_SESS, 0 };

	if (guard_call(recover, &r))
		log_error("the front end has truncated the guest's memory");
	/* Perhaps the worker died between completing and signalling. */
	eventfd_signal(q->call);
	return r.nr;
}

void device_worker_recover_queue(struct device *dev, unsigned int index)
{
	unsigned int nr = recover_queue(dev, &dev->queues[index]);

	if (nr)
		log_error("queue %u: %u request%s of the last vhost-user-accel %s lost", index, nr,
			  nr == 1 ? "" : "s", nr == 1 ? "is" : "are");
}

/* ---- What dead workers leave ---------------------------------------------------------------- */

/* It counts as the VM's until it is removed: what the guest may have is less by that much. */
static void count_leftovers(struct device *dev)
{
	uint64_t files = 0, bytes = 0;

	for (unsigned int i = 0; i < dev->nr_leftovers; i++) {
		files += dev->leftovers[i].files;
		bytes += dev->leftovers[i].bytes;
	}
	atomic_store(&dev->area->counts.left[POLICY_max_files], files);
	atomic_store(&dev->area->counts.left[POLICY_max_resource_bytes], bytes);
}

/* What the dead worker had of what the rule limits; it may have written any number there. */
static uint64_t had(const struct device *dev, enum policy_rule rule, uint64_t nr)
{
	uint64_t max = policy_number(&dev->opts.setup.policy, rule);

	return nr < max ? nr : max;
}

static void forget_used(struct device *dev)
{
	for (int rule = 0; rule < POLICY_NR_RULES; rule++)
		atomic_store(&dev->area->counts.used[rule], 0);
	atomic_store(&dev->area->counts.file_bytes, 0);
}

/* Has the dead worker's files removed. */
static void clean_up(struct device *dev)
{
	struct child *w = &dev->worker;

	/* Of one that is shared the hub removes it. */
	if (!w->nr) {
		forget_used(dev);
		return;
	}
	if (cleaner_remove(dev->opts.cleaner, w->nr, w->rundir) == 0 &&
	    dev->nr_leftovers < CLEANER_MAX_PENDING)
		dev->leftovers[dev->nr_leftovers++] = (struct device_leftover){
			.files = had(dev, POLICY_max_files,
				     quota_used(&dev->quota, POLICY_max_files)),
			.bytes = had(dev, POLICY_max_resource_bytes,
				     atomic_load(&dev->area->counts.file_bytes)),
		};
	forget_used(dev);
	w->nr = 0;
	dev->leftover_since_ms = now_ms();
	count_leftovers(dev);
}

static void take_in_leftovers(struct device *dev)
{
	unsigned int nr = cleaner_done(dev->opts.cleaner);

	if (nr > dev->nr_leftovers || dev->opts.cleaner->sock < 0)
		nr = dev->nr_leftovers;
	if (!nr)
		return;
	dev->nr_leftovers -= nr;
	memmove(dev->leftovers, dev->leftovers + nr,
		dev->nr_leftovers * sizeof(dev->leftovers[0]));
	count_leftovers(dev);
}

/* Whether so much is still to be removed that no worker should start and leave more. */
static bool has_too_much_left(const struct device *dev, uint64_t now)
{
	return dev->nr_leftovers == CLEANER_MAX_PENDING && now - dev->leftover_since_ms < MAX_CLEAN_MS;
}

/* ---- Start ---------------------------------------------------------------------------------- */

static bool is_shared(const struct device *dev)
{
	return dev->opts.hub >= 0;
}

static int start_worker(struct device *dev)
{
	struct control_setup *setup = &dev->opts.setup;
	struct control_msg msg = { .type = CONTROL_SETUP };
	int fds[CONTROL_MAX_FDS] = { dev->area_fd };
	unsigned int nr = 1;

	setup->generation = ++dev->area->generation;
	dev->area_untold = false;
	dev->untold_limits = 0;
	setup->has_keeper = dev->opts.keeper >= 0;
	setup->has_model_dir = dev->opts.model_dir >= 0;
	if (setup->has_keeper)
		fds[nr++] = dev->opts.keeper;
	if (setup->has_model_dir)
		fds[nr++] = dev->opts.model_dir;
	setup->has_counters = dev->opts.counters >= 0;
	if (setup->has_counters)
		fds[nr++] = dev->opts.counters;
	msg.setup = *setup;
	if (is_shared(dev))
		return child_join(&dev->worker, dev->opts.hub, &msg, fds, nr);
	return child_start(&dev->worker, dev->opts.forker, &msg, fds, nr);
}

static const char *start_hint(const struct device *dev, const char *how)
{
	if (is_shared(dev))
		return "the lines of the worker that is shared say more";
	return restarts_hint(&dev->opts.setup.policy, how);
}

/*
 * Kills the worker, if it is not dead, and gets the device ready for the next one. @why: what we
 * hold against it, NULL when it died by itself.
 */
static void lose_worker(struct device *dev, const char *why)
{
	bool was_ready = dev->restarts.ready_ms;
	char how[96], before[64];
	unsigned int nr = 0;
	int delay;

	child_kill(&dev->worker, how, sizeof(how));
	/* Its last words come first. */
	log_relay_finish();
	clean_up(dev);
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		if (dev->queues[i].running)
			nr += recover_queue(dev, &dev->queues[i]);

	delay = restarts_lost(&dev->restarts, before, sizeof(before));
	if (!dev->away_ms)
		dev->away_ms = now_ms();
	if (delay < 0)
		return;
	if (was_ready)
		log_error("the worker is gone (%s%s%s); %u request%s and all sessions are lost, "
			  "restart in %d ms%s",
			  how, why ? ": " : "", why ? why : "", nr, nr == 1 ? "" : "s", delay,
			  before);
	else
		log_error("the worker cannot start again (%s): %s; next try in %d ms%s", how,
			  why ? why : start_hint(dev, how), delay, before);
}

/* On a slow machine what starts workers may miss its time; then the next one has taken its place. */
static int start_first_worker(struct device *dev)
{
	int ret = start_worker(dev);

	for (int i = 1; ret == -EAGAIN && i < FIRST_STARTS; i++)
		ret = start_worker(dev);
	return ret;
}

int device_worker_init(struct device *dev)
{
	int ret;

	dev->area = inflight_area_create(&dev->area_fd);
	if (!dev->area) {
		log_error("cannot make shared memory: %s", strerror(errno));
		return EX_OSERR;
	}
	quota_init(&dev->quota, &dev->opts.setup.policy, &dev->area->counts);
	if (dev->opts.counters >= 0) {
		dev->counters = counters_map(dev->opts.counters, sizeof(*dev->counters), true);
		if (!dev->counters) {
			log_error("cannot map the counters: %s", strerror(errno));
			return EX_OSERR;
		}
	}
	ret = start_first_worker(dev);
	if (ret) {
		log_error("cannot start the worker: %s", strerror(-ret));
		return EX_OSERR;
	}
	return 0;
}

int device_worker_await_first(struct device *dev, int abort_fd)
{
	struct pollfd fds[] = {
		{ .fd = dev->worker.sock, .events = POLLIN },
		{ .fd = abort_fd, .events = POLLIN },
		{ .events = POLLIN },
	};
	uint64_t now = now_ms(), end = now + FIRST_START_MS;
	int ret = -ETIMEDOUT;
	char how[96];

	for (; ret == -ETIMEDOUT && now < end && !fds[1].revents; now = now_ms()) {
		int timeout = (int)(end - now);

		log_outlet_tick(&timeout);
		fds[2].fd = log_relay_fd(&timeout);
		poll(fds, 3, timeout);
		log_relay_read();
		if (fds[0].revents)
			ret = child_read(&dev->worker, 0);
		/* It is shared, and has said who it is. */
		if (!ret && !dev->worker.ready)
			ret = -ETIMEDOUT;
	}
	if (fds[1].revents)
		return 0;
	if (!ret) {
		restarts_ready(&dev->restarts);
		log_info("worker %d is ready", (int)dev->worker.pid);
		return 0;
	}
	child_kill(&dev->worker, how, sizeof(how));
	log_relay_finish();
	clean_up(dev);
	log_error("the worker cannot start (%s): %s",
		  ret == -ETIMEDOUT ? "not ready within 60 s" : how, start_hint(dev, how));
	return EX_UNAVAILABLE;
}

void device_worker_exit(struct device *dev)
{
	char how[96];

	if (dev->worker.shared) {
		child_leave(&dev->worker);
	} else if (dev->worker.pid) {
		child_quit(&dev->worker, QUIT_MS, how, sizeof(how));
		log_relay_finish();
		log_info("worker: %s", how);
		clean_up(dev);
	}
	if (dev->area) {
		inflight_area_unmap(dev->area);
		close(dev->area_fd);
		dev->area = NULL;
	}
}

/* ---- Hand-over ------------------------------------------------------------------------------ */

/* Return: the worker's answer; -EPIPE when it gave none, and is to be killed. */
static int ask(struct device *dev, struct control_msg *msg, const int *fds, unsigned int nr_fds)
{
	uint64_t now = now_ms();
	int left = CONTROL_ANSWER_MS;

	if (dev->deadline_ms)
		left = now < dev->deadline_ms ? (int)(dev->deadline_ms - now) : 0;
	return child_ask(&dev->worker, msg, fds, nr_fds, left);
}

static int tell_area(struct device *dev)
{
	struct control_msg msg = {
		.type = CONTROL_AREA,
		.reset.generation = ++dev->area->generation,
	};

	dev->area_untold = false;
	return ask(dev, &msg, &dev->area_fd, 1);
}

static int tell_region(struct device *dev, const struct memory_region *r)
{
	struct control_msg msg = {
		.type = CONTROL_MEM_ADD,
		.mem = { r->gpa, r->size, r->uaddr, r->offset },
	};

	return ask(dev, &msg, &r->fd, 1);
}

static int tell_queue(struct device *dev, unsigned int index)
{
	struct device_queue *q = &dev->queues[index];
	struct control_msg msg = {
		.type = CONTROL_VQ_START,
		.queue = { .index = index, .config = q->config },
	};
	int fds[CONTROL_MAX_FDS];
	unsigned int nr = 0;

	msg.queue.config.base = q->vq.last_avail;
	msg.queue.has_kick = q->kick >= 0;
	msg.queue.has_call = q->call >= 0;
	if (q->kick >= 0)
		fds[nr++] = q->kick;
	if (q->call >= 0)
		fds[nr++] = q->call;
	return ask(dev, &msg, fds, nr);
}

/* Tells a new worker all that the front end has said. */
static int tell_all(struct device *dev)
{
	int ret;

	if (dev->area_untold) {
		ret = tell_area(dev);
		if (ret)
			return ret;
	}
	for (unsigned int i = 0; i < dev->mem.nr_regions; i++) {
		ret = tell_region(dev, &dev->mem.regions[i]);
		if (ret)
			return ret;
	}
	for (unsigned int i = 0; i < dev->opts.num_queues; i++) {
		if (!dev->queues[i].running)
			continue;
		ret = tell_queue(dev, i);
		if (ret)
			return ret;
	}
	return 0;
}

int device_worker_start_queue(struct device *dev, unsigned int index)
{
	int ret;

	if (!dev->worker.ready)
		return 0;
	ret = tell_queue(dev, index);
	if (ret == -EPIPE) {
		lose_worker(dev, "a queue could not be started");
		return 0;
	}
	if (ret) {
		log_error("queue %u: the worker cannot serve it: %s", index, strerror(-ret));
		dev->queues[index].running = false;
	}
	return ret;
}

void device_worker_stop_queue(struct device *dev, unsigned int index)
{
	struct control_msg msg = { .type = CONTROL_VQ_STOP, .queue = { .index = index } };
	int ret;

	if (dev->worker.ready) {
		ret = ask(dev, &msg, NULL, 0);
		/* What still runs could write to memory that the guest now uses otherwise. */
		if (ret) {
			lose_worker(dev, ret == -EBUSY ? "a queue was stopped under an operation" :
							 "a queue could not be stopped");
			return;
		}
	}
	recover_queue(dev, &dev->queues[index]);
}

int device_worker_set_call(struct device *dev, unsigned int index)
{
	struct device_queue *q = &dev->queues[index];
	struct control_msg msg = {
		.type = CONTROL_VQ_CALL,
		.queue = { .index = index, .has_call = q->call >= 0 },
	};

	if (!q->running || !dev->worker.ready)
		return 0;
	if (ask(dev, &msg, &q->call, q->call >= 0))
		lose_worker(dev, "a call descriptor could not be replaced");
	return 0;
}

int device_worker_add_region(struct device *dev, const struct memory_region *r)
{
	int ret;

	if (!dev->worker.ready)
		return 0;
	ret = tell_region(dev, r);
	if (ret == -EPIPE) {
		lose_worker(dev, "memory could not be added");
		return 0;
	}
	if (ret)
		log_error("the worker cannot map memory: %s", strerror(-ret));
	return ret;
}

void device_worker_remove_region(struct device *dev, const struct control_mem *region)
{
	struct control_msg msg = { .type = CONTROL_MEM_REMOVE, .mem = *region };
	int ret;

	if (!dev->worker.ready)
		return;
	ret = ask(dev, &msg, NULL, 0);
	if (ret && ret != -ENOENT)
		lose_worker(dev, "memory could not be removed");
}

void device_worker_set_area(struct device *dev)
{
	dev->requests_at_reset = DEVICE_COUNT(dev, requests);
	count_leftovers(dev);
	if (!dev->worker.ready) {
		dev->area_untold = true;
		forget_used(dev);
	} else if (tell_area(dev)) {
		lose_worker(dev, "its shared memory could not be replaced");
	}
}

void device_worker_reset(struct device *dev)
{
	struct control_msg msg = { .type = CONTROL_RESET };
	uint64_t requests;

	/* A worker that is not ready yet has no sessions, and neither has one without requests. */
	if (!dev->worker.ready)
		return;
	requests = DEVICE_COUNT(dev, requests);
	if (requests == dev->requests_at_reset)
		return;
	dev->requests_at_reset = requests;
	msg.reset.generation = ++dev->area->generation;
	if (ask(dev, &msg, NULL, 0))
		lose_worker(dev, "sessions could not be freed");
}

bool device_worker_leave(struct device *dev)
{
	if (!is_shared(dev))
		return false;
	child_leave(&dev->worker);
	dev->has_left = true;
	return true;
}

/* ---- Time of the front end ------------------------------------------------------------------ */

void device_worker_begin(struct device *dev)
{
	uint64_t now = now_ms(), spent = 0;

	/* What is handled now may have been waiting during the last turn. */
	if (now - dev->turn_end_ms <= 1)
		spent = dev->turn_end_ms - dev->turn_ms;
	if (spent > MAX_SPENT_MS)
		spent = MAX_SPENT_MS;
	dev->turn_ms = now;
	dev->deadline_ms = now + CONTROL_ANSWER_MS - spent;
}

void device_worker_end(struct device *dev)
{
	dev->turn_end_ms = now_ms();
}

/* ---- Events and time ------------------------------------------------------------------------ */

void device_worker_fds(const struct device *dev, int fds[DEVICE_WORKER_FDS])
{
	fds[0] = dev->worker.sock;
	fds[1] = dev->worker.pidfd;
	fds[2] = dev->opts.cleaner->sock;
}

void device_worker_event(struct device *dev)
{
	int ret;

	if (!child_is_there(&dev->worker))
		return;
	ret = child_read(&dev->worker, 0);
	if (ret == -ETIMEDOUT || ret == -EAGAIN) {
		/* Nothing said, thus the pidfd: it is dead, its socket may live in a child. */
		lose_worker(dev, NULL);
		return;
	}
	if (ret) {
		lose_worker(dev, NULL);
		return;
	}
	if (!dev->worker.ready)
		return;
	restarts_ready(&dev->restarts);
	ret = tell_all(dev);
	if (ret) {
		lose_worker(dev, "it cannot go on where the last one was");
		return;
	}
	log_info("worker %d goes on after %" PRIu64 " ms", (int)dev->worker.pid,
		 now_ms() - dev->away_ms);
	dev->away_ms = 0;
}

/*
 * What a request is answered with that no worker takes. The next one knows none of the sessions and
 * resources: only who wants a new session is to try again.
 */
static uint32_t refusal(const struct chain *chain)
{
	struct virtio_accel_req req;
	struct virtio_accel_msg msg;
	uint64_t at;

	if (!chain_read(chain, 0, &req, sizeof(req)) ||
	    le32toh(req.type) != VIRTIO_ACCEL_T_CALL)
		return VIRTIO_ACCEL_S_AGAIN;
	at = sizeof(req) +
	     (uint64_t)le32toh(req.nr_segments) * sizeof(struct virtio_accel_segment) +
	     (uint64_t)le32toh(req.nr_runs) * sizeof(struct virtio_accel_run);
	if (!chain_read(chain, at, &msg, sizeof(msg)) ||
	    le16toh(msg.op) == VIRTIO_ACCEL_OP_SESSION_INIT ||
	    le16toh(msg.op) == VIRTIO_ACCEL_OP_SESSION_INIT_PLUGIN)
		return VIRTIO_ACCEL_S_AGAIN;
	return VIRTIO_ACCEL_S_SESS;
}

/* Pops and refuses what is available, for want of a worker. */
static int refuse(void *arg)
{
	static struct chain chain;
	struct recovery *r = arg;
	struct virtqueue *vq = &r->q->vq;

	/* At most a queue full each time: the guest may go on making requests while we look. */
	for (unsigned int i = 0; i < vq->size; i++) {
		if (virtqueue_pop(vq, &r->dev->mem, &chain) != 1)
			break;
		virtqueue_track(vq, &chain, 0);
		inflight_recover(vq, &r->dev->mem, refusal(&chain));
		r->nr++;
	}
	return 0;
}

static void stand_in(struct device *dev)
{
	for (unsigned int i = 0; i < dev->opts.num_queues; i++) {
		struct recovery r = { .dev = dev, .q = &dev->queues[i] };

		if (!dev->queues[i].running)
			continue;
		guard_call(refuse, &r);
		if (r.nr)
			eventfd_signal(r.q->call);
	}
}

/* Return: the queue of an operation that takes too long, or -1. */
static int find_overdue(const struct device *dev, unsigned int *op, uint64_t *context)
{
	uint64_t now = now_ns(), limit = dev->opts.op_timeout_s * UINT64_C(1000000000);

	for (unsigned int i = 0; i < dev->opts.num_queues; i++) {
		const struct device_queue *q = &dev->queues[i];

		for (unsigned int h = 0; q->running && h < q->vq.size; h++) {
			const struct inflight_head *head = &dev->area->queues[i].heads[h];

			if (atomic_load(&head->state) == INFLIGHT_FREE ||
			    head->start_ns > now || now - head->start_ns < limit)
				continue;
			*op = head->op;
			*context = head->context;
			return (int)i;
		}
	}
	return -1;
}

static unsigned int check_ms(const struct device *dev)
{
	unsigned int limit_s = dev->opts.op_timeout_s;

	return limit_s < MAX_CHECK_MS / 100 ? limit_s * 100 : MAX_CHECK_MS;
}

int device_worker_timeout(const struct device *dev)
{
	uint64_t now = now_ms();
	int timeout = -1;

	if (dev->worker.ready && dev->opts.op_timeout_s)
		timeout = (int)check_ms(dev);
	else if (child_nr_ending() || dev->counters || dev->untold_limits)
		timeout = MAX_CHECK_MS;
	if (dev->worker.ready)
		return timeout;
	if (!child_is_there(&dev->worker) && has_too_much_left(dev, now))
		timeout = MAX_CHECK_MS;
	else if (!child_is_there(&dev->worker))
		timeout = dev->restarts.next_ms > now ? (int)(dev->restarts.next_ms - now) : 0;
	if (dev->away_ms && (timeout < 0 || timeout > STAND_IN_TICK_MS))
		timeout = STAND_IN_TICK_MS;
	return timeout;
}

/* A worker that takes nothing in at present is told later. */
static void tell_limits(struct device *dev)
{
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES && dev->untold_limits; rule++) {
		struct control_msg msg = { .type = CONTROL_LIMIT, .limit.rule = rule,
					   .limit.value = quota_limit(&dev->quota, rule) };

		if (!(dev->untold_limits >> rule & 1))
			continue;
		if (child_is_there(&dev->worker) && control_send(dev->worker.sock, &msg, NULL, 0))
			return;
		dev->untold_limits &= ~(UINT64_C(1) << rule);
	}
}

int device_worker_set_limit(struct device *dev, enum policy_rule rule, uint64_t value)
{
	int ret = quota_set_limit(&dev->quota, rule, value);

	if (ret)
		return ret;
	(void)policy_set_limit(&dev->opts.setup.policy, rule, value);
	dev->opts.op_timeout_s = (unsigned int)dev->opts.setup.policy.op_timeout;
	dev->untold_limits |= UINT64_C(1) << rule;
	tell_limits(dev);
	device_counters_update(dev);
	return 0;
}

void device_worker_tick(struct device *dev)
{
	uint64_t now = now_ms(), context;
	unsigned int op;
	char why[96];
	int ret;

	if (dev->has_left)
		return;
	child_reap();
	take_in_leftovers(dev);
	tell_limits(dev);
	if (now - dev->counted_ms >= DEVICE_COUNTERS_MS)
		device_counters_update(dev);
	if (dev->worker.ready) {
		if (!dev->opts.op_timeout_s || now - dev->last_check_ms < check_ms(dev))
			return;
		dev->last_check_ms = now;
		if (find_overdue(dev, &op, &context) < 0)
			return;
		snprintf(why, sizeof(why), "operation %u of context %" PRIu64 " took over %u s", op,
			 context, dev->opts.op_timeout_s);
		quota_refuse(&dev->quota, POLICY_op_timeout, op);
		lose_worker(dev, why);
		return;
	}
	if (!child_is_there(&dev->worker) && now >= dev->restarts.next_ms && !has_too_much_left(dev, now)) {
		ret = start_worker(dev);
		/* After the death of a shared worker all of its clients ask at once. */
		if (ret == -EAGAIN && is_shared(dev))
			dev->restarts.next_ms = now + ASK_AGAIN_MS;
		else if (ret)
			lose_worker(dev, strerror(-ret));
	}
	if (dev->away_ms && now - dev->away_ms >= STAND_IN_AFTER_MS)
		stand_in(dev);
}

void device_worker_print_stats(struct device *dev)
{
	struct control_msg msg = { .type = CONTROL_STATS };
	unsigned int inflight = 0;
	const char *comma = "";
	char *line = NULL;
	size_t len;
	FILE *to;

	if (dev->worker.ready && ask(dev, &msg, NULL, 0)) {
		lose_worker(dev, "it does not answer");
		memset(&msg, 0, sizeof(msg));
	}
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		if (dev->queues[i].running)
			inflight += inflight_count(&dev->area->queues[i], dev->queues[i].vq.size);
	to = open_memstream(&line, &len);
	if (!to) {
		log_error("out of memory");
		return;
	}
	fprintf(to,
		"{\"client\":\"%s\",\"sessions\":%u,\"resources\":%u,\"inflight\":%u,\"requests\":%" PRIu64
		",\"kicks\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"handovers\":%" PRIu64
		",\"malformed\":%" PRIu64 ",\"bad_messages\":%" PRIu64 ",\"restarts\":%" PRIu64
		",\"memories\":%u,\"memory_bytes\":%" PRIu64 ",\"bytes_in_place\":%" PRIu64
		",\"bytes_snapshot\":%" PRIu64 ",\"bytes_gathered\":%" PRIu64
		",\"bytes_written_back\":%" PRIu64 ",\"resource_bytes_received\":%" PRIu64
		",\"resource_bytes_claimed\":%" PRIu64 ",\"cache_bytes\":%" PRIu64 ",\"refused\":{",
		dev->client, msg.stats.sessions, msg.stats.resources, inflight, DEVICE_COUNT(dev, requests),
		DEVICE_COUNT(dev, kicks), DEVICE_COUNT(dev, calls), DEVICE_COUNT(dev, handovers),
		DEVICE_COUNT(dev, malformed), dev->bad_messages, dev->restarts.nr, msg.stats.memories,
		msg.stats.memory_bytes, msg.stats.in_place, msg.stats.snapshot,
		msg.stats.gathered, msg.stats.written_back, msg.stats.received, msg.stats.claimed,
		msg.stats.kept);
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++) {
		if (!policy_rules[rule].refusal)
			continue;
		fprintf(to, "%s\"%s\":%" PRIu64, comma, policy_key(rule),
			quota_refused(&dev->area->counts, rule));
		comma = ",";
	}
	fputs("}}\n", to);
	if (!fclose(to))
		log_outlet_print(line, len);
	free(line);
}
