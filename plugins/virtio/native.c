// SPDX-License-Identifier: Apache-2.0
/*
 * The transport without a VM: a vhost-user front end that shares a memory file with
 * vhost-user-accel and is the driver of its virtqueues. native_request.c lays requests out in that
 * memory, native_queue.c moves them, native_life.c notices a device that does not answer, native_mem.c
 * has the memory, native_proto.c the control messages. Here are opening and closing.
 */
#define _GNU_SOURCE
#include "native.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "native_proto.h"
#include "transport/clock.h"
#include "transport/refusal.h"
#include "vaccel/log.h"

#define QUEUE_SIZE	128
#define CONTROL_TIMEOUT_MS	10000
#define CLOSE_TIMEOUT_MS	2000
/* A host process that is starting has no socket yet. */
#define DEFAULT_CONNECT_MS	5000u
#define MAX_CONNECT_MS		3600000u

#define DEFAULT_POLL_US		50u
#define MAX_POLL_US		1000000u
/* Longer than the host's default of --op-timeout, after which it has answered in any case */
#define DEFAULT_TIMEOUT_S	600u
#define MAX_TIMEOUT_S		1000000u
#define DEFAULT_MEMORY_MIB	(sizeof(void *) > 4 ? 8192u : 512u)
#define MIN_MEMORY_MIB		1u
#define LEAST_MEMORY_MIB	64u	/* that is worth a try without being asked for */
#define MAX_MEMORY_MIB		(sizeof(void *) > 4 ? 1u << 20 : 2047u)

static bool is_limit(int err)
{
	return err == ENOMEM || err == EFBIG;
}

/* ---- fork ---------------------------------------------------------------------------------- */

/*
 * All transports, also those that are just being opened, so that a child of fork() can let go of its parent's
 * connections.
 */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct native_transport *open_transports;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The child frees its copies of the allocators' lists, which no other thread must be changing. */
static void before_fork(void)
{
	pthread_mutex_lock(&open_lock);
	for (struct native_transport *n = open_transports; n; n = n->next)
		if (n->open)
			pthread_mutex_lock(&n->mem.lock);
}

static void after_fork_parent(void)
{
	for (struct native_transport *n = open_transports; n; n = n->next)
		if (n->open)
			pthread_mutex_unlock(&n->mem.lock);
	pthread_mutex_unlock(&open_lock);
}

/*
 * A child that kept the socket open would keep the back end from seeing the end of its parent. What
 * locks its parent's other threads held is unknown, so that nothing else is touched ever after.
 */
static void after_fork_child(void)
{
	for (struct native_transport *n = open_transports; n; n = n->next) {
		n->forked = true;
		vu_close(&n->conn);
		close_fd(&n->mem.fd);
		close_fd(&n->life.timer_fd);
		for (unsigned int i = 0; i < n->nr_queues; i++) {
			close_fd(&n->queues[i].kick_fd);
			close_fd(&n->queues[i].call_fd);
		}
	}
	open_transports = NULL;
	pthread_mutex_unlock(&open_lock);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

static void list_add(struct native_transport *n)
{
	pthread_once(&fork_once, watch_forks);
	pthread_mutex_lock(&open_lock);
	n->next = open_transports;
	open_transports = n;
	pthread_mutex_unlock(&open_lock);
}

static void set_open(struct native_transport *n, bool open)
{
	pthread_mutex_lock(&open_lock);
	n->open = open;
	pthread_mutex_unlock(&open_lock);
}

static void list_remove(struct native_transport *n)
{
	pthread_mutex_lock(&open_lock);
	for (struct native_transport **p = &open_transports; *p; p = &(*p)->next) {
		if (*p == n) {
			*p = n->next;
			break;
		}
	}
	pthread_mutex_unlock(&open_lock);
}

/* ---- Calls --------------------------------------------------------------------------------- */

static bool is_segment(const struct virtio_accel_user_segment *s)
{
	const uint32_t access = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE;
	bool memory = s->flags & VIRTIO_ACCEL_SEG_MEMORY;

	return s->len && s->flags & access && !(s->flags & ~(access | VIRTIO_ACCEL_SEG_MEMORY)) &&
	       memory == !!s->memory;
}

static int check_call(const struct native_transport *n, const struct transport_call *c)
{
	if (n->forked) {
		vaccel_error("virtio: the connection of a parent process cannot be used after "
			     "fork(); call vaccel_bootstrap() in the child, and open another session");
		return ENODEV;
	}
	if (c->message_len == 0)
		return EINVAL;
	if (!c->message || (c->nr_segments && !c->segments) || (c->reply_len && !c->reply))
		return EFAULT;
	for (uint32_t i = 0; i < c->nr_segments; i++)
		if (!is_segment(&c->segments[i]))
			return EINVAL;
	return 0;
}

static int native_call(struct transport *t, const void *message, uint32_t message_len,
		       const struct virtio_accel_user_segment *segments, uint32_t nr_segments,
		       void *reply, uint32_t *reply_len, uint32_t *status)
{
	struct native_transport *n = to_native(t);
	struct native_call nc;
	int err;

	nc.c = (struct transport_call){
		.message = message,
		.segments = segments,
		.reply = reply,
		.message_len = message_len,
		.nr_segments = nr_segments,
		.reply_len = *reply_len,
	};
	nc.rq.arrived = NULL;
	nc.rq.notify = false;
	err = check_call(n, &nc.c);
	if (!err)
		err = native_request(n, VIRTIO_ACCEL_T_CALL, -1, &nc);
	if (!err) {
		*reply_len = nc.c.reply_len;
		*status = nc.c.status;
	}
	return err;
}

static void native_arrived(struct native_request *rq)
{
	struct native_call *nc =
		(struct native_call *)((char *)rq - offsetof(struct native_call, rq));

	nc->c.arrived(&nc->c);
}

static int native_submit(struct transport *t, struct transport_call *c)
{
	struct native_call *nc = (struct native_call *)c;
	int err = check_call(to_native(t), c);

	if (err)
		return err;
	nc->rq.arrived = native_arrived;
	nc->rq.notify = c->notify;
	return native_request_start(to_native(t), VIRTIO_ACCEL_T_CALL, nc);
}

static int native_finish(struct transport *t, struct transport_call *c)
{
	return native_request_finish(to_native(t), (struct native_call *)c);
}

/* ---- Opening and closing ------------------------------------------------------------------- */

static void free_transport(struct native_transport *n)
{
	vu_close(&n->conn);
	for (unsigned int i = 0; i < n->nr_queues; i++)
		native_queue_fini(&n->queues[i]);
	if (n->mem.base)
		native_mem_fini(&n->mem);
	native_life_fini(&n->life);
	free(n);
}

/* What fork() left: a copy of the private memory, and the memory file's descriptor. */
static void free_transport_child(struct native_transport *n)
{
	for (unsigned int i = 0; i < n->nr_queues; i++)
		vring_driver_fini(&n->queues[i].vr);
	native_mem_fini_child(&n->mem);
	free(n);
}

static void native_close(struct transport *t)
{
	struct native_transport *n = to_native(t);
	struct native_call nc = { .extent = NULL };
	uint32_t base;

	if (n->forked) {
		free_transport_child(n);
		return;
	}
	if (!native_failed(n))
		(void)native_request(n, VIRTIO_ACCEL_T_CONTEXT_CLOSE, CLOSE_TIMEOUT_MS, &nc);
	list_remove(n);
	n->conn.timeout_ms = CLOSE_TIMEOUT_MS;
	for (unsigned int i = 0; i < n->nr_queues; i++)
		if (vu_get_vring_base(&n->conn, i, &base))
			break;
	free_transport(n);
}

static bool native_lost(struct transport *t)
{
	return native_failed(to_native(t));
}

static const struct transport_ops native_ops = {
	.call = native_call,
	.submit = native_submit,
	.finish = native_finish,
	.spin = native_spin,
	.arm = native_arm,
	.disarm = native_disarm,
	.watch = native_watch,
	.unwatch = native_unwatch,
	.lost = native_lost,
	.mem_alloc = native_memory_alloc,
	.mem_register = native_memory_register,
	.mem_free = native_memory_free,
	.close = native_close,
};

unsigned int remote_setting(const char *name, unsigned int min, unsigned int max, unsigned int fallback)
{
	const char *text = getenv(name);
	unsigned long v;
	char *end;

	if (!text || !*text)
		return fallback;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || *text == '-' || v < min || v > max) {
		vaccel_error("virtio: %s=%s is not a number from %u to %u; using %u", name, text,
			    min, max, fallback);
		return fallback;
	}
	return (unsigned int)v;
}

/* Processors that this process may run on */
static unsigned int nr_cpus(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned int)CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned int)n : 1;
}

/*
 * Features, then the configuration. *@reported tells whether the log has the reason of a failure.
 * Return: 0 or a positive errno value.
 */
static int negotiate(struct native_transport *n, const char *path, bool *reported)
{
	const uint64_t must = 1ull << VIRTIO_F_VERSION_1 | 1ull << VU_F_PROTOCOL_FEATURES;
	const uint64_t may = 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_ACCEL_F_MEMORY;
	const uint64_t pmust = 1ull << VU_P_CONFIG;
	const uint64_t pmay = 1ull << VU_P_MQ | 1ull << VU_P_REPLY_ACK;
	struct vu_conn *c = &n->conn;
	struct virtio_accel_config config;
	uint64_t offered, poffered = 0, max_queues = 1;
	int err;

	*reported = false;
	if ((err = vu_get_u64(c, VU_GET_FEATURES, &offered)))
		return err;
	if (offered & 1ull << VU_F_PROTOCOL_FEATURES)
		err = vu_get_u64(c, VU_GET_PROTOCOL_FEATURES, &poffered);
	if (err)
		return err;
	if ((offered & must) != must || (poffered & pmust) != pmust) {
		vaccel_error("virtio: what listens at %s does not offer what a virtio accelerator "
			     "needs (features 0x%" PRIx64 ", 0x%" PRIx64 "); is it "
			     "vhost-user-accel?", path, offered, poffered);
		*reported = true;
		return ENODEV;
	}
	n->features = offered & (must | may);

	err = vu_set_u64(c, VU_SET_PROTOCOL_FEATURES, poffered & (pmust | pmay), -1);
	if (err)
		return err;
	c->protocol_features = poffered & (pmust | pmay);
	if ((err = vu_set(c, &(struct vu_msg){ .request = VU_SET_OWNER }, NULL, 0)))
		return err;
	if (c->protocol_features & 1ull << VU_P_MQ)
		err = vu_get_u64(c, VU_GET_QUEUE_NUM, &max_queues);
	if (!err)
		err = vu_get_config(c, 0, &config, sizeof(config));
	if (err)
		return err;

	*reported = true;
	if (le32toh(config.magic) != VIRTIO_ACCEL_MAGIC) {
		vaccel_error("virtio: what listens at %s is not a virtio accelerator (magic number "
			     "0x%x); is it vhost-user-accel?", path, le32toh(config.magic));
		return ENODEV;
	}
	if (le32toh(config.version) != VIRTIO_ACCEL_VERSION) {
		vaccel_error("virtio: the device at %s has version %u and this plugin knows %u; "
			     "install matching versions of vhost-user-accel and "
			     "libvaccel-virtio", path, le32toh(config.version),
			     VIRTIO_ACCEL_VERSION);
		return ENODEV;
	}
	n->t.info = (struct virtio_accel_info){
		.version = le32toh(config.version),
		.num_queues = le32toh(config.num_queues),
		.max_segments = le32toh(config.max_segments),
		.max_message = le32toh(config.max_message),
		.max_reply = le32toh(config.max_reply),
		.features = n->features & 0xffffff,
	};
	if (n->t.info.num_queues == 0 || n->t.info.num_queues > VIRTIO_ACCEL_MAX_QUEUES ||
	    max_queues == 0 || n->t.info.max_message == 0 || n->t.info.max_reply == 0) {
		vaccel_error("virtio: the device at %s announces limits that make no sense", path);
		return ENODEV;
	}
	if (max_queues < n->t.info.num_queues)
		n->t.info.num_queues = (uint32_t)max_queues;
	*reported = false;
	return vu_set_u64(c, VU_SET_FEATURES, n->features, -1);
}

/*
 * Address space for what is shared. Where there is little (ulimit -v), less of it is taken, unless the
 * environment says how much it must be.
 */
static int reserve_memory(struct native_transport *n, bool *reported)
{
	const char *env = getenv("VACCEL_VIRTIO_MEMORY");
	unsigned int mib = remote_setting("VACCEL_VIRTIO_MEMORY", MIN_MEMORY_MIB, MAX_MEMORY_MIB,
				      DEFAULT_MEMORY_MIB);
	unsigned int least = env && *env ? mib : LEAST_MEMORY_MIB, want = mib;
	int err = native_mem_init(&n->mem, (size_t)mib << 20);

	while (is_limit(err) && mib / 2 >= least) {
		mib /= 2;
		err = native_mem_init(&n->mem, (size_t)mib << 20);
	}
	if (!err && mib < want)
		vaccel_warn("virtio: %u MiB of address space are reserved for data in place of %u: "
			    "the limit of the process (ulimit -v, -f) does not allow more; "
			    "VACCEL_VIRTIO_MEMORY sets how much", mib, want);
	if (!is_limit(err))
		return err;
	vaccel_error("virtio: cannot reserve %u MiB of address space for data (%s): raise the limit "
		     "of the process (ulimit -v, -f), or set VACCEL_VIRTIO_MEMORY to fewer MiB",
		     mib, strerror(err));
	*reported = true;
	return err;
}

static int share_memory(struct native_transport *n)
{
	struct vu_msg m = {
		.request = VU_SET_MEM_TABLE,
		.size = offsetof(struct vu_memory, regions) + sizeof(struct vu_region),
		.memory = {
			.nr_regions = 1,
			.regions[0] = {
				.guest_addr = NATIVE_MEM_GUEST_BASE,
				.size = n->mem.size,
				.user_addr = (uintptr_t)n->mem.base,
			},
		},
	};

	return vu_set(&n->conn, &m, &n->mem.fd, 1);
}

static int start_queue(struct native_transport *n, unsigned int index)
{
	struct native_queue *q = &n->queues[index];
	struct vu_conn *c = &n->conn;
	struct vu_msg addr = {
		.request = VU_SET_VRING_ADDR,
		.size = sizeof(addr.addr),
		.addr = {
			.index = index,
			.desc = (uintptr_t)q->vr.desc,
			.avail = (uintptr_t)q->vr.avail,
			.used = (uintptr_t)q->vr.used,
		},
	};
	int err;

	if ((err = vu_set_state(c, VU_SET_VRING_NUM, index, q->vr.size)) ||
	    (err = vu_set_state(c, VU_SET_VRING_BASE, index, 0)) ||
	    (err = vu_set(c, &addr, NULL, 0)) ||
	    (err = vu_set_u64(c, VU_SET_VRING_CALL, index, q->call_fd)) ||
	    (err = vu_set_u64(c, VU_SET_VRING_KICK, index, q->kick_fd)))
		return err;
	return vu_set_state(c, VU_SET_VRING_ENABLE, index, 1);
}

/* As many queues as processors, if the device has them. */
static int start_queues(struct native_transport *n, unsigned int cpus)
{
	bool event_idx = n->features & 1ull << VIRTIO_RING_F_EVENT_IDX;
	unsigned int nr = n->t.info.num_queues;
	int err = 0;

	if (nr > NATIVE_MAX_QUEUES)
		nr = NATIVE_MAX_QUEUES;
	if (nr > cpus)
		nr = cpus;
	for (unsigned int i = 0; i < nr && !err; i++) {
		err = native_queue_init(&n->queues[i], &n->mem, QUEUE_SIZE, event_idx);
		if (err)
			break;
		poll_window_init(&n->queues[i].window, n->poll_ns);
		n->nr_queues++;
		err = start_queue(n, i);
	}
	return err;
}

/* There is no host process. */
static bool is_absent(int err)
{
	return err == ENOENT || err == ECONNREFUSED;
}

/* Waits for the socket of a host process that is just being started. */
static int connect_to(struct vu_conn *conn, const char *path, unsigned int wait_ms)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000000 };
	uint64_t deadline = now_ms() + wait_ms;
	int err;

	while ((err = vu_connect(conn, path, CONTROL_TIMEOUT_MS))) {
		if (!is_absent(err) || now_ms() >= deadline)
			return err;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* The host process has said why. */
static void report_refusal(const char *path, const struct vu_conn *conn)
{
	if (conn->refusal == REFUSAL_FULL)
		vaccel_error("virtio: %s serves %" PRIu64 " client%s already, and no more at a time: "
			     "--max-clients of its vhost-user-accel sets how many", path,
			     conn->refusal_number, conn->refusal_number == 1 ? "" : "s");
	else
		vaccel_error("virtio: %s has no worker for one more client: its log says why", path);
}

static void report(const char *path, int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		vaccel_error("virtio: nothing listens at %s: start vhost-user-accel "
			     "--socket-path=%s; VACCEL_VIRTIO_CONNECT_MS says how long to wait for it",
			     path, path);
		break;
	case EACCES:
	case EPERM:
		vaccel_error("virtio: no permission to connect to %s: ask its owner for access, or "
			     "run vhost-user-accel as the same user", path);
		break;
	case ETIMEDOUT:
		vaccel_error("virtio: no answer from %s in %d s: is its vhost-user-accel stopped, "
			     "or still starting?", path, CONTROL_TIMEOUT_MS / 1000);
		break;
	case EBUSY:
	case EPROTO:
		vaccel_error("virtio: %s closed or refused the connection: its log says why", path);
		break;
	default:
		vaccel_error("virtio: cannot use the accelerator at %s: %s", path, strerror(err));
	}
}

/* @wait_ms: for a host process to be there; @quiet: it is not said when there is none */
static int open_native(const char *socket_path, unsigned int wait_ms, bool quiet,
		       struct transport **out)
{
	static atomic_uint opened;
	unsigned int cpus = nr_cpus();
	struct native_transport *n;
	bool reported = false;
	int err;

	n = aligned_alloc(64, (sizeof(*n) + 63) & ~(size_t)63);
	if (!n) {
		report(socket_path, ENOMEM);
		return ENOMEM;
	}
	memset(n, 0, sizeof(*n));
	n->t.ops = &native_ops;
	n->t.call_size = sizeof(struct native_call);
	n->conn.fd = -1;
	n->mem.fd = -1;
	n->life.timer_fd = -1;
	n->max_spinners = poll_processors();
	n->poll_ns = 1000ull * remote_setting("VACCEL_VIRTIO_POLL_US", 0, MAX_POLL_US, DEFAULT_POLL_US);
	poll_window_init(&n->window, n->poll_ns);
	list_add(n);
	/* Unlike any context that a back end may still remember. */
	n->context = (uint64_t)getpid() << 32 | (uint32_t)(opened++ + 1);

	err = connect_to(&n->conn, socket_path, wait_ms);
	if (!err)
		err = negotiate(n, socket_path, &reported);
	if (err == ENODEV && !reported)
		err = EBUSY;
	if (err)
		goto fail;

	err = reserve_memory(n, &reported);
	if (!err)
		err = native_life_init(&n->life, remote_setting("VACCEL_VIRTIO_TIMEOUT", 0,
							    MAX_TIMEOUT_S, DEFAULT_TIMEOUT_S));
	if (!err)
		err = share_memory(n);
	if (!err)
		err = start_queues(n, cpus);
	if (err)
		goto fail;
	set_open(n, true);
	*out = &n->t;
	return 0;

fail:
	if (err == EUSERS && !reported)
		report_refusal(socket_path, &n->conn);
	else if (!reported && !(quiet && is_absent(err)))
		report(socket_path, err);
	list_remove(n);
	free_transport(n);
	if (err == EUSERS)
		return EBUSY;
	return err == EPROTO || err == ETIMEDOUT ? ENODEV : err;
}

int transport_open_native(const char *socket_path, struct transport **out)
{
	return open_native(socket_path, remote_setting("VACCEL_VIRTIO_CONNECT_MS", 0, MAX_CONNECT_MS,
						   DEFAULT_CONNECT_MS), false, out);
}

int transport_reopen_native(const char *socket_path, struct transport **out)
{
	return open_native(socket_path, 0, true, out);
}
