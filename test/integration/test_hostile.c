// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that wants to harm its host: it owns the virtqueues and tries the patterns behind the
 * known holes of such devices, each test named by the CVE (or project) that taught it. All is
 * refused and counted; another program of the same VM, and another VM, notice nothing.
 *
 * The patterns of front ends are in test_hostile_front.c.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "answer_time.h"
#include "hostile.h"

#define ANSWER_MS 20000

#define OP_NOOP		0
#define OP_CLASSIFY	3
#define OP_SGEMM	17
#define OP_ARRAYCOPY	18
#define OP_VECTORADD	21
#define OP_LAST		23

#define NEXT VRING_DESC_F_NEXT
#define WR   VRING_DESC_F_WRITE
#define IND  VRING_DESC_F_INDIRECT

static struct daemon host, other_host;
static struct raw_front front;
static struct other_vm other_vm;
static pid_t worker;
static uint64_t session;	/* of the hostile program: context 1, queue 0 */
static uint64_t neighbour;	/* of another program of this VM: context 7, queue 1 */
static long long malformed;	/* counted before the test */
static long long known;		/* counted when a queue was last given up */

/* ---- Who must not notice ------------------------------------------------------------------- */

/* A message without parameters. Return: the status. */
static uint32_t send_plain(unsigned int queue, uint16_t op, uint64_t context, uint64_t id)
{
	struct hostile_message m;

	hostile_begin(&m, op, id);
	m.context = context;
	front.use = queue;
	hostile_send(&front, &m, 4096);
	front.use = 0;
	return raw_resp(&front).status;
}

static uint64_t open_session(unsigned int queue, uint64_t context)
{
	struct hostile_message m;
	uint64_t id;

	hostile_begin(&m, VIRTIO_ACCEL_OP_SESSION_INIT, 0);
	m.context = context;
	hostile_value(&m, 0);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, NULL);
	front.use = queue;
	hostile_send(&front, &m, 4096);
	front.use = 0;
	assert_int_equal(raw_resp(&front).status, 0);
	memcpy(&id, (char *)raw_at(&front, RAW_OUT) + sizeof(struct virtio_accel_resp) +
			    sizeof(struct virtio_accel_buf), sizeof(id));
	return id;
}

static void expect_untouched(void)
{
	assert_int_equal(send_plain(1, OP_NOOP, 7, neighbour), VIRTIO_ACCEL_S_OK);
	other_vm_expect_served(&other_vm);
}

static int setup(void **state)
{
	(void)state;
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	session = open_session(0, 1);
	neighbour = open_session(1, 7);
	worker = daemon_worker(&host);
	known = malformed = daemon_stat(&host, "malformed");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	expect_untouched();
	raw_close(&front);
	/* No attempt may cost a worker, let alone the supervisor. */
	assert_true(daemon_alive(&host));
	assert_int_equal(daemon_worker(&host), worker);
	return 0;
}

/* All attempts of this test were counted, at least @nr of them. */
static void expect_reported(long long nr)
{
	long long now = daemon_stat(&host, "malformed");

	/* What breaks a queue gets no answer that could be waited for. */
	for (int i = 0; i < 50 && now < malformed + nr; i++) {
		usleep(100000);
		now = daemon_stat(&host, "malformed");
	}
	if (now < malformed + nr)
		test_die("%lld of at least %lld malformed requests were counted", now - malformed,
			 nr);
}

/* ---- Requests ------------------------------------------------------------------------------ */

static void expect_status(const struct hostile_message *m, uint32_t status)
{
	hostile_send(&front, m, 4096);
	assert_int_equal(raw_resp(&front).status, status);
}

static void expect_refused(const struct hostile_message *m)
{
	hostile_send(&front, m, 4096);
	assert_int_not_equal(raw_resp(&front).status, VIRTIO_ACCEL_S_OK);
}

static void set_desc(unsigned int i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	front.queues[0].vr.desc[i] = (struct vring_desc){
		.addr = htole64(addr), .len = htole32(len), .flags = htole16(flags),
		.next = htole16(next),
	};
}

/* Makes the chain at descriptor 0 available. Return: the status, or -1: there is no response. */
static int64_t chain_status(void)
{
	int64_t written;

	memset(raw_at(&front, RAW_OUT), 0xee, sizeof(struct virtio_accel_resp));
	vring_driver_publish(&front.queues[0].vr, 0, &front, 1 << 20);
	raw_kick(&front, 0);
	written = raw_wait(&front, 0, ANSWER_MS, NULL);
	if (written < 0)
		test_die("a malformed chain is not given back");
	return written ? (int64_t)raw_resp(&front).status : -1;
}

#define expect_chain_refused() assert_int_not_equal(chain_status(), VIRTIO_ACCEL_S_OK)

/* Writes a good request at RAW_IN. Return: its length. */
static uint32_t good_request(void)
{
	struct hostile_message m;

	hostile_begin(&m, OP_NOOP, session);
	return hostile_build(&front, &m);
}

/*
 * The queue may have been given up, but nothing else. Sets it up anew, which is a reset for the
 * device: programs open new sessions.
 */
static void new_queue(void)
{
	uint32_t base;

	raw_kick(&front, 0);
	/* A queue that is stopped before the device has looked shows it nothing. */
	for (int i = 0; i < 100 && daemon_stat(&host, "malformed") <= known; i++)
		usleep(10000);
	known = daemon_stat(&host, "malformed");
	expect_untouched();
	assert_int_equal(vu_get_vring_base(&front.conn, 0, &base), 0);
	raw_start_queue(&front, 0);
	session = open_session(0, 1);
	neighbour = open_session(1, 7);
}

/* fpga_arraycopy with these buffers in segments */
static void array_copy(struct hostile_message *m, uint64_t nr, uint64_t in_buf, uint64_t in_seg,
		       uint64_t out_buf, uint64_t out_seg)
{
	hostile_begin(m, OP_ARRAYCOPY, session);
	hostile_value(m, nr);
	hostile_segment(m, raw_guest(RAW_DATA), in_seg, VIRTIO_ACCEL_SEG_READ);
	hostile_segment(m, raw_guest(RAW_DATA + 0x10000), out_seg, VIRTIO_ACCEL_SEG_WRITE);
	hostile_buffer(m, VIRTIO_ACCEL_BUF_SEGMENT, in_buf, 0, NULL);
	hostile_buffer(m, VIRTIO_ACCEL_BUF_SEGMENT, out_buf, 1, NULL);
}

/* sgemm of these sizes, all matrices in segments of @len bytes */
static void sgemm(struct hostile_message *m, int64_t rows, int64_t cols, int64_t k, int64_t lda,
		  int64_t ldb, int64_t ldc, uint64_t len)
{
	hostile_begin(m, OP_SGEMM, session);
	for (size_t i = 0; i < 8; i++)
		hostile_value(m, (uint64_t)((int64_t[]){ rows, cols, k, 0, lda, ldb, 0, ldc })[i]);
	for (unsigned int i = 0; i < 3; i++) {
		hostile_segment(m, raw_guest(RAW_DATA + i * 0x10000), len,
				VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE);
		hostile_buffer(m, VIRTIO_ACCEL_BUF_SEGMENT, len, i, NULL);
	}
}

/* image_classify of a small picture, with room for a text in the reply */
static void classify(struct hostile_message *m, uint64_t room)
{
	hostile_begin(m, OP_CLASSIFY, session);
	hostile_value(m, 4);
	hostile_value(m, room);
	hostile_value(m, 0);
	hostile_buffer(m, VIRTIO_ACCEL_BUF_INLINE, 4, 0, "pic");
	hostile_buffer(m, VIRTIO_ACCEL_BUF_INLINE, room, 0, NULL);
	hostile_buffer(m, VIRTIO_ACCEL_BUF_NULL, 0, 0, NULL);
}

/* A copy of an array that is 64 MiB @times times, to where it is. Return: the request's length. */
static uint32_t name_often(uint32_t times)
{
	static struct virtio_accel_run runs[16384];
	const uint64_t len = (uint64_t)times * RAW_MEMORY;
	struct virtio_accel_segment segments[2];
	struct virtio_accel_req req;
	struct hostile_message m;

	array_copy(&m, len / sizeof(int), len, len, len, len);
	for (unsigned int i = 0; i < 2; i++)
		segments[i] = (struct virtio_accel_segment){
			.len = htole64(len), .flags = m.segments[i].flags, .nr_runs = htole32(times),
		};
	for (uint32_t i = 0; i < 2 * times; i++)
		runs[i] = (struct virtio_accel_run){ htole64(raw_guest(0)), htole64(RAW_MEMORY) };
	req = (struct virtio_accel_req){
		.type = htole32(m.type), .context = htole64(m.context), .nr_segments = htole32(2),
		.nr_runs = htole32(2 * times), .message_len = htole32(m.len),
	};
	return raw_build(&front, &req, segments, runs, m.bytes, m.len);
}

/* ---- One test for each pattern ------------------------------------------------------------- */

/* A range of guest memory that is contiguous for the guest only: two regions, apart on the host */
static void cve_2018_1059(void **state)
{
	struct raw_front r;
	struct hostile_message m;
	const size_t half = RAW_MEMORY / 2, far = half + half / 2;
	uint32_t total;

	(void)state;
	raw_close(&front);
	raw_connect(&r, host.socket, HOSTILE_FEATURES);
	hostile_share_two(&r, half, far);
	raw_start_queue(&r, 0);

	/* The request lies across the border: its second half is far away on the host. */
	hostile_begin(&m, VIRTIO_ACCEL_OP_SESSION_INIT, 0);
	hostile_value(&m, 0);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, NULL);
	total = hostile_build(&r, &m);
	memset(raw_at(&r, half), 0xaa, 4096);
	memcpy(raw_at(&r, half - 20), raw_at(&r, RAW_IN), 20);
	memcpy(raw_at(&r, far), (char *)raw_at(&r, RAW_IN) + 20, total - 20);
	assert_int_equal(hostile_chain(&r, raw_guest(half - 20), total, raw_guest(RAW_OUT)), 0);
	/* So does the response. */
	memset(raw_at(&r, half - 8), 0xee, 4096);
	memset(raw_at(&r, far), 0xee, 4096);
	hostile_chain(&r, raw_guest(RAW_IN), total, raw_guest(half - 8));
	assert_int_equal(*(uint32_t *)raw_at(&r, half - 8), 0);
	assert_int_equal(*(uint64_t *)raw_at(&r, far), 0);
	assert_int_equal(*(uint8_t *)raw_at(&r, half), 0xee);
	/* Behind the last byte of the second region there is nothing. */
	assert_int_not_equal(hostile_chain(&r, raw_guest(half + half / 2 - 20), total,
					   raw_guest(RAW_OUT)), 0);
	raw_close(&r);
	setup(state);
	expect_reported(0);
}

/* Lengths of keys and texts that reach beyond the message */
static void cve_2020_10724(void **state)
{
	static const uint64_t lengths[] = { 9, 4096, 1u << 20, UINT32_MAX, 1ull << 32,
					    INT64_MAX, UINT64_MAX - 7, UINT64_MAX };
	struct hostile_message m;
	const int nr = sizeof(lengths) / sizeof(lengths[0]);

	(void)state;
	for (int i = 0; i < nr; i++) {
		hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_ADD, 0);
		hostile_value(&m, 1);
		hostile_value(&m, 0);
		hostile_value(&m, 0);
		hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, "name.on");
		((struct virtio_accel_buf *)(m.bytes + m.len - 8))[-1].len = htole64(lengths[i]);
		expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	}
	/* A string without an end */
	hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_ADD, 0);
	hostile_value(&m, 1);
	hostile_value(&m, 0);
	hostile_value(&m, 0);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, "name.onn");
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	expect_reported(nr + 1);
}

/* Buffers that say they are longer than the memory behind them (14376, 14377: copy mode) */
static void cve_2020_14376(void **state)
{
	struct hostile_message m;

	(void)state;
	array_copy(&m, 25, 100, 100, 100, 100);
	expect_status(&m, VIRTIO_ACCEL_S_OK);
	array_copy(&m, 25, 100, 99, 100, 100);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	array_copy(&m, 25, 100, 100, 100, 99);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	array_copy(&m, 1000, 100, 100, 100, 100);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	array_copy(&m, 1ull << 62, 100, 100, 100, 100);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	expect_reported(4);
}

/* A header across descriptors, a chain that lies about its end, one that never ends */
static void cve_2022_2132(void **state)
{
	const uint64_t in = raw_guest(RAW_IN), out = raw_guest(RAW_OUT);
	const uint32_t total = good_request();

	(void)state;
	for (uint32_t cut = 1; cut < total; cut++) {
		set_desc(0, in, cut, NEXT, 1);
		set_desc(1, in + cut, total - cut, NEXT, 2);
		set_desc(2, out, 4096, WR, 0);
		assert_int_equal(chain_status(), VIRTIO_ACCEL_S_OK);
	}
	/* Ends in the middle of the header; has more than the header says */
	set_desc(0, in, 20, NEXT, 1);
	set_desc(1, out, 4096, WR, 0);
	expect_chain_refused();
	set_desc(0, in, total + 1, NEXT, 1);
	expect_chain_refused();
	/* Loops: of one, of all, through the writable part */
	set_desc(0, in, total, NEXT, 0);
	expect_chain_refused();
	for (uint16_t i = 0; i < RAW_SIZE; i++)
		set_desc(i, in, 1, NEXT, (i + 1) % RAW_SIZE);
	expect_chain_refused();
	set_desc(0, in, total, NEXT, 1);
	set_desc(1, out, 64, WR | NEXT, 1);
	expect_chain_refused();
	/* The guest reads what the device writes. */
	set_desc(1, out, 64, WR | NEXT, 2);
	set_desc(2, in, 8, 0, 0);
	expect_chain_refused();
	expect_reported(6);
}

/* Objects that are made again and again, and forgotten */
static void cve_2021_3544(void **state)
{
	struct hostile_message m;

	(void)state;
	for (int i = 0; i < 300; i++) {
		hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_CREATE, 0);
		hostile_value(&m, 2);
		hostile_value(&m, 0);
		hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, NULL);
		expect_status(&m, VIRTIO_ACCEL_S_OK);
		/* The reply is lost: nobody will ever know this session's id. */
		hostile_begin(&m, VIRTIO_ACCEL_OP_SESSION_INIT, 0);
		hostile_value(&m, 0);
		hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, NULL);
		hostile_send(&front, &m, sizeof(struct virtio_accel_resp));
	}
	assert_true(daemon_stat(&host, "sessions") <= 256);
	assert_int_equal(daemon_stat(&host, "resources"), 300);
	/* The context goes, and so do they; those of others stay. */
	hostile_begin(&m, 0, 0);
	m.type = VIRTIO_ACCEL_T_CONTEXT_CLOSE;
	m.len = 0;
	expect_status(&m, VIRTIO_ACCEL_S_OK);
	assert_int_equal(daemon_stat(&host, "sessions"), 1);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
}

/* No byte of a reply is one of somebody else's */
static void cve_2021_3545(void **state)
{
	static uint8_t secret[3000];
	const uint8_t *out = raw_at(&front, RAW_OUT);
	struct hostile_message m;
	size_t text;

	(void)state;
	/* A program sends something long, so that it lies in the thread's memory. */
	memset(secret, 0xa5, sizeof(secret));
	hostile_begin(&m, OP_CLASSIFY, session);
	hostile_value(&m, sizeof(secret));
	hostile_value(&m, 0);
	hostile_value(&m, 0);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, sizeof(secret), 0, secret);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_NULL, 0, 0, NULL);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_NULL, 0, 0, NULL);
	expect_status(&m, VIRTIO_ACCEL_S_OK);
	classify(&m, 3000);
	expect_status(&m, VIRTIO_ACCEL_S_OK);
	out += sizeof(struct virtio_accel_resp) + sizeof(struct virtio_accel_buf);
	text = strnlen((const char *)out, 3000);
	assert_in_range(text, 1, 200);
	for (size_t i = text; i < 3000; i++)
		assert_int_equal(out[i], 0);
}

/* Files that nobody has written: no memory of the host comes back instead */
static void cve_2022_0175(void **state)
{
	const uint8_t *out = (uint8_t *)raw_at(&front, RAW_OUT) + sizeof(struct virtio_accel_resp) +
			     sizeof(struct virtio_accel_buf);
	const uint64_t file = hostile_file(&front, 1, 4000);
	struct hostile_message m;

	(void)state;
	hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_READ, 0);
	hostile_value(&m, file);
	hostile_value(&m, 0);
	hostile_value(&m, 0);
	hostile_value(&m, 3000);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 3000, 0, NULL);
	expect_status(&m, VIRTIO_ACCEL_S_OK);
	for (size_t i = 0; i < 3000; i++)
		assert_int_equal(out[i], 0);
}

/* Replies that are longer than the room for them */
static void cve_2021_3546(void **state)
{
	const uint32_t resp = sizeof(struct virtio_accel_resp);
	struct hostile_message m;

	(void)state;
	for (uint32_t room = 1; room < resp + 200; room += 3) {
		classify(&m, 2000);
		hostile_send(&front, &m, room);	/* checks that nothing is written behind it */
		if (room >= resp)
			assert_int_not_equal(raw_resp(&front).status, VIRTIO_ACCEL_S_OK);
	}
	/* An output of 2^63 bytes */
	classify(&m, 1ull << 63);
	expect_refused(&m);
	expect_reported(2);
}

/* Memory that is named again and again, so that the host makes page tables without an end */
static void page_tables(void **state)
{
	static const uint32_t times[] = { 1, 2, 100, 8192 };
	uint32_t len;

	(void)state;
	for (int i = 0; i < 4; i++) {
		len = name_often(times[i]);
		assert_true(raw_send(&front, len, 4096) > 0);
		/* Once as an argument and once as a result is what anybody needs. */
		assert_int_equal(raw_resp(&front).status,
				 times[i] == 1 ? VIRTIO_ACCEL_S_OK : VIRTIO_ACCEL_S_INVAL);
	}
	expect_reported(3);
}

/* Sources and destinations of different lengths */
static void cve_2023_3180(void **state)
{
	struct hostile_message m;

	(void)state;
	array_copy(&m, 25, 100, 100, 96, 96);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	array_copy(&m, 25, 96, 96, 100, 100);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	for (int i = 0; i < 3; i++) {
		const uint64_t len[] = { i == 0 ? 76 : 80, i == 1 ? 36 : 40, i == 2 ? 76 : 80 };

		hostile_begin(&m, OP_VECTORADD, session);
		hostile_value(&m, 20);
		hostile_value(&m, 10);
		for (unsigned int k = 0; k < 3; k++) {
			hostile_segment(&m, raw_guest(RAW_DATA + k * 0x1000), len[k],
					k < 2 ? VIRTIO_ACCEL_SEG_READ : VIRTIO_ACCEL_SEG_WRITE);
			hostile_buffer(&m, VIRTIO_ACCEL_BUF_SEGMENT, len[k], k, NULL);
		}
		expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	}
	/* An output in a segment that the device may only read, and the other way round */
	array_copy(&m, 25, 100, 100, 100, 100);
	m.segments[1].flags = htole32(VIRTIO_ACCEL_SEG_READ);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	array_copy(&m, 25, 100, 100, 100, 100);
	m.segments[0].flags = htole32(VIRTIO_ACCEL_SEG_WRITE);
	expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	expect_reported(7);
}

/* The device is made to write to its own queue, and given a request twice */
static void cve_2024_3446(void **state)
{
	struct vring_driver *vr = &front.queues[0].vr;
	const uint64_t rings = raw_guest((size_t)((char *)vr->desc - (char *)raw_at(&front, 0)));
	const uint32_t total = good_request();

	(void)state;
	/* Responses over the descriptors, the available ring, the used ring, the request itself */
	for (uint64_t at = rings; at < rings + 0x1000; at += 0x40) {
		set_desc(0, raw_guest(RAW_IN), total, NEXT, 1);
		set_desc(1, at, 4096, WR, 0);
		vring_driver_publish(vr, 0, &front, 1 << 20);
		new_queue();
	}
	memcpy(raw_at(&front, RAW_DATA), raw_at(&front, RAW_IN), good_request());
	set_desc(0, raw_guest(RAW_DATA), total, NEXT, 1);
	set_desc(1, raw_guest(RAW_DATA), 4096, WR, 0);
	vring_driver_publish(vr, 0, &front, 1 << 20);
	new_queue();
	/* The same chain many times at once */
	good_request();
	set_desc(0, raw_guest(RAW_IN), total, NEXT, 1);
	set_desc(1, raw_guest(RAW_OUT), 4096, WR, 0);
	for (int i = 0; i < RAW_SIZE; i++)
		vr->avail->ring[i] = 0;
	__atomic_store_n(&vr->avail->idx, htole16(RAW_SIZE), __ATOMIC_RELEASE);
	new_queue();
	assert_int_equal(send_plain(0, OP_NOOP, 1, session), VIRTIO_ACCEL_S_OK);
}

/* An operation whose output is the queue that it came from */
static void cve_2021_3929(void **state)
{
	struct vring_driver *vr = &front.queues[0].vr;
	struct hostile_message m;

	(void)state;
	for (uint8_t fill = 0; fill < 4; fill++) {
		array_copy(&m, 0x400, 0x1000, 0x1000, 0x1000, 0x1000);
		m.runs[1].addr = htole64(
			raw_guest((size_t)((char *)vr->desc - (char *)raw_at(&front, 0))));
		memset(raw_at(&front, RAW_DATA), fill * 0x55, 0x1000);
		set_desc(0, raw_guest(RAW_IN), hostile_build(&front, &m), NEXT, 1);
		set_desc(1, raw_guest(RAW_OUT), 4096, WR, 0);
		vring_driver_publish(vr, 0, &front, 1 << 20);
		new_queue();
	}
	assert_int_equal(send_plain(0, OP_NOOP, 1, session), VIRTIO_ACCEL_S_OK);
}

/* Addresses that are no memory, wherever one can be: descriptors, indirect tables, runs */
static void cve_2020_10725(void **state)
{
	static const uint64_t nowhere[] = {
		0, 1, NATIVE_MEM_GUEST_BASE - 16, NATIVE_MEM_GUEST_BASE + RAW_MEMORY,
		1ull << 63, UINT64_MAX - 15,
	};
	const uint32_t total = good_request();
	struct hostile_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		set_desc(0, nowhere[i], total, NEXT, 1);
		set_desc(1, raw_guest(RAW_OUT), 4096, WR, 0);
		expect_chain_refused();
		set_desc(0, raw_guest(RAW_IN), total, NEXT, 1);
		set_desc(1, nowhere[i], 4096, WR, 0);
		expect_chain_refused();
		set_desc(0, nowhere[i], 32, IND, 0);
		expect_chain_refused();
	}
	new_queue();
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		array_copy(&m, 25, 100, 100, 100, 100);
		m.runs[i % 2].addr = htole64(nowhere[i]);
		expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	}
	expect_reported(4 * 6);
}

/* Numbers of files that a resource does not have */
static void cve_2016_10029(void **state)
{
	static const uint32_t numbers[] = { 1, 2, 0x7fffffff, 0x80000000, UINT32_MAX };
	const uint64_t file = hostile_file(&front, 1, 100);
	struct hostile_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_READ, 0);
		hostile_value(&m, file);
		hostile_value(&m, numbers[i]);
		hostile_value(&m, 0);
		hostile_value(&m, 8);
		hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, 8, 0, NULL);
		expect_refused(&m);
	}
}

/* Sizes whose product overflows */
static void cve_2026_3886(void **state)
{
	static const int64_t bad[][6] = {
		{ 1ll << 62, 4, 1, 1, 4, 4 },
		{ 1ll << 31, 1ll << 31, 1ll << 31, 1ll << 31, 1ll << 31, 1ll << 31 },
		{ 1ll << 32, 1ll << 32, 1, 1, 1ll << 32, 1ll << 32 },
		{ INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX },
		{ INT64_MIN, 1, 1, 1, 1, 1 },
		{ -1, -1, -1, -1, -1, -1 },
		{ 4, 4, 4, INT64_MIN, 4, 4 },
		{ 4, 4, 4, 4, 4, 1ll << 61 },
		{ 0x40000001, 4, 4, 4, 4, 4 },
	};
	const size_t nr = sizeof(bad) / sizeof(bad[0]);
	struct hostile_message m;

	(void)state;
	sgemm(&m, 4, 4, 4, 4, 4, 4, 64);
	expect_status(&m, VIRTIO_ACCEL_S_OK);
	for (size_t i = 0; i < nr; i++) {
		sgemm(&m, bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4], bad[i][5], 64);
		expect_status(&m, VIRTIO_ACCEL_S_INVAL);
	}
	expect_reported((long long)nr);
}

/* More requests than the queue can hold */
static void cve_2016_5403(void **state)
{
	struct vring_driver *vr = &front.queues[0].vr;
	const uint32_t total = good_request();

	(void)state;
	for (uint32_t jump = RAW_SIZE + 1; jump < 0x10000; jump = jump * 3) {
		set_desc(0, raw_guest(RAW_IN), total, NEXT, 1);
		set_desc(1, raw_guest(RAW_OUT), 4096, WR, 0);
		__atomic_store_n(&vr->avail->idx, htole16((uint16_t)jump), __ATOMIC_RELEASE);
		new_queue();
	}
	assert_int_equal(daemon_stat(&host, "inflight"), 0);
	expect_reported(6);
}

/* Numbers that are negative where an index is expected */
static void cve_2011_2512(void **state)
{
	static const uint64_t ids[] = { UINT64_MAX, 1ull << 63, (uint64_t)INT32_MIN, UINT32_MAX };
	static const uint16_t heads[] = { RAW_SIZE, 0x7fff, 0x8000, 0xffff };
	struct hostile_message m;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(send_plain(0, OP_NOOP, 1, ids[i]), VIRTIO_ACCEL_S_SESS);
		hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_DESTROY, 0);
		hostile_value(&m, ids[i]);
		expect_refused(&m);
		hostile_begin(&m, VIRTIO_ACCEL_OP_OUTPUT_DROP, session);
		hostile_value(&m, ids[i]);
		expect_refused(&m);
		/* A segment with this number */
		array_copy(&m, 25, 100, 100, 100, 100);
		((struct virtio_accel_buf *)(m.bytes + m.len))[-1].ref = htole64(ids[i]);
		expect_status(&m, VIRTIO_ACCEL_S_INVAL);
		vring_driver_publish(&front.queues[0].vr, heads[i], NULL, 0);
		new_queue();
	}
	expect_reported(8);
}

/* Each operation with nothing where something is expected (18388 to 18391) */
static void cve_2019_18388(void **state)
{
	struct hostile_message m;

	(void)state;
	for (unsigned int op = 0; op < 0x8040; op = op == OP_LAST + 8 ? 0x7ff0 : op + 1) {
		for (unsigned int values = 0; values < 12; values++) {
			for (unsigned int nulls = 0; nulls < 5; nulls++) {
				/* These end what the other tests need. */
				if (op == VIRTIO_ACCEL_OP_SESSION_RELEASE)
					continue;
				hostile_begin(&m, (uint16_t)op, session);
				for (unsigned int i = 0; i < values; i++)
					hostile_value(&m, i);
				for (unsigned int i = 0; i < nulls; i++)
					hostile_buffer(&m, VIRTIO_ACCEL_BUF_NULL, 0, 0, NULL);
				hostile_send(&front, &m, 4096);
			}
		}
	}
	expect_reported(1000);
}

/* Transfers outside of the object (2022-0135: virglrenderer's transfers) */
static void cve_2022_0135(void **state)
{
	static const uint64_t bad[][3] = { /* index, offset, length */
		{ 0, 4000, 1 }, { 0, 3999, 2 }, { 0, 0, 4001 }, { 0, UINT64_MAX, 1 },
		{ 0, 1ull << 63, 100 }, { 0, UINT64_MAX - 99, 100 }, { 1, 0, 1 },
		{ UINT32_MAX, 0, 1 },
	};
	const uint64_t file = hostile_file(&front, 1, 4000);
	struct hostile_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (unsigned int write = 0; write < 2; write++) {
			hostile_begin(&m, write ? VIRTIO_ACCEL_OP_RESOURCE_WRITE :
						  VIRTIO_ACCEL_OP_RESOURCE_READ, 0);
			hostile_value(&m, file);
			for (int k = 0; k < 3; k++)
				hostile_value(&m, bad[i][k]);
			hostile_segment(&m, raw_guest(RAW_DATA), bad[i][2],
					VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE);
			hostile_buffer(&m, VIRTIO_ACCEL_BUF_SEGMENT, bad[i][2], 0, NULL);
			expect_refused(&m);
		}
	}
	/* Objects of other programs of the VM do not exist. */
	for (uint16_t op = VIRTIO_ACCEL_OP_RESOURCE_REGISTER;
	     op <= VIRTIO_ACCEL_OP_RESOURCE_DESTROY; op++) {
		hostile_begin(&m, op, neighbour);
		m.context = 7;
		hostile_value(&m, file);
		expect_status(&m, VIRTIO_ACCEL_S_NOENT);
	}
	assert_int_equal(send_plain(0, OP_NOOP, 1, neighbour), VIRTIO_ACCEL_S_SESS);
}

/* Files that would be somewhere else on the host */
static void path_traversal(void **state)
{
	static const char *const names[] = {
		"../x", "..", ".", "/etc/passwd", "a/../../x", "a//x", "a/", "/", "",
		"a/./x", "file:///etc/passwd", "http://127.0.0.1/x",
	};
	struct hostile_message m;
	uint64_t id;

	(void)state;
	for (uint32_t path_type = 0; path_type < 3; path_type++) {
		id = hostile_resource(&front, 1, path_type);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			hostile_begin(&m, VIRTIO_ACCEL_OP_RESOURCE_ADD, 0);
			hostile_value(&m, id);
			hostile_value(&m, 0);
			hostile_value(&m, 0);
			hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, strlen(names[i]) + 1, 0,
				       names[i]);
			expect_refused(&m);
		}
	}
}

/* Empty files in deep directories: they have no bytes, but take memory and inodes of the host */
static void many_files(void **state)
{
	struct hostile_message m;
	unsigned int added = 0;
	uint32_t status = 0;
	char name[256];

	(void)state;
	for (unsigned int r = 0; r < 4; r++) {
		uint64_t id = hostile_resource(&front, 1, 1);

		for (unsigned int i = 0; i < 1000; i++) {
			/* Each in directories of its own */
			snprintf(name, sizeof(name), "%03u/", i);
			for (unsigned int k = 0; k < 99; k++)
				memcpy(name + 4 + 2 * k, "d/", 2);
			strcpy(name + 202, "file");
			status = hostile_add(&front, 1, id, 0, name);
			if (status == VIRTIO_ACCEL_S_USERS)
				break;
			assert_int_equal(status, VIRTIO_ACCEL_S_OK);
			added++;
		}
	}
	assert_in_range(added, 1, 16384 / 101);
	assert_int_equal(status, VIRTIO_ACCEL_S_USERS);
	assert_true(daemon_stat(&host, "max_files") > 0);
	/* All can be used again when they are gone. */
	hostile_begin(&m, 0, 0);
	m.type = VIRTIO_ACCEL_T_CONTEXT_CLOSE;
	m.len = 0;
	expect_status(&m, VIRTIO_ACCEL_S_OK);
	(void)hostile_file(&front, 1, 0);
}

/* The largest lengths and counts, where a careless device has a buffer on its stack */
static void openbsd_vmd(void **state)
{
	static const uint32_t counts[] = { 1025, 65536, 1u << 27, 1u << 28, UINT32_MAX };
	struct virtio_accel_req *req = raw_at(&front, RAW_IN);
	const uint32_t total = good_request();

	(void)state;
	set_desc(1, raw_guest(RAW_OUT), 4096, WR, 0);
	set_desc(0, raw_guest(RAW_IN), UINT32_MAX, NEXT, 1);
	expect_chain_refused();
	set_desc(0, raw_guest(RAW_IN), RAW_MEMORY - RAW_IN, NEXT, 1);
	expect_chain_refused();
	set_desc(0, raw_guest(RAW_IN), UINT32_MAX & ~15u, IND, 0);
	expect_chain_refused();
	set_desc(0, raw_guest(RAW_IN), 2048 * 16, IND, 0);
	expect_chain_refused();
	set_desc(0, raw_guest(RAW_IN), total, NEXT, 1);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		req->nr_segments = htole32(counts[i]);
		expect_chain_refused();
		req->nr_segments = 0;
		req->nr_runs = htole32(counts[i]);
		expect_chain_refused();
		req->nr_runs = 0;
		req->message_len = htole32(counts[i]);
		expect_chain_refused();
		good_request();
	}
	expect_reported(4 + 15);
}

/* Rings full of rubbish: a driver must not be able to end its device */
static void oxide_propolis_970(void **state)
{
	unsigned int seed = 970;
	struct vring_driver *vr;

	(void)state;
	for (int round = 0; round < 100; round++) {
		uint8_t *rings = (void *)front.queues[0].vr.desc;

		vr = &front.queues[0].vr;
		for (size_t i = 0; i < 0x1000; i++)
			rings[i] = (uint8_t)(rand_r(&seed) >> 8);
		/* Addresses that exist, for most of them */
		for (unsigned int i = 0; i < RAW_SIZE; i++)
			if (rand_r(&seed) % 8) {
				vr->desc[i].addr = htole64(raw_guest(RAW_IN) +
							   (unsigned int)rand_r(&seed) % 0x200000);
				vr->desc[i].len = htole32((unsigned int)rand_r(&seed) % 64);
				vr->desc[i].next = htole16((unsigned int)rand_r(&seed) % RAW_SIZE);
				vr->avail->ring[i] =
					htole16((unsigned int)rand_r(&seed) % RAW_SIZE);
			}
		__atomic_store_n(&vr->avail->idx, htole16((unsigned int)rand_r(&seed) % RAW_SIZE),
				 __ATOMIC_RELEASE);
		new_queue();
	}
	expect_reported(100);
}

/* ---- Changes while the device looks -------------------------------------------------------- */

static atomic_bool stop_changing;

struct changer {
	size_t total;
};

static void *change(void *arg)
{
	const struct changer *c = arg;
	volatile uint8_t *request = raw_at(&front, RAW_DATA);
	volatile uint8_t *table = raw_at(&front, RAW_DATA + 0x1000);
	unsigned int seed = 7;

	while (!stop_changing) {
		bool in_table = rand_r(&seed) % 2;
		volatile uint8_t *p = in_table ? table : request;
		size_t at = (unsigned int)rand_r(&seed) %
			    (in_table ? sizeof(struct vring_desc) : c->total);
		uint8_t old = p[at];

		p[at] = (uint8_t)rand_r(&seed);
		p[at] = old;
	}
	return NULL;
}

/* The guest changes a request, its runs and an indirect table between two looks at them. */
static void double_fetch(void **state)
{
	struct vring_desc *table = raw_at(&front, RAW_DATA + 0x1000);
	struct hostile_message m;
	struct changer c;
	pthread_t thread;

	(void)state;
	array_copy(&m, 25, 100, 100, 100, 100);
	c.total = hostile_build(&front, &m);
	memcpy(raw_at(&front, RAW_DATA), raw_at(&front, RAW_IN), c.total);
	table[0] = (struct vring_desc){ htole64(raw_guest(RAW_DATA)), htole32((uint32_t)c.total),
					htole16(NEXT), htole16(1) };
	table[1] = (struct vring_desc){ htole64(raw_guest(RAW_OUT)), htole32(4096), htole16(WR),
					0 };
	set_desc(0, raw_guest(RAW_DATA + 0x1000), 2 * sizeof(*table), IND, 0);
	stop_changing = false;
	assert_int_equal(pthread_create(&thread, NULL, change, &c), 0);
	for (int i = 0; i < 3000; i++) {
		vring_driver_publish(&front.queues[0].vr, 0, &front, 1 << 20);
		raw_kick(&front, 0);
		if (raw_wait(&front, 0, ANSWER_MS, NULL) < 0)
			test_die("no answer to a request that changes");
	}
	stop_changing = true;
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(cve_2011_2512),
		TEST(cve_2016_10029),
		TEST(cve_2016_5403),
		TEST(cve_2018_1059),
		TEST(cve_2019_18388),
		TEST(cve_2020_10724),
		TEST(cve_2020_10725),
		TEST(cve_2020_14376),
		TEST(cve_2021_3544),
		TEST(cve_2021_3545),
		TEST(cve_2021_3546),
		TEST(cve_2021_3929),
		TEST(cve_2022_0135),
		TEST(cve_2022_0175),
		TEST(cve_2022_2132),
		TEST(cve_2023_3180),
		TEST(cve_2024_3446),
		TEST(cve_2026_3886),
		TEST(openbsd_vmd),
		TEST(oxide_propolis_970),
		TEST(path_traversal),
		TEST(many_files),
		TEST(page_tables),
		TEST(double_fetch),
	};
	int failed;
	char *log;

	test_main_begin(300);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	start_daemon(&other_host, NOOP_PLUGIN, NULL);
	other_vm_open(&other_vm, other_host.socket);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	other_vm_close(&other_vm);
	log = daemon_log(&host);
	if (failed)
		print_message("The host process said:\n%s", log);
	if (!strstr(log, "--max-files=16384 was reached"))
		test_die("the log does not tell which limit a guest with many files has reached");
	/* The operator is told, but the log is not filled. */
	if (!strstr(log, "a malformed request was refused") ||
	    !strstr(log, "is not served any more"))
		test_die("the log does not tell of malformed requests");
	if (hostile_count(log, "a malformed request was refused") > 40 ||
	    hostile_count(log, "is not served any more") > 10)
		test_die("the log tells too often of malformed requests");
	free(log);
	if (stop_daemon(&host) || stop_daemon(&other_host))
		test_die("vhost-user-accel does not end with status 0");
	answer_time_report();
	return failed;
}
