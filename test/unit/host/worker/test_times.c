// SPDX-License-Identifier: Apache-2.0
/*
 * The host's times in the guest's trace: of a host that tells them, of one that is too old to, and of those that
 * lie. check-trace looks at the file, in which the host's spans must lie within the guest's, whatever it says.
 */
#include "util.h"

#include <endian.h>

#include "host_link.h"

static char dir[] = "/tmp/test-times-XXXXXX";
static struct policy policy;
static struct vaccel_session sess;
static uint64_t tests_began;

static unsigned int asked, wanted; /* for the time; times in replies */
static bool is_old;
static const uint64_t *lie; /* four times, instead of the host's */

static int call_host(struct transport *t, const void *message, uint32_t message_len,
		     const struct virtio_accel_user_segment *segments, uint32_t nr_segments, void *reply,
		     uint32_t *reply_len, uint32_t *status)
{
	const struct virtio_accel_msg *msg = message;
	int ret;

	asked += msg->op == htole16(VIRTIO_ACCEL_OP_SESSION_CLOCK);
	wanted += msg->flags != 0;
	if (is_old && msg->op == htole16(VIRTIO_ACCEL_OP_SESSION_CLOCK)) {
		*status = VIRTIO_ACCEL_S_NOTSUP;
		*reply_len = 0;
		return 0;
	}
	ret = call(t, message, message_len, segments, nr_segments, reply, reply_len, status);
	if (lie && msg->flags && *reply_len >= 32)
		memcpy((uint8_t *)reply + *reply_len - 32, lie, 32);
	return ret;
}

static const struct transport_ops lying_ops = { .call = call_host, .close = nothing };

static int run_noop(void)
{
	return remote_call(&sess, VACCEL_OP_NOOP, NULL);
}

static void begin(void)
{
	asked = wanted = 0;
	assert_int_equal(session_begin(&sess), 0);
	remote_trace_session(&sess);
}

static void test_clock(void **state)
{
	uint64_t first = 0, second = 0, before, after;

	(void)state;
	begin();
	before = now_ns();
	assert_int_equal(remote_SESSION_CLOCK(&sess, &first), 0);
	assert_int_equal(remote_SESSION_CLOCK(&sess, &second), 0);
	after = now_ns();
	assert_true(second >= first && second - first <= after - before);
	/* It does not tell how long the host has been running. */
	assert_true(first <= after - tests_began);
	assert_int_equal(session_end(&sess), 0);
	assert_int_equal(remote_SESSION_CLOCK(&sess, &first), VACCEL_ESESS);
}

static void test_told(void **state)
{
	struct remote_session *rs;
	uint64_t out = 0, nr = 0;

	(void)state;
	begin();
	rs = sess.priv;
	assert_true(rs->clock.known && rs->tells_times);
	assert_true(asked >= 2);
	assert_int_equal(wanted, 0);
	assert_int_equal(run_noop(), 0);
	assert_int_equal(wanted, 1);
	/* Outputs are what they are without; and there are none of what is refused. */
	assert_int_equal(remote_PLUGIN_LIST(&sess, &out, 0, &nr), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(remote_call(&sess, VACCEL_OP_EXEC,
				     (union vop_val[]){ { .p = "lib" }, { .p = "symbol" }, { 0 }, { 0 }, { 0 }, { 0 } }),
			 VACCEL_EPERM);
	assert_int_equal(wanted, 3);
	vaccel_trace_pause(true);
	assert_int_equal(run_noop(), 0);
	assert_int_equal(wanted, 3);
	vaccel_trace_pause(false);
	assert_int_equal(session_end(&sess), 0);
}

static void test_old(void **state)
{
	(void)state;
	is_old = true;
	begin();
	assert_int_equal(asked, 1);
	assert_int_equal(run_noop(), 0);
	assert_int_equal(session_end(&sess), 0);
	assert_int_equal(wanted, 0);
	is_old = false;
}

static void test_lies(void **state)
{
	static const uint64_t nasty[] = { 0, 1, 1000000, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX };
	enum { NR = sizeof(nasty) / sizeof(nasty[0]) };
	uint64_t times[4];

	(void)state;
	begin();
	lie = times;
	for (unsigned int i = 0; i < NR * NR * NR * NR; i++) {
		for (unsigned int k = 0, n = i; k < 4; k++, n /= NR)
			times[k] = htole64(nasty[n % NR]);
		assert_int_equal(run_noop(), 0);
	}
	lie = NULL;
	/* The clock is found again. */
	assert_int_equal(run_noop(), 0);
	assert_int_equal(session_end(&sess), 0);
}

/* Whether the trace so far is right. Return: as system() */
static int check(const char *arguments)
{
	char command[512];

	snprintf(command, sizeof(command), "python3 " CHECK_TRACE " %s/trace %s", dir, arguments);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock), cmocka_unit_test(test_told), cmocka_unit_test(test_old),
		cmocka_unit_test(test_lies),
	};
	struct vaccel_config config = { .plugins = (char *)NOOP_PLUGIN, .log_level = VACCEL_LOG_ERROR };
	char command[96];
	int failed;

	tests_began = now_ns();
	if (!mkdtemp(dir))
		return 1;
	snprintf(command, sizeof(command), "%s/trace", dir);
	setenv("VACCEL_TRACE", command, 1);
	link_to_host.ops = &lying_ops;
	policy_init(&policy);
	if (vaccel_bootstrap_with_config(&config) || link_open())
		return 1;
	host_start(&policy, &no_dirs, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	dispatch_delete(host);
	link_close();
	failed += vaccel_cleanup() != 0;
	failed += check("--host --calls SESSION_INIT=4 --calls PLUGIN_LIST=1 --calls SESSION_CLOCK=0") != 0;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return failed || system(command);
}
