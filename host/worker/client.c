// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "dispatch.h"
#include "join.h"
#include "keeper_client.h"
#include "serve.h"
#include "vaccel.h"

struct client {
	int sock;
	struct serve serve;
	struct quota quota;
	int area_fd; /* open as long as its area is used, see inflight_area_own() */
	struct host_dirs dirs;
	struct counters *counters; /* NULL: nobody wants them */
};

/* Takes the next of the descriptors, which lie in the order of their flags. */
static int take_fd(int *fds, unsigned int *at, bool is_there)
{
	int fd = is_there ? fds[*at] : -1;

	if (is_there)
		fds[(*at)++] = -1;
	return fd;
}

/* Return: 0 or -errno; the descriptor stays the caller's. */
static int map_counters(struct client *c, int fd)
{
	c->counters = counters_map(fd, sizeof(*c->counters), true);
	return c->counters ? 0 : -errno;
}

/* The first message: settings and the shared memory. Tells the supervisor when all is ready. */
static int set_up(struct client *c, const struct control_msg *setup, int *fds)
{
	struct control_msg msg = { .type = CONTROL_READY };
	unsigned int at = 1;
	int ret;

	if (setup->type != CONTROL_SETUP || fds[0] < 0)
		return -EPROTO;
	c->serve.poll_us = (uint32_t)setup->setup.policy.poll_us;
	c->serve.area = inflight_area_own(fds[0]);
	if (!c->serve.area)
		return -errno;
	c->area_fd = fds[0];
	fds[0] = -1;
	quota_init(&c->quota, &setup->setup.policy, &c->serve.area->counts);
	c->dirs.keeper = take_fd(fds, &at, setup->setup.has_keeper);
	if (setup->setup.has_keeper)
		keeper_begin(c->dirs.keeper);
	c->dirs.models = take_fd(fds, &at, setup->setup.has_model_dir);
	if (setup->setup.has_counters) {
		ret = map_counters(c, fds[at]);
		if (ret)
			return ret;
	}
	c->serve.dispatch = dispatch_new(&c->quota, &c->dirs, c->counters, setup->setup.generation);
	c->serve.registered = registered_new();
	c->serve.joins = joins_new(&c->quota);
	if (!c->serve.dispatch || !c->serve.registered || !c->serve.joins)
		return -ENOMEM;
	snprintf(msg.ready.rundir, sizeof(msg.ready.rundir), "%s", vaccel_rundir());
	return control_send(c->sock, &msg, NULL, 0);
}

/* Return: 0, with *fd taken, or -errno. */
static int set_area(struct client *c, int *fd)
{
	struct inflight_area *area = inflight_area_own(*fd);

	if (!area)
		return -errno;
	quota_move(&c->quota, &area->counts);
	inflight_area_unmap(c->serve.area);
	close(c->area_fd);
	c->serve.area = area;
	c->area_fd = *fd;
	*fd = -1;
	return 0;
}

static int reset(struct client *c, uint32_t generation)
{
	struct dispatch *fresh = dispatch_new(&c->quota, &c->dirs, c->counters, generation);

	if (!fresh)
		return -ENOMEM;
	registered_clear(c->serve.registered);
	join_clear(c->serve.joins);
	dispatch_delete(c->serve.dispatch);
	c->serve.dispatch = fresh;
	return 0;
}

static void count(struct client *c, struct control_msg *msg)
{
	struct vop_traffic traffic;
	struct host_files files;

	dispatch_count(c->serve.dispatch, &msg->stats.sessions, &msg->stats.resources);
	registered_count(c->serve.registered, &msg->stats.memories, &msg->stats.memory_bytes);
	dispatch_traffic(c->serve.dispatch, &traffic);
	msg->stats.in_place = traffic.in_place;
	msg->stats.snapshot = traffic.snapshot;
	msg->stats.gathered = traffic.gathered;
	msg->stats.written_back = traffic.written_back;
	dispatch_files(c->serve.dispatch, &files);
	msg->stats.received = files.received;
	msg->stats.claimed = files.claimed;
	msg->stats.kept = files.kept;
}

/* Takes the fds that it uses out of @fds. */
static int handle(struct client *c, struct control_msg *msg, int *fds)
{
	struct control_queue *q = &msg->queue;
	struct control_mem *m = &msg->mem;
	struct serve *s = &c->serve;
	int kick = -1, call = -1, fd, ret;

	switch (msg->type) {
	case CONTROL_MEM_ADD:
		fd = fds[0];
		fds[0] = -1;
		return serve_mem_add(s, m->gpa, m->size, m->uaddr, m->offset, fd);
	case CONTROL_MEM_REMOVE:
		return serve_mem_remove(s, m->gpa, m->size, m->uaddr);
	case CONTROL_VQ_START:
		if (q->has_kick)
			kick = fds[0];
		if (q->has_call)
			call = fds[q->has_kick];
		fds[0] = -1;
		fds[1] = -1;
		return serve_start(s, q->index, &q->config, kick, call);
	case CONTROL_VQ_STOP:
		return serve_stop(s, q->index, CONTROL_DRAIN_MS);
	case CONTROL_VQ_CALL:
		fd = fds[0];
		fds[0] = -1;
		return serve_set_call(s, q->index, fd);
	case CONTROL_RESET:
		if (serve_running(s))
			return -EBUSY;
		return reset(c, msg->reset.generation);
	case CONTROL_AREA:
		if (serve_running(s))
			return -EBUSY;
		ret = set_area(c, &fds[0]);
		return ret ? ret : reset(c, msg->reset.generation);
	case CONTROL_STATS:
		count(c, msg);
		return 0;
	case CONTROL_LIMIT:
		return quota_set_limit(&c->quota, msg->limit.rule, msg->limit.value);
	default:
		return -ENOTSUP;
	}
}

/* Answers the supervisor until it says to quit or is gone. */
static void serve_control(struct client *c)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS];

	while (control_recv(c->sock, &msg, fds, -1) == 0 && msg.type != CONTROL_QUIT) {
		msg.status = handle(c, &msg, fds);
		control_close(fds);
		if (msg.type != CONTROL_LIMIT && control_send(c->sock, &msg, NULL, 0))
			break;
	}
}

/* All queues are stopped. */
static void tear_down(struct client *c)
{
	if (c->serve.dispatch)
		dispatch_delete(c->serve.dispatch);
	registered_delete(c->serve.registered);
	joins_delete(c->serve.joins);
	memory_clear(&c->serve.mem);
	counters_unmap(c->counters, sizeof(*c->counters));
	inflight_area_unmap(c->serve.area);
	if (c->area_fd >= 0)
		close(c->area_fd);
	if (c->dirs.keeper >= 0)
		close(c->dirs.keeper);
	if (c->dirs.models >= 0)
		close(c->dirs.models);
	free(c);
}

int client_serve(int sock, const struct control_msg *setup, int *fds, unsigned int drain_ms)
{
	struct client *c = calloc(1, sizeof(*c));
	bool busy = false;
	int ret;

	if (!c)
		return -ENOMEM;
	c->sock = sock;
	c->area_fd = -1;
	c->dirs = (struct host_dirs){ .keeper = -1, .models = -1 };
	ret = set_up(c, setup, fds);
	control_close(fds);
	if (!ret)
		serve_control(c);
	/* First all of them: none takes a request while another one ends. */
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
		(void)serve_stop(&c->serve, i, 0);
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
		if (serve_stop(&c->serve, i, drain_ms))
			busy = true;
	/* Cleaning up under an operation would crash. */
	if (busy)
		return -EBUSY;
	tear_down(c);
	return ret;
}
