// SPDX-License-Identifier: Apache-2.0
/* A front end without manners, see raw_front.h. */
#define _GNU_SOURCE
#include "raw_front.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support.h"

#define CONTROL_TIMEOUT_MS	15000
#define ANSWER_TIMEOUT_MS	20000
#define RING_STRIDE		0x10000u

static void must(int err, const char *what)
{
	if (err)
		test_die("%s: %s", what, strerror(err));
}

static void negotiate(struct raw_front *r, const char *socket, uint64_t features)
{
	const uint64_t protocol = 1ull << VU_P_CONFIG | 1ull << VU_P_REPLY_ACK | 1ull << VU_P_MQ;
	struct vu_msg owner = { .request = VU_SET_OWNER };
	uint64_t offered;

	must(vu_connect(&r->conn, socket, CONTROL_TIMEOUT_MS), "connecting");
	must(vu_get_u64(&r->conn, VU_GET_FEATURES, &offered), "GET_FEATURES");
	r->features = features & offered;
	must(vu_get_u64(&r->conn, VU_GET_PROTOCOL_FEATURES, &offered), "GET_PROTOCOL_FEATURES");
	must(vu_set_u64(&r->conn, VU_SET_PROTOCOL_FEATURES, protocol & offered, -1),
	     "SET_PROTOCOL_FEATURES");
	r->conn.protocol_features = protocol & offered;
	must(vu_set(&r->conn, &owner, NULL, 0), "SET_OWNER");
	must(vu_set_u64(&r->conn, VU_SET_FEATURES, r->features, -1), "SET_FEATURES");
}

void raw_connect(struct raw_front *r, const char *socket, uint64_t features)
{
	memset(r, 0, sizeof(*r));
	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		r->queues[i].kick = r->queues[i].call = -1;
	negotiate(r, socket, features);
}

static void set_memory(struct raw_front *r)
{
	struct vu_msg m = {
		.request = VU_SET_MEM_TABLE,
		.size = offsetof(struct vu_memory, regions) + sizeof(struct vu_region),
		.memory.nr_regions = 1,
	};

	m.memory.regions[0] = (struct vu_region){
		.guest_addr = NATIVE_MEM_GUEST_BASE,
		.size = RAW_MEMORY,
		.user_addr = (uintptr_t)r->mem.base,
	};
	must(vu_set(&r->conn, &m, &r->mem.fd, 1), "SET_MEM_TABLE");
}

void raw_share(struct raw_front *r)
{
	struct native_extent *all;

	must(native_mem_init(&r->mem, RAW_MEMORY), "guest memory");
	must(native_mem_alloc(&r->mem, RAW_MEMORY, NATIVE_HOLD_LONG, &all), "guest memory");
	set_memory(r);
}

void raw_reconnect(struct raw_front *r, const char *socket)
{
	negotiate(r, socket, r->features);
	set_memory(r);
}

void raw_resume_queue(struct raw_front *r, unsigned int index, uint16_t base)
{
	struct raw_queue *q = &r->queues[index];
	struct vu_conn *c = &r->conn;
	struct vu_msg addr = { .request = VU_SET_VRING_ADDR, .size = sizeof(addr.addr) };

	addr.addr = (struct vu_vring_addr){
		.index = index,
		.desc = (uintptr_t)q->vr.desc,
		.avail = (uintptr_t)q->vr.avail,
		.used = (uintptr_t)q->vr.used,
	};
	must(vu_set_state(c, VU_SET_VRING_NUM, index, RAW_SIZE), "SET_VRING_NUM");
	must(vu_set_state(c, VU_SET_VRING_BASE, index, base), "SET_VRING_BASE");
	must(vu_set(c, &addr, NULL, 0), "SET_VRING_ADDR");
	must(vu_set_u64(c, VU_SET_VRING_CALL, index, q->call), "SET_VRING_CALL");
	must(vu_set_u64(c, VU_SET_VRING_KICK, index, q->kick), "SET_VRING_KICK");
	must(vu_set_state(c, VU_SET_VRING_ENABLE, index, 1), "SET_VRING_ENABLE");
}

void raw_start_queue(struct raw_front *r, unsigned int index)
{
	struct raw_queue *q = &r->queues[index];

	if (q->kick < 0) {
		q->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		q->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (q->kick < 0 || q->call < 0)
			must(errno, "eventfd");
	}
	vring_driver_fini(&q->vr);
	must(vring_driver_init(&q->vr, RAW_SIZE, raw_at(r, index * RING_STRIDE),
			       r->features & 1ull << VIRTIO_RING_F_EVENT_IDX), "ring");
	raw_resume_queue(r, index, 0);
}

void raw_open(struct raw_front *r, const char *socket, uint64_t features)
{
	raw_connect(r, socket, features);
	raw_share(r);
	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		raw_start_queue(r, i);
}

void raw_close(struct raw_front *r)
{
	vu_close(&r->conn);
	for (unsigned int i = 0; i < RAW_QUEUES; i++) {
		vring_driver_fini(&r->queues[i].vr);
		if (r->queues[i].kick >= 0)
			close(r->queues[i].kick);
		if (r->queues[i].call >= 0)
			close(r->queues[i].call);
	}
	if (r->mem.base)
		native_mem_fini(&r->mem);
	memset(r, 0, sizeof(*r));
	r->conn.fd = -1;
}

void *raw_at(struct raw_front *r, size_t offset)
{
	return native_mem_ptr(&r->mem, offset);
}

uint64_t raw_guest(size_t offset)
{
	return native_mem_guest(offset);
}

void raw_kick(struct raw_front *r, unsigned int index)
{
	eventfd_write(r->queues[index].kick, 1);
}

int64_t raw_wait(struct raw_front *r, unsigned int index, int timeout_ms, void **token)
{
	struct raw_queue *q = &r->queues[index];
	struct pollfd p = { .fd = q->call, .events = POLLIN };
	eventfd_t count;
	uint32_t len;
	void *t;

	/* Without counting: a device that calls too often without need only makes the test fail. */
	while (vring_driver_enable_calls(&q->vr)) {
		if (poll(&p, 1, timeout_ms) == 0)
			break;
		eventfd_read(q->call, &count);
	}
	vring_driver_disable_calls(&q->vr);
	switch (vring_driver_get_used(&q->vr, &t, &len)) {
	case 0:
		if (token)
			*token = t;
		return len;
	case EAGAIN:
		return -1;
	default:
		test_die("the device has broken the rules of the virtqueue");
	}
}

int64_t raw_send(struct raw_front *r, uint32_t len, uint32_t room)
{
	const struct vring_buffer buffers[] = {
		{ .addr = raw_guest(RAW_IN), .len = len },
		{ .addr = raw_guest(RAW_OUT), .len = room, .device_writes = true },
	};

	memset(raw_at(r, RAW_OUT), 0xee, sizeof(struct virtio_accel_resp));
	must(vring_driver_add(&r->queues[r->use].vr, buffers, room ? 2 : 1, r), "adding a chain");
	if (vring_driver_kick_needed(&r->queues[r->use].vr))
		raw_kick(r, r->use);
	return raw_wait(r, r->use, ANSWER_TIMEOUT_MS, NULL);
}

struct virtio_accel_resp raw_resp(struct raw_front *r)
{
	struct virtio_accel_resp resp;

	memcpy(&resp, raw_at(r, RAW_OUT), sizeof(resp));
	resp.status = le32toh(resp.status);
	resp.reply_len = le32toh(resp.reply_len);
	return resp;
}

uint32_t raw_build(struct raw_front *r, const struct virtio_accel_req *req,
		   const struct virtio_accel_segment *segments,
		   const struct virtio_accel_run *runs, const void *message, size_t message_len)
{
	const size_t segments_len = le32toh(req->nr_segments) * sizeof(*segments);
	const size_t runs_len = le32toh(req->nr_runs) * sizeof(*runs);
	char *p = raw_at(r, RAW_IN);

	p = mempcpy(p, req, sizeof(*req));
	if (segments)
		p = mempcpy(p, segments, segments_len);
	if (runs)
		p = mempcpy(p, runs, runs_len);
	if (message)
		p = mempcpy(p, message, message_len);
	return (uint32_t)(p - (char *)raw_at(r, RAW_IN));
}

size_t raw_session_message(void *to)
{
	const struct virtio_accel_msg msg = { .op = htole16(VIRTIO_ACCEL_OP_SESSION_INIT) };
	const uint64_t flags = 0;
	const struct virtio_accel_buf id = {
		.len = htole64(sizeof(uint64_t)),
		.where = htole32(VIRTIO_ACCEL_BUF_INLINE),
	};
	char *p = to;

	p = mempcpy(p, &msg, sizeof(msg));
	p = mempcpy(p, &flags, sizeof(flags));
	p = mempcpy(p, &id, sizeof(id));
	return (size_t)(p - (char *)to);
}

uint32_t raw_session(struct raw_front *r, uint64_t *id)
{
	char message[64];
	size_t len = raw_session_message(message);
	const struct virtio_accel_req req = {
		.type = htole32(VIRTIO_ACCEL_T_CALL),
		.context = htole64(1),
		.message_len = htole32((uint32_t)len),
	};
	struct virtio_accel_resp resp;
	struct virtio_accel_buf buf;
	int64_t written;

	written = raw_send(r, raw_build(r, &req, NULL, NULL, message, len), 4096);
	if (written < 0)
		test_die("no answer to a request for a session");
	resp = raw_resp(r);
	if (resp.status)
		return resp.status;
	if (resp.reply_len != sizeof(buf) + sizeof(uint64_t) ||
	    written != (int64_t)(sizeof(resp) + resp.reply_len))
		test_die("the answer with a session's id has %u bytes", resp.reply_len);
	memcpy(&buf, (char *)raw_at(r, RAW_OUT) + sizeof(resp), sizeof(buf));
	if (le64toh(buf.len) != sizeof(uint64_t) || le32toh(buf.where) != VIRTIO_ACCEL_BUF_INLINE)
		test_die("a session's id comes in a wrong buffer");
	if (id)
		memcpy(id, (char *)raw_at(r, RAW_OUT) + sizeof(resp) + sizeof(buf), sizeof(*id));
	return 0;
}

static bool has_served(void *arg)
{
	struct raw_front *r = arg;

	r->status = raw_session(r, NULL);
	return r->status != VIRTIO_ACCEL_S_AGAIN;
}

void raw_expect_alive(struct raw_front *r)
{
	const struct virtio_accel_req close = {
		.type = htole32(VIRTIO_ACCEL_T_CONTEXT_CLOSE),
		.context = htole64(1),
	};
	int64_t written;

	/* A worker that has died more than once does not start again at once. */
	test_wait(has_served, r, ANSWER_TIMEOUT_MS);
	if (r->status)
		test_die("the device does not open a session any more: status %u", r->status);
	written = raw_send(r, raw_build(r, &close, NULL, NULL, "", 0),
			   sizeof(struct virtio_accel_resp));
	if (written != sizeof(struct virtio_accel_resp) || raw_resp(r).status)
		test_die("the device does not close a context any more");
}
