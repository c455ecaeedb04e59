// SPDX-License-Identifier: Apache-2.0
/* Requests of any content, and somebody who must notice nothing: see hostile.h. */
#define _GNU_SOURCE
#include "hostile.h"

#define ANSWER_MS 20000

static void put(struct hostile_message *m, const void *data, size_t len)
{
	if (m->len + len > sizeof(m->bytes))
		test_die("a hostile message is too long");
	if (len)
		memcpy(m->bytes + m->len, data, len);
	m->len += (uint32_t)len;
}

void hostile_begin(struct hostile_message *m, uint16_t op, uint64_t session)
{
	const struct virtio_accel_msg msg = { .op = htole16(op), .session = htole64(session) };

	memset(m, 0, sizeof(*m));
	m->type = VIRTIO_ACCEL_T_CALL;
	m->context = 1;
	put(m, &msg, sizeof(msg));
}

void hostile_value(struct hostile_message *m, uint64_t value)
{
	value = htole64(value);
	put(m, &value, sizeof(value));
}

void hostile_buffer(struct hostile_message *m, uint32_t where, uint64_t len, uint64_t ref,
		    const void *bytes)
{
	const struct virtio_accel_buf buf = {
		.len = htole64(len), .ref = htole64(ref), .where = htole32(where),
	};
	static const uint8_t padding[8];

	put(m, &buf, sizeof(buf));
	if (bytes) {
		put(m, bytes, len);
		put(m, padding, -len & 7);
	}
}

void hostile_segment(struct hostile_message *m, uint64_t addr, uint64_t len, uint32_t flags)
{
	uint32_t i = m->nr_segments++;

	if (i >= HOSTILE_SEGMENTS)
		test_die("a hostile message has too many segments");
	m->segments[i] = (struct virtio_accel_segment){
		.len = htole64(len), .flags = htole32(flags), .nr_runs = htole32(1),
	};
	m->runs[i] = (struct virtio_accel_run){ htole64(addr), htole64(len) };
}

uint32_t hostile_build(struct raw_front *r, const struct hostile_message *m)
{
	const struct virtio_accel_req req = {
		.type = htole32(m->type),
		.context = htole64(m->context),
		.nr_segments = htole32(m->nr_segments),
		.nr_runs = htole32(m->nr_segments),
		.message_len = htole32(m->len),
	};

	return raw_build(r, &req, m->segments, m->runs, m->bytes, m->len);
}

void hostile_send(struct raw_front *r, const struct hostile_message *m, uint32_t room)
{
	const uint8_t *out = raw_at(r, RAW_OUT);
	int64_t written;

	memset(raw_at(r, RAW_OUT), 0xee, 8192);
	written = raw_send(r, hostile_build(r, m), room);
	if (written < (room < sizeof(struct virtio_accel_resp) ? 0 :
		       (int64_t)sizeof(struct virtio_accel_resp)) || written > (int64_t)room)
		test_die("%lld bytes of an answer in %u", (long long)written, room);
	if (written && written != (int64_t)sizeof(struct virtio_accel_resp) + raw_resp(r).reply_len)
		test_die("%lld bytes of an answer, which has %u", (long long)written,
			 raw_resp(r).reply_len);
	if (written && raw_resp(r).reserved)
		test_die("a reserved field of an answer is not 0");
	/* raw_send() itself has written the room for a response. */
	for (size_t i = (size_t)written; i < 8192; i++)
		if (out[i] != 0xee)
			test_die("byte %zu behind an answer of %lld bytes was written", i,
				 (long long)written);
}

int64_t hostile_chain(struct raw_front *r, uint64_t in, uint32_t len, uint64_t out)
{
	struct vring_driver *vr = &r->queues[0].vr;
	int64_t written;

	vr->desc[0] = (struct vring_desc){ htole64(in), htole32(len), htole16(VRING_DESC_F_NEXT),
					   htole16(1) };
	vr->desc[1] = (struct vring_desc){ htole64(out), htole32(4096),
					   htole16(VRING_DESC_F_WRITE), 0 };
	memset(raw_at(r, RAW_OUT), 0xee, sizeof(struct virtio_accel_resp));
	vring_driver_publish(vr, 0, r, 4096);
	raw_kick(r, 0);
	written = raw_wait(r, 0, ANSWER_MS, NULL);
	if (written < 0)
		test_die("a chain is not given back");
	return written ? (int64_t)raw_resp(r).status : -1;
}

void hostile_share_two(struct raw_front *r, size_t half, size_t far)
{
	struct native_extent *all;
	struct vu_msg m = {
		.request = VU_SET_MEM_TABLE,
		.size = offsetof(struct vu_memory, regions) + 2 * sizeof(struct vu_region),
		.memory.nr_regions = 2,
	};
	int fds[2];

	if (native_mem_init(&r->mem, RAW_MEMORY) ||
	    native_mem_alloc(&r->mem, RAW_MEMORY, NATIVE_HOLD_LONG, &all))
		test_die("no guest memory");
	fds[0] = fds[1] = r->mem.fd;
	m.memory.regions[0] = (struct vu_region){
		.guest_addr = NATIVE_MEM_GUEST_BASE,
		.size = half,
		.user_addr = (uintptr_t)r->mem.base,
	};
	m.memory.regions[1] = (struct vu_region){
		.guest_addr = NATIVE_MEM_GUEST_BASE + half,
		.size = RAW_MEMORY - far,
		.user_addr = (uintptr_t)r->mem.base + far,
		.offset = far,
	};
	if (vu_set(&r->conn, &m, fds, 2))
		test_die("two regions are refused");
}

static uint64_t reply_id(struct raw_front *r)
{
	uint64_t id;

	if (raw_resp(r).status)
		test_die("no new object: status %u", raw_resp(r).status);
	memcpy(&id, (char *)raw_at(r, RAW_OUT) + sizeof(struct virtio_accel_resp) +
			    sizeof(struct virtio_accel_buf), sizeof(id));
	return le64toh(id);
}

uint64_t hostile_resource(struct raw_front *r, uint64_t context, uint32_t path_type)
{
	struct hostile_message m;

	hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_CREATE, 0);
	m.context = context;
	hostile_value(&m, 2);
	hostile_value(&m, path_type);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, NULL);
	hostile_send(r, &m, 4096);
	return reply_id(r);
}

uint32_t hostile_add(struct raw_front *r, uint64_t context, uint64_t resource, uint64_t size,
		     const char *name)
{
	struct hostile_message m;

	hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_ADD, 0);
	m.context = context;
	hostile_value(&m, resource);
	hostile_value(&m, 0);
	hostile_value(&m, size);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, strlen(name) + 1, 0, name);
	hostile_send(r, &m, 4096);
	return raw_resp(r).status;
}

uint64_t hostile_file(struct raw_front *r, uint64_t context, uint64_t size)
{
	uint64_t id = hostile_resource(r, context, 0);
	uint32_t status = hostile_add(r, context, id, size, "file");

	if (status)
		test_die("no new file: status %u", status);
	return id;
}

unsigned int hostile_count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* ---- Another VM ---------------------------------------------------------------------------- */

static uint32_t other_call(struct other_vm *vm, const void *message, uint32_t len, void *reply,
			   uint32_t room)
{
	uint32_t status = UINT32_MAX;
	int err = vm->t->ops->call(vm->t, message, len, NULL, 0, reply, &room, &status);

	if (err)
		test_die("another VM's call fails: %s", strerror(err));
	return status;
}

void other_vm_open(struct other_vm *vm, const char *socket)
{
	char message[64], reply[64];
	uint32_t len = (uint32_t)raw_session_message(message);

	if (transport_open_native(socket, &vm->t))
		test_die("another VM cannot connect");
	if (other_call(vm, message, len, reply, sizeof(reply)))
		test_die("another VM gets no session");
	memcpy(&vm->session, reply + sizeof(struct virtio_accel_buf), sizeof(vm->session));
}

void other_vm_close(struct other_vm *vm)
{
	vm->t->ops->close(vm->t);
}

void other_vm_expect_served(struct other_vm *vm)
{
	const struct virtio_accel_msg noop = { .session = vm->session };
	uint32_t status = other_call(vm, &noop, sizeof(noop), NULL, 0);

	if (status)
		test_die("another VM's call ends with status %u", status);
}
