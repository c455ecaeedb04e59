// SPDX-License-Identifier: Apache-2.0
/*
 * The time that one message of the front end may take, against those who want it to take long: a worker
 * that was taken over and answers each question late, or never, and a guest that makes more files than
 * anybody can remove in that time. QEMU's main loop waits for these answers.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "answer_time.h"
#include "hostile.h"

#define OP_EXEC 1
#define LATE_MS "1900" /* just before each single answer was given up, once */

static struct daemon host;
static struct raw_front front;

/* The plugin takes over the worker's side of the control socket, and answers after @ms. */
static void take_over(const char *ms)
{
	struct hostile_message m;
	uint64_t session;

	assert_int_equal(raw_session(&front, &session), 0);
	hostile_begin(&m, OP_EXEC, session);
	hostile_value(&m, 0);
	hostile_value(&m, 0);
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, sizeof("late-answers"), 0, "late-answers");
	hostile_buffer(&m, VIRTIO_ACCEL_BUF_INLINE, strlen(ms) + 1, 0, ms);
	hostile_send(&front, &m, 4096);
	assert_int_equal(raw_resp(&front).status, 0);
}

static void open_front(void)
{
	raw_open(&front, host.socket, HOSTILE_FEATURES);
	raw_expect_alive(&front);
}

/* ---- What the front end may ask for -------------------------------------------------------- */

static void remove_memory(void)
{
	struct vu_msg m = { .request = VU_REM_MEM_REG, .size = 8 + sizeof(struct vu_region) };
	const struct vu_region region = {
		.guest_addr = NATIVE_MEM_GUEST_BASE,
		.size = RAW_MEMORY,
		.user_addr = (uintptr_t)front.mem.base,
	};

	memcpy(m.bytes + 8, &region, sizeof(region));
	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
}

static void reset_device(void)
{
	struct vu_msg m = { .request = VU_RESET_DEVICE };

	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
}

static void stop_rings(void)
{
	uint32_t base;

	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		assert_int_equal(vu_get_vring_base(&front.conn, i, &base), 0);
}

static void replace_call(void)
{
	for (unsigned int i = 0; i < RAW_QUEUES; i++)
		assert_int_equal(vu_set_u64(&front.conn, VU_SET_VRING_CALL, i, front.queues[i].call), 0);
}

static void set_no_memory(void)
{
	struct vu_msg m = { .request = VU_SET_MEM_TABLE, .size = 8 };

	assert_int_equal(vu_set(&front.conn, &m, NULL, 0), 0);
}

static void hang_up(void)
{
	uint64_t features;

	vu_close(&front.conn);
	/* The next front end waits until all is undone. */
	assert_int_equal(vu_connect(&front.conn, host.socket, 60000), 0);
	assert_int_equal(vu_get_u64(&front.conn, VU_GET_FEATURES, &features), 0);
}

static const struct {
	const char *name;
	void (*ask)(void);
} questions[] = {
	{ "REM_MEM_REG", remove_memory }, { "RESET_DEVICE", reset_device },
	{ "GET_VRING_BASE", stop_rings }, { "SET_VRING_CALL", replace_call },
	{ "SET_MEM_TABLE", set_no_memory }, { "a new connection", hang_up },
};

static void late_answers(void **state)
{
	/* Late in all; each in time, but not all together; never */
	static const char *const times[] = { LATE_MS, "400", "600000" };

	(void)state;
	for (size_t t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
		for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
			open_front();
			take_over(times[t]);
			answer_time_reset();
			questions[i].ask();
			print_message("a worker that answers after %s ms: %s took %u ms\n", times[t],
				      questions[i].name, answer_time_longest());
			raw_close(&front);
			assert_true(daemon_alive(&host));
		}
	}
	/* And the next ones find a worker. */
	open_front();
	raw_close(&front);
}

int main(void)
{
	static const char *const args[] = { "--allow=exec", "--op-timeout=600", NULL };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_answers),
	};
	int failed;

	test_main_begin(280);
	start_daemon(&host, HOSTILE_PLUGIN ":" NOOP_PLUGIN, args);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed) {
		char *log = daemon_log(&host);

		print_message("The host process said:\n%s", log);
		free(log);
	}
	if (stop_daemon(&host))
		test_die("vhost-user-accel does not end with status 0");
	answer_time_report();
	return failed;
}
