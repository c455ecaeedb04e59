// SPDX-License-Identifier: Apache-2.0
/*
 * The vectors of what is around a message: configuration space, requests and responses. The guest's
 * side is the native transport with a queue of our own, the host's the parser of vhost-user-accel.
 */
#include "device.h"
#include "request.h"
#include "plugins/virtio/native.h"
#include "vectors.h"

#include <endian.h>

static void test_config(void **state)
{
	struct device *dev = calloc(1, sizeof(*dev));
	uint8_t bytes[256];
	struct virtio_accel_config config;
	struct vector v;

	(void)state;
	vector_read("config", "config", &v);
	assert_int_equal(v.len, sizeof(config));
	dev->opts.num_queues = 4;
	device_config(dev, 0, bytes, sizeof(bytes));
	vector_equal("config", &v, bytes, 64);
	for (size_t i = 64; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0); /* every offset answers */
	/* Any piece of it */
	for (uint32_t offset = 0; offset < 70; offset++) {
		uint8_t piece[8];

		memset(piece, 0xff, sizeof(piece));
		device_config(dev, offset, piece, sizeof(piece));
		assert_memory_equal(piece, bytes + offset, sizeof(piece));
	}
	free(dev);

	/* What a driver reads */
	memcpy(&config, v.bytes, sizeof(config));
	assert_int_equal(le32toh(config.magic), VIRTIO_ACCEL_MAGIC);
	assert_int_equal(le32toh(config.version), VIRTIO_ACCEL_VERSION);
	assert_int_equal(le32toh(config.num_queues), 4);
	assert_int_equal(le32toh(config.max_segments), 1024);
	assert_int_equal(le32toh(config.max_message), 256 * 1024);
	assert_int_equal(le32toh(config.max_reply), 256 * 1024);
}

/* ---- The guest's side: native_request.c on a queue that answers with a vector ---------------- */

static struct native_transport *guest;
static struct vector stream, response;
static const char *vector_name;

int native_queue_submit(struct native_transport *n, struct native_queue *q,
			const struct vring_buffer *buffers, uint16_t nr, struct native_request *rq)
{
	(void)q;
	assert_int_equal(nr, 2);
	assert_false(buffers[0].device_writes);
	assert_true(buffers[1].device_writes);
	vector_equal(vector_name, &stream,
		     native_mem_ptr(&n->mem, buffers[0].addr - NATIVE_MEM_GUEST_BASE),
		     buffers[0].len);
	assert_true(buffers[1].len >= (uint32_t)response.len);
	memcpy(native_mem_ptr(&n->mem, buffers[1].addr - NATIVE_MEM_GUEST_BASE), response.bytes,
	       (size_t)response.len);
	rq->written = (uint32_t)response.len;
	rq->err = 0;
	return 0;
}

void native_queue_wait(struct native_transport *n, struct native_request *rq, int timeout_ms)
{
	(void)n;
	(void)rq;
	assert_int_equal(timeout_ms, -1);
}

void native_fail(struct native_transport *n, const char *why)
{
	(void)n;
	fail_msg("%s: %s", vector_name, why);
}

static void load(const char *name)
{
	vector_name = name;
	vector_read(name, "stream", &stream);
	vector_read(name, "response", &response);
	assert_true(stream.len > 0);
}

static void guest_start(uint64_t context)
{
	guest = calloc(1, sizeof(*guest));
	guest->context = context;
	guest->nr_queues = 1;
	guest->t.info.max_message = guest->t.info.max_reply = 1 << 18;
	guest->t.info.max_segments = 1024;
	assert_int_equal(native_mem_init(&guest->mem, 16 << 20), 0);
}

static void guest_end(void)
{
	native_mem_fini(&guest->mem);
	free(guest);
}

static void test_guest_requests(void **state)
{
	struct virtio_accel_user_segment segments[2];
	struct native_extent *first, *second;
	uint8_t message[96];
	uint64_t reply[2] = {0};
	struct native_call nc = {.extent = NULL};

	(void)state;
	skip_if_emulated("madvise(MADV_DONTFORK) fails");
	guest_start(5);
	load("context-close");
	assert_int_equal(native_request(guest, VIRTIO_ACCEL_T_CONTEXT_CLOSE, -1, &nc), 0);
	assert_int_equal(nc.c.status, 0);
	guest->context = 1;

	load("request");
	memcpy(message, stream.bytes + 32, 16);
	nc.c = (struct transport_call){.message = message, .message_len = 16, .reply = reply,
				       .reply_len = sizeof(reply)};
	assert_int_equal(native_request(guest, VIRTIO_ACCEL_T_CALL, -1, &nc), 0);
	assert_int_equal(nc.c.status, VIRTIO_ACCEL_S_NOTSUP);
	assert_int_equal(nc.c.reply_len, 0);

	/* Segments in the shared memory are used where they are. */
	load("request-segments");
	assert_int_equal(native_mem_alloc(&guest->mem, 8192, NATIVE_HOLD_LONG, &first), 0);
	assert_int_equal(native_mem_alloc(&guest->mem, 8192, NATIVE_HOLD_LONG, &second), 0);
	assert_int_equal(native_mem_guest(first->offset), 0x40000000);
	assert_int_equal(native_mem_guest(second->offset), 0x40002000);
	segments[0] = (struct virtio_accel_user_segment){
		.addr = (uintptr_t)native_mem_ptr(&guest->mem, first->offset), .len = 8192,
		.flags = VIRTIO_ACCEL_SEG_READ};
	segments[1] = (struct virtio_accel_user_segment){
		.addr = (uintptr_t)native_mem_ptr(&guest->mem, second->offset), .len = 4097,
		.flags = VIRTIO_ACCEL_SEG_WRITE};
	memcpy(message, stream.bytes + stream.len - 80, 80);
	nc.c = (struct transport_call){.message = message, .message_len = 80, .segments = segments,
				       .nr_segments = 2, .reply = reply, .reply_len = sizeof(reply)};
	assert_int_equal(native_request(guest, VIRTIO_ACCEL_T_CALL, -1, &nc), 0);
	assert_int_equal(nc.c.status, 0);
	assert_int_equal(nc.c.reply_len, 8);
	assert_int_equal(le64toh(reply[0]), 81985529216486895);
	native_mem_free(&guest->mem, first);
	native_mem_free(&guest->mem, second);
	guest_end();
}

static void test_guest_memory(void **state)
{
	struct virtio_accel_user_segment segments[2] = {0};
	struct native_extent *memory, *other;
	struct native_call nc = {.extent = NULL};
	uint8_t message[16];
	uint64_t reply[2] = {0};

	(void)state;
	skip_if_emulated("madvise(MADV_DONTFORK) fails");
	guest_start(5);
	assert_int_equal(native_mem_alloc(&guest->mem, 12288, NATIVE_HOLD_LONG, &memory), 0);
	assert_int_equal(native_mem_alloc(&guest->mem, 8192, NATIVE_HOLD_LONG, &other), 0);
	assert_int_equal(native_mem_guest(other->offset), 0x40003000);

	load("memory-register-one");
	segments[0] = (struct virtio_accel_user_segment){
		.addr = (uintptr_t)native_mem_ptr(&guest->mem, memory->offset), .len = 12288,
		.flags = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE, .memory = 9};
	nc.c = (struct transport_call){.segments = segments, .nr_segments = 1};
	assert_int_equal(native_request(guest, VIRTIO_ACCEL_T_MEMORY_REGISTER, -1, &nc), 0);
	assert_int_equal(nc.c.status, 0);

	load("request-memory");
	segments[0] = (struct virtio_accel_user_segment){
		.addr = 4100, .len = 5000, .memory = 9,
		.flags = VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_MEMORY};
	segments[1] = (struct virtio_accel_user_segment){
		.addr = (uintptr_t)native_mem_ptr(&guest->mem, other->offset), .len = 4097,
		.flags = VIRTIO_ACCEL_SEG_WRITE};
	memcpy(message, stream.bytes + stream.len - 16, 16);
	nc.c = (struct transport_call){.message = message, .message_len = 16, .segments = segments,
				       .nr_segments = 2, .reply = reply, .reply_len = sizeof(reply)};
	assert_int_equal(native_request(guest, VIRTIO_ACCEL_T_CALL, -1, &nc), 0);
	assert_int_equal(nc.c.status, VIRTIO_ACCEL_S_NOTSUP);

	load("memory-unregister");
	segments[0] = (struct virtio_accel_user_segment){.memory = 9};
	nc.c = (struct transport_call){.segments = segments, .nr_segments = 1};
	assert_int_equal(native_request(guest, VIRTIO_ACCEL_T_MEMORY_UNREGISTER, -1, &nc), 0);
	assert_int_equal(nc.c.status, VIRTIO_ACCEL_S_STALE);
	native_mem_free(&guest->mem, memory);
	native_mem_free(&guest->mem, other);
	guest_end();
}

/* ---- The host's side ------------------------------------------------------------------------ */

/* One region of guest memory at guest-physical @gpa, without a file behind it */
static void region(struct memory *mem, uint64_t gpa, uint64_t size, uint8_t *base)
{
	mem->regions[mem->nr_regions++] = (struct memory_region){
		.gpa = gpa, .size = size, .base = base, .fd = -1};
	mem->size += size;
}

/* A chain of one readable piece per @piece bytes, and one writable one */
static void chain_for(struct request *r, const struct vector *v, size_t piece, uint8_t *writable,
		      uint32_t writable_len)
{
	struct chain *c = &r->chain;

	c->error = NULL;
	c->nr_readable = 0;
	c->readable_len = (uint64_t)v->len;
	for (size_t at = 0; at < (size_t)v->len; at += piece)
		c->iov[c->nr_readable++] = (struct iovec){
			(void *)(v->bytes + at),
			(size_t)v->len - at < piece ? (size_t)v->len - at : piece};
	c->nr_writable = 1;
	c->iov[c->nr_readable] = (struct iovec){writable, writable_len};
	c->writable_len = c->resp_len = writable_len;
	c->resp_addr = 1;
}

static void test_host_requests(void **state)
{
	static const size_t pieces[] = {1, 7, 16, 33, 4096};
	struct memory *mem = calloc(1, sizeof(*mem));
	struct registered *memories = registered_new();
	struct joins *joins = joins_new(NULL);
	struct request *r = request_new();
	uint8_t *low = calloc(1, 0x8000), *high = calloc(1, 0x8000), out[256];
	const uint64_t reply = htole64(81985529216486895);

	(void)state;
	region(mem, 0, 0x8000, low);
	region(mem, 0x40000000, 0x8000, high);

	/* However a request is cut into descriptors, it is the same stream. */
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		load("context-close");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		assert_int_equal(r->header.type, VIRTIO_ACCEL_T_CONTEXT_CLOSE);
		assert_int_equal(r->header.context, 5);
		assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_OK), response.len);
		vector_equal(vector_name, &response, out, (size_t)response.len);

		load("request");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		assert_int_equal(r->header.type, VIRTIO_ACCEL_T_CALL);
		assert_int_equal(r->rq.context, 1);
		assert_int_equal(r->rq.nr_segments, 0);
		assert_int_equal(r->rq.message_len, 16);
		assert_memory_equal(r->rq.message, stream.bytes + 32, 16);
		assert_int_equal(r->rq.reply_cap, sizeof(out) - 16);
		assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_NOTSUP), response.len);
		vector_equal(vector_name, &response, out, (size_t)response.len);

		load("request-segments");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		assert_int_equal(r->rq.nr_segments, 2);
		assert_int_equal(r->rq.segments[0].len, 8192);
		assert_int_equal(r->rq.segments[0].flags, VIRTIO_ACCEL_SEG_READ);
		assert_int_equal(r->rq.segments[0].nr_runs, 1);
		assert_ptr_equal(r->rq.segments[0].runs[0].iov_base, high);
		assert_int_equal(r->rq.segments[1].len, 4097);
		assert_int_equal(r->rq.segments[1].flags, VIRTIO_ACCEL_SEG_WRITE);
		assert_ptr_equal(r->rq.segments[1].runs[0].iov_base, high + 0x2000);
		assert_int_equal(r->rq.message_len, 80);
		memcpy(r->rq.reply, &reply, sizeof(reply));
		r->rq.reply_len = sizeof(reply);
		assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_OK), response.len);
		vector_equal(vector_name, &response, out, (size_t)response.len);

		load("request-runs");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		assert_int_equal(r->rq.nr_segments, 2);
		assert_int_equal(r->rq.segments[0].nr_runs, 2); /* adjoining runs are one */
		assert_ptr_equal(r->rq.segments[0].runs[0].iov_base, low + 0x1000);
		assert_int_equal(r->rq.segments[0].runs[0].iov_len, 1808);
		assert_ptr_equal(r->rq.segments[0].runs[1].iov_base, low + 0x4000);
		assert_int_equal(r->rq.segments[0].runs[1].iov_len, 8192);
		assert_ptr_equal(r->rq.segments[1].runs[0].iov_base, low + 0x2fff);
		request_finish(r, VIRTIO_ACCEL_S_OK);

		load("memory-register");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		assert_int_equal(r->header.type, VIRTIO_ACCEL_T_MEMORY_REGISTER);
		assert_int_equal(r->header.context, 5);
		assert_int_equal(r->memory, 9);
		assert_int_equal(r->segments[0].len, 12288);
		assert_int_equal(r->segments[0].nr_runs, 2);
		assert_ptr_equal(r->segments[0].runs[0].iov_base, low + 0x3000);
		assert_ptr_equal(r->segments[0].runs[1].iov_base, high);
		assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_OK), response.len);

		load("memory-register-one");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		registered_limit(memories, 0x10000);
		assert_int_equal(registered_add(memories, mem, 5, r->memory,
						r->segments[0].runs, r->segments[0].nr_runs), VIRTIO_ACCEL_S_OK);
		assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_OK), response.len);

		load("request-memory");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		assert_int_equal(r->rq.segments[0].len, 5000);
		assert_int_equal(r->rq.segments[0].nr_runs, 1);
		assert_ptr_equal(r->rq.segments[0].runs[0].iov_base, high + 4100);
		assert_ptr_equal(r->rq.segments[1].runs[0].iov_base, high + 0x3000);
		request_finish(r, VIRTIO_ACCEL_S_NOTSUP);

		load("memory-unregister");
		chain_for(r, &stream, pieces[i], out, sizeof(out));
		assert_int_equal(request_parse(r, mem, memories, joins), VIRTIO_ACCEL_S_OK);
		assert_int_equal(r->header.type, VIRTIO_ACCEL_T_MEMORY_UNREGISTER);
		assert_int_equal(registered_remove(memories, 5, r->memory), VIRTIO_ACCEL_S_OK);
		assert_int_equal(request_finish(r, VIRTIO_ACCEL_S_STALE), response.len);
		vector_equal(vector_name, &response, out, (size_t)response.len);
	}
	request_delete(r);
	registered_delete(memories);
	joins_delete(joins);
	free(low);
	free(high);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_guest_requests),
		cmocka_unit_test(test_guest_memory),
		cmocka_unit_test(test_host_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
