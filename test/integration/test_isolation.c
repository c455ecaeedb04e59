// SPDX-License-Identifier: Apache-2.0
/*
 * What one VM, or one program in it, has on the host is out of reach for all others: they guess the
 * ids of its sessions, resources, kept outputs and registered memory, and look at its files.
 *
 * With "shared" as the argument the VMs share a worker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/codec.h"
#include "raw_front.h"
#include "support.h"
#include "vaccel.h"

/* As outputs, not all of them fit into the reply. */
#define OUTPUT 4000
#define OUTPUTS 3

static struct daemon host[2]; /* the second one does not run where the VMs share a worker of the first */
static bool shared;
static struct raw_front front[2];

/* A guest program: a context of one of the VMs. */
struct who {
	struct raw_front *front;
	uint64_t context;
};

/* What it has. */
struct owned {
	int64_t session, resource;
	uint64_t output;
	uint32_t memory;
};

static uint32_t send_request(const struct who *w, struct virtio_accel_req *req,
			     const struct virtio_accel_segment *segment,
			     const struct virtio_accel_run *run, const void *message, uint32_t room)
{
	uint32_t len;

	req->context = htole64(w->context);
	len = raw_build(w->front, req, segment, run, message, le32toh(req->message_len));
	assert_true(raw_send(w->front, len, room) >= (int64_t)sizeof(struct virtio_accel_resp));
	return raw_resp(w->front).status;
}

/* Any operation; outputs go where the program wants them. */
static uint32_t call_op(const struct who *w, uint16_t op, int64_t session, const union vop_val *vals)
{
	/* Without segments everything is in the message. */
	static const struct virtio_accel_info info = {
		.max_message = 1 << 16, .max_reply = 1 << 16};
	const struct vop_desc *desc = vop_find(op);
	struct virtio_accel_req req = {.type = htole32(VIRTIO_ACCEL_T_CALL)};
	struct vop_encoder e;
	uint32_t status;

	assert_int_equal(vop_encode(&e, &info, desc, session, vals, NULL), 0);
	assert_int_equal(e.nr_segs, 0);
	req.message_len = htole32(e.msg_len);
	status = send_request(w, &req, NULL, NULL, e.msg,
			      (uint32_t)(sizeof(struct virtio_accel_resp) + e.reply_room));
	vop_encoder_release(&e);
	return status;
}

/* The bytes of the @nr-th inline output of 8 bytes in the last reply */
static uint64_t reply_number(const struct who *w, size_t at)
{
	uint64_t n;

	memcpy(&n, (char *)raw_at(w->front, RAW_OUT) + sizeof(struct virtio_accel_resp) + at, 8);
	return le64toh(n);
}

#define I(number) {.i = (int64_t)(number)}
#define P(pointer) {.p = (void *)(pointer)}
#define CALL(w, OP, session, ...) \
	call_op(w, VIRTIO_ACCEL_OP_##OP, session, (union vop_val[]){__VA_ARGS__})

static uint32_t memory_request(const struct who *w, uint32_t type, uint32_t id)
{
	struct virtio_accel_req req = {.type = htole32(type), .nr_segments = htole32(1)};
	struct virtio_accel_segment segment = {.memory = htole32(id)};
	const struct virtio_accel_run run = {htole64(raw_guest(RAW_DATA)), htole64(1 << 20)};

	if (type == VIRTIO_ACCEL_T_MEMORY_REGISTER) {
		req.nr_runs = htole32(1);
		segment.len = htole64(1 << 20);
		segment.nr_runs = htole32(1);
		segment.flags = htole32(VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE);
	}
	return send_request(w, &req, &segment, &run, "", 64);
}

/* A call with an argument in registered memory */
static uint32_t use_memory(const struct who *w, const struct owned *mine, uint32_t id)
{
	struct {
		struct virtio_accel_msg msg;
		uint64_t vals[4];
		struct virtio_accel_buf data;
	} m = {
		.msg = {.op = htole16(VIRTIO_ACCEL_OP_RESOURCE_WRITE)},
		.vals = {htole64((uint64_t)mine->resource), 0, 0, htole64(8)},
		.data = {.len = htole64(8), .where = htole32(VIRTIO_ACCEL_BUF_SEGMENT)},
	};
	struct virtio_accel_req req = {
		.type = htole32(VIRTIO_ACCEL_T_CALL),
		.nr_segments = htole32(1),
		.message_len = htole32(sizeof(m)),
	};
	const struct virtio_accel_segment segment = {
		.len = htole64(8),
		.flags = htole32(VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_MEMORY),
		.memory = htole32(id),
	};

	return send_request(w, &req, &segment, NULL, &m, 64);
}

/* Makes one of each. */
static void own(const struct who *w, struct owned *o)
{
	int64_t dims[1] = {OUTPUT}, id;
	static uint8_t data[OUTPUT];
	struct vaccel_torch_tensor *in, *ins[OUTPUTS], *outs[OUTPUTS] = {NULL};
	struct virtio_accel_buf buf;

	assert_int_equal(CALL(w, SESSION_INIT, 0, I(0), P(&id)), 0);
	o->session = (int64_t)reply_number(w, sizeof(buf));
	assert_int_equal(CALL(w, RESOURCE_CREATE, 0, I(VACCEL_RESOURCE_MODEL), I(0), P(&id)), 0);
	o->resource = (int64_t)reply_number(w, sizeof(buf));
	assert_int_equal(CALL(w, RESOURCE_ADD, 0, I(o->resource), I(0), I(8), P("secret")), 0);
	assert_int_equal(CALL(w, RESOURCE_WRITE, 0, I(o->resource), I(0), I(0), P("contents"), I(8)),
			 0);
	o->memory = 7;
	assert_int_equal(memory_request(w, VIRTIO_ACCEL_T_MEMORY_REGISTER, o->memory), 0);
	assert_int_equal(use_memory(w, o, o->memory), 0);
	assert_int_equal(CALL(w, RESOURCE_REGISTER, o->session, I(o->resource)), 0);

	/* The noop plugin gives back what it gets, which has no place in this reply. */
	assert_int_equal(vaccel_torch_tensor_new(&in, 1, dims, VACCEL_TORCH_BYTE), 0);
	assert_int_equal(vaccel_torch_tensor_set_data(in, data, sizeof(data)), 0);
	for (int i = 0; i < OUTPUTS; i++)
		ins[i] = in;
	assert_int_equal(call_op(w, VACCEL_OP_TORCH_MODEL_RUN, o->session,
				 (union vop_val[]){I(o->resource), P(NULL), P(ins), I(OUTPUTS),
						   P(outs), I(OUTPUTS)}), 0);
	/* Each output is a tensor of one dimension with a buffer; the first two are there. */
	memcpy(&buf, (char *)raw_at(w->front, RAW_OUT) + sizeof(struct virtio_accel_resp) +
			     (OUTPUTS - 1) * (16 + sizeof(buf) + OUTPUT) + 16, sizeof(buf));
	assert_int_equal(le32toh(buf.where), VIRTIO_ACCEL_BUF_KEPT);
	o->output = le64toh(buf.ref);
	vaccel_torch_tensor_delete(in);
}

/* Everything that @w can do with what @o has; @mine is what it has itself. */
static void expect_out_of_reach(const struct who *w, const struct owned *mine, const struct owned *o)
{
	uint8_t buf[64] = {0};
	struct vaccel_torch_tensor *none = NULL;
	const int64_t s = o->session, r = o->resource;

	/* The session */
	assert_int_equal(call_op(w, VACCEL_OP_NOOP, s, NULL), VIRTIO_ACCEL_S_SESS);
	assert_int_equal(CALL(w, SESSION_UPDATE, s, I(0)), VIRTIO_ACCEL_S_SESS);
	assert_int_equal(CALL(w, SESSION_RELEASE, s, I(0)), VIRTIO_ACCEL_S_SESS);
	assert_int_equal(CALL(w, SESSION_PROFILE, s, I(2), P(buf), P(buf)), VIRTIO_ACCEL_S_SESS);
	assert_int_equal(CALL(w, RESOURCE_REGISTER, s, I(mine->resource)), VIRTIO_ACCEL_S_SESS);
	assert_int_equal(CALL(w, OUTPUT_FETCH, s, I(o->output), I(0), P(buf), I(8)),
			 VIRTIO_ACCEL_S_SESS);
	assert_int_equal(CALL(w, OUTPUT_DROP, s, I(o->output)), VIRTIO_ACCEL_S_SESS);

	/* The resource */
	assert_int_equal(CALL(w, RESOURCE_ADD, 0, I(r), I(0), I(1), P("more")),
			 VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_WRITE, 0, I(r), I(0), I(0), P("x"), I(1)),
			 VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_READ, 0, I(r), I(0), I(0), P(buf), I(8)),
			 VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_CHALLENGE, 0, I(r), I(0), P(buf)), VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_CLAIM, 0, I(r), I(0), P(buf)), VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_REGISTER, mine->session, I(r)), VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_UNREGISTER, mine->session, I(r)), VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_SYNC, mine->session, I(r)), VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(w, RESOURCE_DESTROY, 0, I(r)), VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(call_op(w, VACCEL_OP_TORCH_MODEL_RUN, mine->session,
				 (union vop_val[]){I(r), P(NULL), P(&none), I(0), P(&none), I(0)}),
			 VIRTIO_ACCEL_S_NOENT);
}

/* What one of the two cannot even name: ids of outputs and memory are per session and context */
static void expect_own_only(const struct who *w, const struct owned *mine)
{
	uint8_t buf[8];

	for (uint64_t id = 0; id < 8; id++) {
		if (id != mine->output)
			assert_int_equal(CALL(w, OUTPUT_FETCH, mine->session, I(id), I(0), P(buf),
					      I(8)), VIRTIO_ACCEL_S_NOENT);
		if (id && id != mine->memory)
			assert_int_equal(use_memory(w, mine, (uint32_t)id), VIRTIO_ACCEL_S_STALE);
	}
}

static void expect_unharmed(const struct who *w, const struct owned *o)
{
	uint8_t buf[8];

	assert_int_equal(call_op(w, VACCEL_OP_NOOP, o->session, NULL), 0);
	assert_int_equal(CALL(w, RESOURCE_READ, 0, I(o->resource), I(0), I(0), P(buf), I(8)), 0);
	assert_memory_equal((char *)raw_at(w->front, RAW_OUT) + sizeof(struct virtio_accel_resp) +
				    sizeof(struct virtio_accel_buf),
			    raw_at(w->front, RAW_DATA), 8);
	assert_int_equal(CALL(w, OUTPUT_FETCH, o->session, I(o->output), I(0), P(buf), I(8)), 0);
	/* Registered, so it cannot be written; the memory is still the context's. */
	assert_int_equal(use_memory(w, o, o->memory), VACCEL_EBUSY);
	assert_int_equal(memory_request(w, VIRTIO_ACCEL_T_MEMORY_REGISTER, o->memory),
			 VIRTIO_ACCEL_S_EXIST);
}

static void start_both(void)
{
	static const char *const args[] = { "--max-clients=4", "--isolation=shared", NULL };

	for (int i = 0; i < 2; i++) {
		const struct daemon *of = shared ? &host[0] : &host[i];

		if (of == &host[i])
			start_daemon(&host[i], NOOP_PLUGIN, shared ? args : NULL);
		raw_open(&front[i], of->socket, RAW_FEATURES | 1ull << VIRTIO_ACCEL_F_MEMORY);
		snprintf(raw_at(&front[i], RAW_DATA), 16, "secret %d", i);
	}
}

static void stop_both(void)
{
	for (int i = 0; i < 2; i++) {
		raw_close(&front[i]);
		assert_int_equal(stop_daemon(&host[i]), 0);
	}
}

static void test_contexts(void **state)
{
	const struct who victim = {&front[0], 1}, thief = {&front[0], 2}, late = {&front[0], 3};
	struct virtio_accel_req close = {.type = htole32(VIRTIO_ACCEL_T_CONTEXT_CLOSE)};
	struct owned v, t, l;

	(void)state;
	start_both();
	own(&victim, &v);
	own(&thief, &t);
	assert_int_not_equal(v.session, t.session);
	assert_int_not_equal(v.resource, t.resource);
	expect_out_of_reach(&thief, &t, &v);
	expect_own_only(&thief, &t);
	/* The id of another context's memory is free here. */
	assert_int_equal(memory_request(&late, VIRTIO_ACCEL_T_MEMORY_UNREGISTER, v.memory),
			 VIRTIO_ACCEL_S_STALE);
	expect_unharmed(&victim, &v);

	/* After the victim's end nobody gets what it had, nor its ids. */
	assert_int_equal(send_request(&victim, &close, NULL, NULL, "", 64), 0);
	expect_out_of_reach(&thief, &t, &v);
	own(&late, &l);
	assert_int_not_equal(l.session, v.session);
	assert_int_not_equal(l.resource, v.resource);
	expect_out_of_reach(&late, &l, &v);
	expect_out_of_reach(&late, &l, &t);
	expect_unharmed(&thief, &t);
	stop_both();
}

static void test_machines(void **state)
{
	const struct who victim = {&front[0], 1}, same = {&front[1], 1}, other = {&front[1], 9};
	struct owned v, t, *mine = &t;
	uint8_t buf[8];

	(void)state;
	start_both();
	own(&victim, &v);
	/* Nothing there at all: all of the victim's ids are guesses, also in its own context's name. */
	t = (struct owned){.session = v.session + 1, .resource = v.resource + 1};
	assert_int_equal(call_op(&same, VACCEL_OP_NOOP, v.session, NULL), VIRTIO_ACCEL_S_SESS);
	assert_int_equal(CALL(&same, RESOURCE_READ, 0, I(v.resource), I(0), I(0), P(buf), I(8)),
			 VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(CALL(&same, RESOURCE_DESTROY, 0, I(v.resource)), VIRTIO_ACCEL_S_NOENT);
	assert_int_equal(use_memory(&same, mine, v.memory), VIRTIO_ACCEL_S_STALE);
	assert_int_equal(memory_request(&same, VIRTIO_ACCEL_T_MEMORY_UNREGISTER, v.memory),
			 VIRTIO_ACCEL_S_STALE);
	/* The same ids, but its own things */
	own(&same, &t);
	assert_int_equal(CALL(&same, RESOURCE_READ, 0, I(t.resource), I(0), I(0), P(buf), I(8)), 0);
	assert_memory_equal((char *)raw_at(&front[1], RAW_OUT) + sizeof(struct virtio_accel_resp) +
				    sizeof(struct virtio_accel_buf), "secret 1", 8);
	assert_int_equal(CALL(&same, RESOURCE_DESTROY, 0, I(t.resource)), 0);
	assert_int_equal(CALL(&same, SESSION_RELEASE, t.session, I(0)), 0);
	own(&other, &t);
	expect_unharmed(&victim, &v);
	stop_both();
}

static unsigned int seen;

/* What vanishes meanwhile is nobody's any more. */
static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_NS || type == FTW_SL)
		return 0;
	if (st->st_mode & 077)
		fail_msg("%s has mode %o", path, (unsigned int)st->st_mode);
	if (strstr(path, "/guest-resource."))
		seen++;
	return 0;
}

/* Directories that hold what guests send are for the worker's user alone. */
static void test_files(void **state)
{
	const struct who w = {&front[0], 1};
	struct owned o;
	struct daemon of;
	char path[64], *dir;
	FILE *f;

	(void)state;
	start_both();
	of = host[0];
	own(&w, &o);
	if (shared) {
		/* The worker is the child of the first child, which is no supervisor. */
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", host[0].pid, host[0].pid);
		f = fopen(path, "re");
		assert_non_null(f);
		assert_int_equal(fscanf(f, "%d", &of.pid), 1);
		fclose(f);
	}
	dir = daemon_dir(&of);
	nftw(dir, look, 16, FTW_PHYS);
	free(dir);
	assert_true(seen >= 2);
	stop_both();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contexts),
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_files),
	};

	shared = argc > 1 && !strcmp(argv[1], "shared");
	test_main_begin(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
