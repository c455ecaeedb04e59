// SPDX-License-Identifier: Apache-2.0
/*
 * A vhost-user accelerator device that does what the test in the VM tells it to do, including all
 * that a device must not do. It knows the protocol only as far as the driver's test needs it.
 *
 *   fake-device SOCKET [magic=N] [version=N] [queues=N] [segments=N] [message=N] [reply=N]
 *               [no-memory] [verbose]
 *
 * Listens on SOCKET for one connection and ends with it.
 *
 *   fake-device tsc-khz
 *
 * Prints the rate of the time stamp counter, which TCG hands to the guest as it is: a microvm under
 * TCG has nothing reliable to measure it by.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "fake.h"
#include "uapi/linux/virtio_accel.h"

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	GET_QUEUE_NUM = 17,
	GET_CONFIG = 24,
};

#define F_PROTOCOL_FEATURES	30
#define PF_MQ			0
#define PF_CONFIG		9
#define MAX_QUEUES		16
#define MAX_REGIONS		8
#define MAX_FDS			8
#define MAX_PENDING		4096
#define MAX_CONTEXTS		65536

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct {
			uint32_t nregions;
			uint32_t padding;
			struct {
				uint64_t gpa, size, uva, offset;
			} regions[MAX_REGIONS];
		} memory;
		struct {
			uint32_t offset, size, flags;
			uint8_t bytes[256];
		} config;
	};
} __attribute__((packed));

#define HEADER_SIZE 12

struct region {
	uint64_t gpa, size, uva;
	uint8_t *map;
	void *base;
	size_t len;
};

struct queue {
	unsigned int num;
	uint16_t last;
	int kick, call;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

/* An answer that is given later. */
struct pending {
	unsigned int queue;
	uint16_t head;
	uint64_t when;
	struct virtio_accel_resp *resp;
};

/* Numbers of this host, which is little-endian as all that runs QEMU here. */
static struct virtio_accel_config config = {
	.magic = VIRTIO_ACCEL_MAGIC,
	.version = VIRTIO_ACCEL_VERSION,
	.num_queues = 4,
	.max_segments = 64,
	.max_message = 8 << 20,
	.max_reply = 8 << 20,
};
static struct region regions[MAX_REGIONS];
static unsigned int nr_regions;
static struct queue queues[MAX_QUEUES];
static struct pending pending[MAX_PENDING];
static unsigned int nr_pending;
static uint64_t contexts[MAX_CONTEXTS];
static unsigned int nr_contexts;
static bool verbose;
static bool mute;
static uint64_t nr_pings;

/* Registered memory */
#define MAX_MEMORIES	256
static struct memory {
	uint64_t context;
	uint32_t id;
	uint32_t nr_runs;
	struct virtio_accel_run *runs;
} memories[MAX_MEMORIES];
static unsigned int nr_memories;
static uint32_t refuse; /* status of the next registration */
static bool hold_memory;
static uint64_t offer_memory = 1;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void *from_gpa(uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < nr_regions; i++) {
		struct region *r = &regions[i];

		if (gpa >= r->gpa && gpa - r->gpa <= r->size && len <= r->size - (gpa - r->gpa))
			return r->map + (gpa - r->gpa);
	}
	errx(1, "the driver names memory that is not there: %#llx, %llu bytes",
	     (unsigned long long)gpa, (unsigned long long)len);
}

static void *from_uva(uint64_t uva)
{
	for (unsigned int i = 0; i < nr_regions; i++)
		if (uva >= regions[i].uva && uva - regions[i].uva < regions[i].size)
			return regions[i].map + (uva - regions[i].uva);
	errx(1, "bad address of a ring");
}

static void push_used(struct queue *q, uint32_t id, uint32_t len)
{
	uint16_t at = q->used->idx;

	q->used->ring[at % q->num] = (struct vring_used_elem){ .id = id, .len = len };
	__atomic_store_n(&q->used->idx, (uint16_t)(at + 1), __ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&q->avail->flags, __ATOMIC_SEQ_CST) & VRING_AVAIL_F_NO_INTERRUPT) &&
	    q->call >= 0)
		eventfd_write(q->call, 1);
}

static void context_seen(uint64_t id)
{
	if (!id)
		errx(1, "context 0");
	for (unsigned int i = 0; i < nr_contexts; i++)
		if (contexts[i] == id)
			return;
	if (nr_contexts == MAX_CONTEXTS)
		errx(1, "too many contexts");
	contexts[nr_contexts++] = id;
}

static void context_closed(uint64_t id)
{
	nr_pings += id == UINT64_MAX;
	for (unsigned int i = 0; i < nr_contexts; i++) {
		if (contexts[i] == id) {
			contexts[i] = contexts[--nr_contexts];
			return;
		}
	}
}

/* One request, gathered. */
struct request {
	uint8_t *in;		/* copy of all that the device reads */
	size_t in_len;
	uint8_t *pieces[1024];	/* where each piece of it lies */
	size_t piece_len[1024];
	unsigned int nr_pieces;
	uint8_t *out[1024];	/* pieces that the device writes */
	size_t out_len[1024];
	unsigned int nr_out;
	size_t room;
};

static void add_descriptor(struct request *rq, const struct vring_desc *d)
{
	uint8_t *p = from_gpa(d->addr, d->len);

	if (d->flags & VRING_DESC_F_WRITE) {
		rq->out[rq->nr_out] = p;
		rq->out_len[rq->nr_out++] = d->len;
		rq->room += d->len;
		return;
	}
	if (rq->nr_out)
		errx(1, "a readable descriptor behind a writable one");
	rq->pieces[rq->nr_pieces] = p;
	rq->piece_len[rq->nr_pieces++] = d->len;
	rq->in = realloc(rq->in, rq->in_len + d->len);
	memcpy(rq->in + rq->in_len, p, d->len);
	rq->in_len += d->len;
}

static void gather(struct queue *q, uint16_t head, struct request *rq)
{
	const struct vring_desc *table = q->desc;
	unsigned int num = q->num, n = 0;
	uint16_t i = head;

	memset(rq, 0, sizeof(*rq));
	if (table[i].flags & VRING_DESC_F_INDIRECT) {
		num = table[i].len / sizeof(*table);
		table = from_gpa(table[i].addr, table[i].len);
		i = 0;
	}
	for (;;) {
		if (i >= num || ++n > 1024 || n > q->num)
			errx(1, "bad chain");
		add_descriptor(rq, &table[i]);
		if (!(table[i].flags & VRING_DESC_F_NEXT))
			break;
		i = table[i].next;
	}
}

static void reply(struct request *rq, const void *data, size_t len)
{
	size_t skip = sizeof(struct virtio_accel_resp);

	for (unsigned int i = 0; i < rq->nr_out && len; i++) {
		size_t n = rq->out_len[i] - skip;

		n = n < len ? n : len;
		memcpy(rq->out[i] + skip, data, n);
		data = (const uint8_t *)data + n;
		len -= n;
		skip = 0;
	}
}

/* ---- Registered memory ---------------------------------------------------------------------- */

static struct memory *find_memory(uint64_t context, uint32_t id)
{
	for (unsigned int i = 0; i < nr_memories; i++)
		if (memories[i].context == context && memories[i].id == id)
			return &memories[i];
	return NULL;
}

static void forget(struct memory *m)
{
	free(m->runs);
	*m = memories[--nr_memories];
}

static void forget_context(uint64_t context, bool all)
{
	for (unsigned int i = 0; i < nr_memories;) {
		if (all || memories[i].context == context)
			forget(&memories[i]);
		else
			i++;
	}
}

/* No page is in two registrations: the driver would have given up one that the device has. */
static void check_overlap(const struct virtio_accel_run *run)
{
	for (unsigned int i = 0; i < nr_memories; i++)
		for (uint32_t k = 0; k < memories[i].nr_runs; k++)
			if (run->addr < memories[i].runs[k].addr + memories[i].runs[k].len &&
			    memories[i].runs[k].addr < run->addr + run->len)
				errx(1, "memory is registered twice");
}

static uint32_t memory_request(const struct virtio_accel_req *req, size_t len)
{
	const struct virtio_accel_segment *seg = (const void *)(req + 1);
	const struct virtio_accel_run *run = (const void *)(seg + 1);
	bool add = req->type == VIRTIO_ACCEL_T_MEMORY_REGISTER;
	uint32_t status = refuse, nr_runs = add ? seg->nr_runs : 0;
	struct memory *m;
	uint64_t sum = 0;

	if (req->nr_segments != 1 || req->message_len || req->nr_runs != nr_runs ||
	    len != sizeof(*req) + sizeof(*seg) + nr_runs * sizeof(*run) || !seg->memory ||
	    seg->reserved || seg->offset || seg->flags != (add ? 3u : 0) || (add && !nr_runs))
		errx(1, "malformed request about memory");
	m = find_memory(req->context, seg->memory);
	if (!add) {
		if (!m)
			return VIRTIO_ACCEL_S_STALE;
		forget(m);
		return 0;
	}
	context_seen(req->context);
	if (m)
		return VIRTIO_ACCEL_S_EXIST;
	for (uint32_t i = 0; i < nr_runs; i++) {
		if ((run[i].addr | run[i].len) % VIRTIO_ACCEL_MEMORY_ALIGN || !run[i].len)
			errx(1, "a run of registered memory that is not of whole pages");
		from_gpa(run[i].addr, run[i].len);
		check_overlap(&run[i]);
		sum += run[i].len;
	}
	if (sum != seg->len)
		errx(1, "registered memory of another length than its runs");
	refuse = 0;
	if (status)
		return status;
	if (nr_memories == MAX_MEMORIES)
		return VIRTIO_ACCEL_S_USERS;
	m = &memories[nr_memories++];
	*m = (struct memory){ req->context, seg->memory, nr_runs, NULL };
	m->runs = malloc(nr_runs * sizeof(*run));
	memcpy(m->runs, run, nr_runs * sizeof(*run));
	return 0;
}

/* What a message does to @len bytes that are at @at in a segment. Return: their sum. */
static uint64_t touch(const struct fake_message *msg, uint32_t flags, uint8_t *p, uint64_t len,
		      uint64_t at)
{
	uint64_t sum = 0;

	if (msg->op == FAKE_SUM && flags & VIRTIO_ACCEL_SEG_READ)
		for (uint64_t b = 0; b < len; b++)
			sum += p[b];
	if (msg->op == FAKE_FILL && flags & VIRTIO_ACCEL_SEG_WRITE)
		for (uint64_t b = 0; b < len; b++)
			p[b] = (uint8_t)((at + b) * 7 + msg->value);
	return sum;
}

/* A segment in registered memory. Return: false when there is none of that name. */
static bool do_named(const struct virtio_accel_req *req, const struct fake_message *msg,
		     const struct virtio_accel_segment *seg, uint64_t *sum)
{
	const struct memory *m = find_memory(req->context, seg->memory);
	uint64_t skip = seg->offset, at = 0;

	if (seg->nr_runs || !(seg->flags & 3))
		errx(1, "malformed segment of registered memory");
	for (uint32_t k = 0; m && k < m->nr_runs && at < seg->len; k++) {
		uint64_t len = m->runs[k].len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len -= skip;
		len = len < seg->len - at ? len : seg->len - at;
		*sum += touch(msg, seg->flags, from_gpa(m->runs[k].addr + skip, len), len, at);
		at += len;
		skip = 0;
	}
	if (m && at != seg->len)
		errx(1, "a segment that registered memory is too short for");
	return m;
}

/* The middle of a segment's work: its runs as memory, one after the other. */
static bool do_segments(const struct virtio_accel_req *req, const struct fake_message *msg,
			uint32_t nr_segments, uint64_t *sum)
{
	const struct virtio_accel_segment *seg = (const void *)(req + 1);
	const struct virtio_accel_run *run = (const void *)(seg + nr_segments);

	for (uint32_t i = 0; i < nr_segments; i++) {
		uint64_t at = 0;

		if (seg[i].flags & VIRTIO_ACCEL_SEG_MEMORY) {
			if (!do_named(req, msg, &seg[i], sum))
				return false;
			continue;
		}
		if (seg[i].memory || seg[i].offset)
			errx(1, "a segment of no memory that names some");
		for (uint32_t k = 0; k < le32toh(seg[i].nr_runs); k++, run++) {
			uint64_t len = le64toh(run->len);
			uint8_t *p = from_gpa(le64toh(run->addr), len);

			if (!len)
				errx(1, "an empty run");
			*sum += touch(msg, le32toh(seg[i].flags), p, len, at);
			at += len;
		}
		if (at != le64toh(seg[i].len))
			errx(1, "segment %u: %llu bytes, but its runs have %llu", i,
			     (unsigned long long)le64toh(seg[i].len), (unsigned long long)at);
	}
	return true;
}

static void scribble(struct request *rq)
{
	size_t skip = sizeof(struct virtio_accel_req);

	for (unsigned int i = 0; i < rq->nr_pieces; i++, skip = 0)
		memset(rq->pieces[i] + skip, 0xa5, rq->piece_len[i] - skip);
}

static const struct fake_message no_message;

static void handle(unsigned int index, uint16_t head)
{
	struct queue *q = &queues[index];
	static struct request rq;
	const struct virtio_accel_req *req;
	struct virtio_accel_resp resp = { 0 };
	const struct fake_message *msg;
	uint32_t nr_segments, message_len, used;
	uint64_t value = 0;
	size_t len = 0;

	gather(q, head, &rq);
	req = (const void *)rq.in;
	if (rq.in_len < sizeof(*req) || !rq.nr_out || rq.out_len[0] < sizeof(resp))
		errx(1, "short request");
	if (req->flags || req->reserved)
		errx(1, "reserved fields of the request are not 0");
	if (le32toh(req->type) == VIRTIO_ACCEL_T_CONTEXT_CLOSE) {
		context_closed(le64toh(req->context));
		forget_context(req->context, false);
		memcpy(rq.out[0], &resp, sizeof(resp));
		push_used(q, head, sizeof(resp));
		free(rq.in);
		return;
	}
	if (req->type == VIRTIO_ACCEL_T_MEMORY_REGISTER ||
	    req->type == VIRTIO_ACCEL_T_MEMORY_UNREGISTER) {
		resp.status = memory_request(req, rq.in_len);
		memcpy(rq.out[0], &resp, sizeof(resp));
		if (hold_memory && nr_pending < MAX_PENDING) {
			pending[nr_pending++] = (struct pending){
				index, head, UINT64_MAX, (void *)rq.out[0]
			};
			hold_memory = false;
			free(rq.in);
			return;
		}
		push_used(q, head, sizeof(resp));
		free(rq.in);
		return;
	}
	nr_segments = le32toh(req->nr_segments);
	message_len = le32toh(req->message_len);
	if (le32toh(req->type) != VIRTIO_ACCEL_T_CALL ||
	    rq.in_len != sizeof(*req) + nr_segments * sizeof(struct virtio_accel_segment) +
			 (uint64_t)le32toh(req->nr_runs) * sizeof(struct virtio_accel_run) +
			 message_len)
		errx(1, "the request's lengths contradict each other");
	context_seen(le64toh(req->context));
	msg = message_len < sizeof(*msg) ? &no_message :
					   (const void *)(rq.in + rq.in_len - message_len);
	if (verbose)
		warnx("queue %u: op %u value %u, %u segments, %u runs, message %u, room %zu", index,
		      msg->op, msg->value, nr_segments, le32toh(req->nr_runs), message_len,
		      rq.room);

	if (!do_segments(req, msg, nr_segments, &value)) {
		resp.status = VIRTIO_ACCEL_S_STALE;
		memcpy(rq.out[0], &resp, sizeof(resp));
		push_used(q, head, sizeof(resp));
		free(rq.in);
		return;
	}
	switch (msg->op) {
	case FAKE_MEMORIES:
		value = nr_memories;
		break;
	case FAKE_HELD:
		value = nr_pending;
		break;
	case FAKE_MUTE:
		mute = true;
		break;
	case FAKE_PINGS:
		value = nr_pings;
		break;
	case FAKE_FORGET:
		forget_context(0, true);
		break;
	case FAKE_REFUSE:
		refuse = msg->value;
		break;
	case FAKE_HOLD_MEMORY:
		hold_memory = true;
		break;
	case FAKE_ANSWER:
		for (unsigned int i = 0; i < nr_pending; i++)
			pending[i].when = 0;
		break;
	case FAKE_ECHO:
		len = message_len;
		reply(&rq, msg, len);
		break;
	case FAKE_CONTEXTS:
		value = nr_contexts;
		break;
	case FAKE_RUNS:
		value = le32toh(req->nr_runs);
		break;
	case FAKE_STATUS:
		resp.status = htole32(msg->value);
		break;
	case FAKE_SCRIBBLE:
		scribble(&rq);
		break;
	case FAKE_SPURIOUS:
		for (uint32_t i = 0; i < msg->value && q->call >= 0; i++) {
			eventfd_write(q->call, 1);
			usleep(500);
		}
		break;
	case FAKE_DELAY:
	case FAKE_NEVER:
		if (nr_pending == MAX_PENDING)
			errx(1, "too many delayed answers");
		pending[nr_pending++] = (struct pending){
			.queue = index,
			.head = head,
			.when = msg->op == FAKE_NEVER ? UINT64_MAX : now_ms() + msg->value,
			.resp = (void *)rq.out[0],
		};
		free(rq.in);
		return;
	}
	if (msg->op == FAKE_SUM || msg->op == FAKE_CONTEXTS || msg->op == FAKE_RUNS ||
	    msg->op == FAKE_MEMORIES || msg->op == FAKE_HELD || msg->op == FAKE_PINGS) {
		len = sizeof(value);
		reply(&rq, &value, len);
	}
	if (len > rq.room - sizeof(resp))
		len = rq.room - sizeof(resp);
	resp.reply_len = htole32(msg->op == FAKE_REPLY_LEN ? msg->value : (uint32_t)len);
	used = (uint32_t)(sizeof(resp) + len);
	memcpy(rq.out[0], &resp, sizeof(resp));
	if (msg->op == FAKE_BAD_ID)
		push_used(q, msg->value, used);
	else
		push_used(q, head, msg->op == FAKE_USED ? msg->value : used);
	free(rq.in);
}

static void serve(unsigned int index)
{
	struct queue *q = &queues[index];

	if (!q->desc || q->kick < 0)
		return;
	while (!mute && q->last != __atomic_load_n(&q->avail->idx, __ATOMIC_SEQ_CST))
		handle(index, q->avail->ring[q->last++ % q->num]);
}

static int answer_pending(void)
{
	uint64_t now = now_ms(), next = UINT64_MAX;

	for (unsigned int i = 0; i < nr_pending;) {
		struct pending p = pending[i];

		if (p.when > now) {
			next = p.when < next ? p.when : next;
			i++;
			continue;
		}
		pending[i] = pending[--nr_pending];
		memset(p.resp, 0, sizeof(*p.resp));
		push_used(&queues[p.queue], p.head, sizeof(*p.resp));
	}
	return next == UINT64_MAX ? -1 : (int)(next - now);
}

static void stop_queue(unsigned int index)
{
	struct queue *q = &queues[index];

	for (unsigned int i = 0; i < nr_pending;) {
		if (pending[i].queue == index)
			pending[i] = pending[--nr_pending];
		else
			i++;
	}
	q->desc = NULL;
	if (q->kick >= 0)
		close(q->kick);
	q->kick = -1;
	mute = false;
	nr_contexts = 0;
	forget_context(0, true);
}

static void set_memory(const struct message *m, const int *fds, unsigned int nr_fds)
{
	for (unsigned int i = 0; i < nr_regions; i++)
		munmap(regions[i].base, regions[i].len);
	nr_regions = 0;
	if (m->memory.nregions > MAX_REGIONS || m->memory.nregions != nr_fds)
		errx(1, "bad memory table");
	for (unsigned int i = 0; i < nr_fds; i++) {
		struct region *r = &regions[i];

		r->gpa = m->memory.regions[i].gpa;
		r->uva = m->memory.regions[i].uva;
		r->size = m->memory.regions[i].size;
		r->len = r->size + m->memory.regions[i].offset;
		r->base = mmap(NULL, r->len, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		if (r->base == MAP_FAILED)
			err(1, "mmap");
		r->map = (uint8_t *)r->base + m->memory.regions[i].offset;
		close(fds[i]);
	}
	nr_regions = nr_fds;
}

static struct queue *queue_of(uint64_t index)
{
	if ((index & 0xff) >= MAX_QUEUES)
		errx(1, "queue %llu", (unsigned long long)index);
	return &queues[index & 0xff];
}

static void answer(int sock, struct message *m, uint32_t size)
{
	m->flags = 1 | 4;
	m->size = size;
	if (send(sock, m, HEADER_SIZE + size, MSG_NOSIGNAL) != (ssize_t)(HEADER_SIZE + size))
		err(1, "send");
}

/* Return: false at the end of the connection. */
static bool control(int sock)
{
	struct message m;
	struct iovec iov = { .iov_base = &m, .iov_len = HEADER_SIZE };
	char cbuf[CMSG_SPACE(MAX_FDS * sizeof(int))] __attribute__((aligned(8)));
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = cbuf,
			      .msg_controllen = sizeof(cbuf) };
	int fds[MAX_FDS];
	unsigned int nr_fds = 0;
	struct queue *q;
	ssize_t n;

	n = recvmsg(sock, &hdr, 0);
	if (n <= 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c)) {
		if (c->cmsg_type == SCM_RIGHTS) {
			nr_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(c), nr_fds * sizeof(int));
		}
	}
	if (n != HEADER_SIZE || m.size > sizeof(m) - HEADER_SIZE)
		errx(1, "bad message");
	if (m.size && recv(sock, &m.u64, m.size, MSG_WAITALL) != (ssize_t)m.size)
		return false;

	switch (m.request) {
	case GET_FEATURES:
		m.u64 = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_RING_F_INDIRECT_DESC |
			1ULL << VIRTIO_RING_F_EVENT_IDX | 1ULL << F_PROTOCOL_FEATURES |
			offer_memory << VIRTIO_ACCEL_F_MEMORY;
		answer(sock, &m, 8);
		break;
	case SET_FEATURES:
		if (m.u64 & 1ULL << VIRTIO_RING_F_EVENT_IDX)
			errx(1, "the driver takes EVENT_IDX");
		break;
	case GET_PROTOCOL_FEATURES:
		m.u64 = 1ULL << PF_MQ | 1ULL << PF_CONFIG;
		answer(sock, &m, 8);
		break;
	case GET_QUEUE_NUM:
		m.u64 = MAX_QUEUES;
		answer(sock, &m, 8);
		break;
	case GET_CONFIG:
		memset(m.config.bytes, 0, sizeof(m.config.bytes));
		for (uint32_t i = 0; i < m.config.size && i < sizeof(m.config.bytes); i++)
			if (m.config.offset + i < sizeof(config))
				m.config.bytes[i] = ((uint8_t *)&config)[m.config.offset + i];
		answer(sock, &m, m.size);
		break;
	case SET_MEM_TABLE:
		set_memory(&m, fds, nr_fds);
		break;
	case SET_VRING_NUM:
		queue_of(m.state.index)->num = m.state.num;
		break;
	case SET_VRING_BASE:
		queue_of(m.state.index)->last = (uint16_t)m.state.num;
		break;
	case SET_VRING_ADDR:
		q = queue_of(m.addr.index);
		q->desc = from_uva(m.addr.desc_user_addr);
		q->avail = from_uva(m.addr.avail_user_addr);
		q->used = from_uva(m.addr.used_user_addr);
		break;
	case SET_VRING_KICK:
		queue_of(m.u64)->kick = nr_fds ? fds[0] : -1;
		break;
	case SET_VRING_CALL:
		q = queue_of(m.u64);
		if (q->call >= 0)
			close(q->call);
		q->call = nr_fds ? fds[0] : -1;
		break;
	case GET_VRING_BASE:
		m.state.num = queue_of(m.state.index)->last;
		stop_queue(m.state.index & 0xff);
		answer(sock, &m, sizeof(m.state));
		break;
	}
	return true;
}

static int listen_on(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), sock;

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		err(1, "%s", path);
	strcpy(addr.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		err(1, "%s", path);
	sock = accept(fd, NULL, NULL);
	if (sock < 0)
		err(1, "accept");
	close(fd);
	return sock;
}

static void option(const char *arg)
{
	unsigned int value;

	if (sscanf(arg, "magic=%u", &value) == 1)
		config.magic = htole32(value);
	else if (sscanf(arg, "version=%u", &value) == 1)
		config.version = htole32(value);
	else if (sscanf(arg, "queues=%u", &value) == 1)
		config.num_queues = htole32(value);
	else if (sscanf(arg, "segments=%u", &value) == 1)
		config.max_segments = htole32(value);
	else if (sscanf(arg, "message=%u", &value) == 1)
		config.max_message = htole32(value);
	else if (sscanf(arg, "reply=%u", &value) == 1)
		config.max_reply = htole32(value);
	else if (!strcmp(arg, "no-memory"))
		offer_memory = 0;
	else if (!strcmp(arg, "verbose"))
		verbose = true;
	else
		errx(2, "unknown option %s", arg);
}

static void print_tsc_khz(void)
{
#ifdef __x86_64__
	struct timespec from, to;
	uint64_t start, ticks, ns;

	clock_gettime(CLOCK_MONOTONIC, &from);
	start = __builtin_ia32_rdtsc();
	usleep(200000);
	ticks = __builtin_ia32_rdtsc() - start;
	clock_gettime(CLOCK_MONOTONIC, &to);
	ns = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (uint64_t)to.tv_nsec -
	     (uint64_t)from.tv_nsec;
	printf("%llu\n", (unsigned long long)(ticks * 1000000 / ns));
#endif
}

int main(int argc, char **argv)
{
	struct pollfd fds[MAX_QUEUES + 1];
	eventfd_t count;
	int sock;

	if (argc < 2)
		errx(2, "usage: fake-device SOCKET [FIELD=N...] [verbose]");
	if (!strcmp(argv[1], "tsc-khz")) {
		print_tsc_khz();
		return 0;
	}
	for (int i = 2; i < argc; i++)
		option(argv[i]);
	for (unsigned int i = 0; i < MAX_QUEUES; i++)
		queues[i].kick = queues[i].call = -1;
	sock = listen_on(argv[1]);
	for (;;) {
		int timeout = answer_pending();

		fds[MAX_QUEUES] = (struct pollfd){ .fd = sock, .events = POLLIN };
		for (unsigned int i = 0; i < MAX_QUEUES; i++)
			fds[i] = (struct pollfd){ .fd = queues[i].kick, .events = POLLIN };
		if (poll(fds, MAX_QUEUES + 1, timeout) < 0 && errno != EINTR)
			err(1, "poll");
		if (fds[MAX_QUEUES].revents && !control(sock))
			return 0;
		for (unsigned int i = 0; i < MAX_QUEUES; i++) {
			if (fds[i].revents && queues[i].kick == fds[i].fd) {
				eventfd_read(fds[i].fd, &count);
				serve(i);
			}
		}
	}
}
