// SPDX-License-Identifier: Apache-2.0
/* A back end that can misbehave, see fake_backend.h. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "fake_backend.h"
#include "plugins/virtio/native_proto.h"
#include "support.h"

#define ALL_FEATURES	(1ull << VIRTIO_F_VERSION_1 | 1ull << VU_F_PROTOCOL_FEATURES | \
			 1ull << VIRTIO_RING_F_EVENT_IDX)
#define ALL_PROTOCOL	(1ull << VU_P_MQ | 1ull << VU_P_REPLY_ACK | 1ull << VU_P_CONFIG)

#define MAX_HELD	256

struct held {
	struct fake_ring *ring;
	uint16_t head;
};

/* ---- Memory -------------------------------------------------------------------------------- */

static void *at_guest(struct fake_backend *f, uint64_t addr, uint64_t len)
{
	if (addr < f->guest_base || addr - f->guest_base > f->mem_size ||
	    len > f->mem_size - (addr - f->guest_base))
		test_die("the front end names 0x%llx+%llu, outside of its memory (%llu bytes)",
			 (unsigned long long)addr, (unsigned long long)len,
			 (unsigned long long)f->mem_size);
	return f->mem + (addr - f->guest_base);
}

static void *at_user(struct fake_backend *f, uint64_t addr)
{
	return at_guest(f, addr - f->user_base + f->guest_base, 1);
}

/* ---- The device ---------------------------------------------------------------------------- */

static void signal_used(struct fake_backend *f, struct fake_ring *r, uint16_t old)
{
	uint16_t new_idx = r->used->idx;

	atomic_thread_fence(memory_order_seq_cst);
	if (f->features & 1ull << VIRTIO_RING_F_EVENT_IDX) {
		uint16_t event = __atomic_load_n(&r->avail->ring[r->size], __ATOMIC_ACQUIRE);

		if (!vring_need_event(event, new_idx, old))
			return;
	} else if (__atomic_load_n(&r->avail->flags, __ATOMIC_ACQUIRE) &
		   VRING_AVAIL_F_NO_INTERRUPT) {
		return;
	}
	eventfd_write(r->call, 1);
}

static void put_used(struct fake_backend *f, struct fake_ring *r, uint32_t id, uint32_t len)
{
	uint16_t old = r->used->idx;
	struct vring_used_elem *e = &r->used->ring[old % r->size];

	e->id = id;
	e->len = len;
	__atomic_store_n(&r->used->idx, (uint16_t)(old + 1), __ATOMIC_RELEASE);
	signal_used(f, r, old);
}

/* Gathers the readable part of a chain, and finds the only writable descriptor. */
static char *read_chain(struct fake_backend *f, struct fake_ring *r, uint16_t head, size_t *len,
			struct vring_desc *writable)
{
	char *data = NULL;
	uint16_t i = head;

	*len = 0;
	memset(writable, 0, sizeof(*writable));
	for (;;) {
		struct vring_desc d = r->desc[i];
		char *p = at_guest(f, d.addr, d.len);

		if (d.flags & VRING_DESC_F_WRITE) {
			*writable = d;
		} else {
			data = realloc(data, *len + d.len + 1);
			memcpy(data + *len, p, d.len);
			*len += d.len;
		}
		if (!(d.flags & VRING_DESC_F_NEXT))
			return data;
		i = d.next;
	}
}

static void flip_segments(struct fake_backend *f, const char *p, const struct virtio_accel_req *req)
{
	const char *run = p + sizeof(*req) + req->nr_segments * sizeof(struct virtio_accel_segment);

	for (uint32_t i = 0; i < req->nr_segments; i++) {
		struct virtio_accel_segment s;

		memcpy(&s, p + sizeof(*req) + i * sizeof(s), sizeof(s));
		for (uint32_t k = 0; k < s.nr_runs; k++, run += sizeof(struct virtio_accel_run)) {
			struct virtio_accel_run wr;
			unsigned char *mem;

			memcpy(&wr, run, sizeof(wr));
			mem = at_guest(f, wr.addr, wr.len);
			if (!(s.flags & VIRTIO_ACCEL_SEG_WRITE))
				continue;
			for (uint64_t b = 0; b < wr.len; b++)
				mem[b] = ~mem[b];
			f->memory_flips++;
		}
	}
}

static void answer(struct fake_backend *f, struct fake_ring *r, uint16_t head)
{
	struct virtio_accel_resp resp = { .status = FAKE_STATUS };
	enum fake_fault fault = FAKE_FAULT_NONE;
	struct virtio_accel_req req;
	struct vring_desc w;
	size_t len;
	char *p = read_chain(f, r, head, &len, &w);
	uint32_t written;

	if (len < sizeof(req) || w.len < sizeof(resp))
		test_die("a chain of %zu readable and %u writable bytes", len, w.len);
	memcpy(&req, p, sizeof(req));
	if (req.context == 0 || req.flags || req.reserved)
		test_die("request with context 0 or reserved bits");
	if (req.type == VIRTIO_ACCEL_T_CONTEXT_CLOSE) {
		f->closes++;
	} else {
		f->calls++;
		flip_segments(f, p, &req);
		resp.reply_len = req.message_len < w.len - sizeof(resp) ? req.message_len :
									  w.len - sizeof(resp);
		memcpy(at_guest(f, w.addr + sizeof(resp), resp.reply_len),
		       p + len - req.message_len, resp.reply_len);
		if (!f->faulted)
			fault = f->options.fault;
		f->faulted = true;
	}
	written = sizeof(resp) + resp.reply_len;
	free(p);

	if (fault == FAKE_FAULT_REPLY_LEN)
		resp.reply_len = written - sizeof(resp) + 1;
	if (fault == FAKE_FAULT_REPLY_HUGE)
		resp.reply_len = UINT32_MAX;
	memcpy(at_guest(f, w.addr, sizeof(resp)), &resp, sizeof(resp));
	switch (fault) {
	case FAKE_FAULT_USED_ID:
		put_used(f, r, (head + 64) % r->size, written);
		break;
	case FAKE_FAULT_USED_RANGE:
		put_used(f, r, r->size, written);
		break;
	case FAKE_FAULT_USED_TWICE:
		put_used(f, r, head, written);
		put_used(f, r, head, written);
		break;
	case FAKE_FAULT_USED_LEN:
		put_used(f, r, head, w.len + 1);
		break;
	case FAKE_FAULT_SHORT:
		put_used(f, r, head, sizeof(resp) - 1);
		break;
	case FAKE_FAULT_CLOSE:
		shutdown(f->conn, SHUT_RDWR);
		break;
	case FAKE_FAULT_TALK:
		send(f->conn, "hello", 5, MSG_NOSIGNAL);
		break;
	default:
		put_used(f, r, head, written);
	}
}

static struct held held[MAX_HELD];

static void serve_held(struct fake_backend *f)
{
	unsigned int n = f->held;

	while (n > 0) {
		n--;
		answer(f, held[n].ring, held[n].head);
	}
	f->held = 0;
}

static void serve(struct fake_backend *f, struct fake_ring *r)
{
	bool event_idx = f->features & 1ull << VIRTIO_RING_F_EVENT_IDX;
	eventfd_t count;

	eventfd_read(r->kick, &count);
	for (;;) {
		uint16_t *avail_event = (void *)&r->used->ring[r->size];
		struct virtio_accel_req req;
		uint16_t head;

		if (r->last_avail == __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE)) {
			if (!event_idx)
				break;
			__atomic_store_n(avail_event, r->last_avail, __ATOMIC_RELEASE);
			atomic_thread_fence(memory_order_seq_cst);
			if (r->last_avail == __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE))
				break;
		}
		head = r->avail->ring[r->last_avail++ % r->size];
		memcpy(&req, at_guest(f, r->desc[head].addr, sizeof(req)), sizeof(req));
		if (req.type == VIRTIO_ACCEL_T_CONTEXT_CLOSE && f->options.ignore_close)
			continue;
		if ((f->options.hold || f->options.batch) && !f->released && f->held < MAX_HELD &&
		    req.type == VIRTIO_ACCEL_T_CALL) {
			held[f->held] = (struct held){ r, head };
			f->held++;
			if (f->options.batch && f->held >= f->options.batch)
				serve_held(f);
		} else {
			answer(f, r, head);
		}
	}
}

/* ---- Control messages ---------------------------------------------------------------------- */

static void reply_bytes(struct fake_backend *f, struct vu_msg *m)
{
	m->flags = VU_VERSION | VU_REPLY;
	send(f->conn, m, VU_HEADER_SIZE + m->size, MSG_NOSIGNAL);
}

static void reply_u64(struct fake_backend *f, struct vu_msg *m, uint64_t v)
{
	m->size = sizeof(m->u64);
	m->u64 = v;
	reply_bytes(f, m);
}

static void get_config(struct fake_backend *f, struct vu_msg *m)
{
	char space[VU_MAX_CONFIG] = { 0 };

	memcpy(space, &f->options.config, sizeof(f->options.config));
	if (m->config.offset <= sizeof(space) && m->config.size <= sizeof(space) - m->config.offset)
		memcpy(m->config.data, space + m->config.offset, m->config.size);
	reply_bytes(f, m);
}

static void set_memory(struct fake_backend *f, struct vu_msg *m, int fd)
{
	struct vu_region r = m->memory.regions[0];

	if (m->memory.nr_regions != 1 || fd < 0)
		test_die("SET_MEM_TABLE with %u regions", m->memory.nr_regions);
	f->mem_size = r.size;
	f->guest_base = r.guest_addr;
	f->user_base = r.user_addr;
	f->mem = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		      (off_t)r.offset);
	if (f->mem == MAP_FAILED)
		test_die("mmap of guest memory: %s", strerror(errno));
	close(fd);
}

static void keep_fd(int *where, struct vu_msg *m, int fd)
{
	if (*where >= 0)
		close(*where);
	*where = m->u64 & VU_NO_FD ? -1 : fd;
}

static void handle(struct fake_backend *f, struct vu_msg *m, int fd)
{
	struct fake_ring *r = &f->rings[m->state.index & 0x3f];
	bool need_reply = m->flags & VU_NEED_REPLY;
	uint64_t result = 0;

	switch (m->request) {
	case VU_GET_FEATURES:
		reply_u64(f, m, f->options.features);
		return;
	case VU_GET_PROTOCOL_FEATURES:
		reply_u64(f, m, f->options.protocol_features);
		return;
	case VU_GET_QUEUE_NUM:
		reply_u64(f, m, f->options.config.num_queues);
		return;
	case VU_GET_CONFIG:
		get_config(f, m);
		return;
	case VU_GET_VRING_BASE:
		m->state.num = r->last_avail;
		r->enabled = false;
		reply_bytes(f, m);
		return;
	case VU_SET_FEATURES:
		f->features = m->u64;
		break;
	case VU_SET_PROTOCOL_FEATURES:
		f->protocol_features = m->u64;
		break;
	case VU_SET_MEM_TABLE:
		set_memory(f, m, fd);
		result = f->options.refuse_memory;
		break;
	case VU_SET_VRING_NUM:
		r->size = m->state.num;
		break;
	case VU_SET_VRING_BASE:
		r->last_avail = (uint16_t)m->state.num;
		break;
	case VU_SET_VRING_ADDR:
		r->desc = at_user(f, m->addr.desc);
		r->avail = at_user(f, m->addr.avail);
		r->used = at_user(f, m->addr.used);
		break;
	case VU_SET_VRING_KICK:
		keep_fd(&r->kick, m, fd);
		break;
	case VU_SET_VRING_CALL:
		keep_fd(&r->call, m, fd);
		break;
	case VU_SET_VRING_ENABLE:
		r->enabled = m->state.num;
		break;
	case VU_SET_OWNER:
		break;
	default:
		test_die("the front end sends request %u", m->request);
	}
	if (need_reply)
		reply_u64(f, m, result);
}

/* Return: false when the front end has gone. */
static bool take_message(struct fake_backend *f)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct vu_msg m;
	struct iovec iov = { &m, VU_HEADER_SIZE };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cm;
	int fd = -1;

	if (recvmsg(f->conn, &mh, MSG_WAITALL | MSG_CMSG_CLOEXEC) != (ssize_t)VU_HEADER_SIZE)
		return false;
	cm = CMSG_FIRSTHDR(&mh);
	if (cm && cm->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	if (m.size > sizeof(m.bytes) ||
	    (m.size && recv(f->conn, m.bytes, m.size, MSG_WAITALL) != (ssize_t)m.size))
		test_die("a message of %u bytes is cut off", m.size);
	handle(f, &m, fd);
	return true;
}

/* ---- The thread ---------------------------------------------------------------------------- */

static void drop_connection(struct fake_backend *f)
{
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++) {
		if (f->rings[i].kick >= 0)
			close(f->rings[i].kick);
		if (f->rings[i].call >= 0)
			close(f->rings[i].call);
		f->rings[i] = (struct fake_ring){ .kick = -1, .call = -1 };
	}
	if (f->mem)
		munmap(f->mem, f->mem_size);
	f->mem = NULL;
	if (f->conn >= 0)
		close(f->conn);
	f->conn = -1;
	f->held = 0;
}

static void *backend_thread(void *arg)
{
	struct fake_backend *f = arg;
	struct pollfd p[2 + VIRTIO_ACCEL_MAX_QUEUES];

	for (;;) {
		p[0] = (struct pollfd){ .fd = f->stop_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = f->conn >= 0 ? f->conn : f->listener,
					.events = POLLIN };
		for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
			p[2 + i] = (struct pollfd){
				.fd = f->rings[i].enabled ? f->rings[i].kick : -1,
				.events = POLLIN,
			};
		if (poll(p, 2 + VIRTIO_ACCEL_MAX_QUEUES, 10000) < 0 && errno != EINTR)
			test_die("poll: %s", strerror(errno));
		if (f->released)
			serve_held(f);
		if (p[0].revents & POLLIN) {
			eventfd_t count;

			eventfd_read(f->stop_fd, &count);
			if (count >= 1000)
				break;
		}
		for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
			if (p[2 + i].revents)
				serve(f, &f->rings[i]);
		if (!p[1].revents)
			continue;
		if (f->conn < 0) {
			f->conn = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
			f->connections++;
		} else if (f->options.mute || !take_message(f)) {
			char byte[64];

			if (f->options.mute && recv(f->conn, byte, sizeof(byte), 0) > 0)
				continue;
			drop_connection(f);
			f->gone = true;
		}
	}
	drop_connection(f);
	return NULL;
}

void fake_start(struct fake_backend *f, const struct fake_options *options)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	static unsigned int started;

	memset(f, 0, sizeof(*f));
	f->options = *options;
	if (f->options.features == 0)
		f->options.features = ALL_FEATURES;
	if (f->options.protocol_features == 0)
		f->options.protocol_features = ALL_PROTOCOL;
	else if (f->options.protocol_features == UINT64_MAX)
		f->options.protocol_features = 0;
	if (f->options.config.magic == 0)
		f->options.config = (struct virtio_accel_config){
			.magic = htole32(VIRTIO_ACCEL_MAGIC),
			.version = htole32(VIRTIO_ACCEL_VERSION),
			.num_queues = htole32(4),
			.max_segments = htole32(256),
			.max_message = htole32(1 << 20),
			.max_reply = htole32(1 << 20),
		};
	f->conn = -1;
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++)
		f->rings[i] = (struct fake_ring){ .kick = -1, .call = -1 };
	snprintf(f->path, sizeof(f->path), "%s/fake-%u.sock", test_dir(), ++started);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(f->listener, 1))
		test_die("cannot listen at %s: %s", f->path, strerror(errno));
	if (pthread_create(&f->thread, NULL, backend_thread, f))
		test_die("no thread");
}

void fake_release(struct fake_backend *f)
{
	f->released = true;
	eventfd_write(f->stop_fd, 1);
}

void fake_stop(struct fake_backend *f)
{
	eventfd_write(f->stop_fd, 1000);
	pthread_join(f->thread, NULL);
	close(f->listener);
	close(f->stop_fd);
	unlink(f->path);
}
