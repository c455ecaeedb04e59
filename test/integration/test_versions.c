// SPDX-License-Identifier: Apache-2.0
/*
 * A guest of version 1 as it was before anything was added (test/vectors/version-1.0): it accepts no
 * feature of the device type, and sends messages byte by byte as they were then. The host serves it.
 * The other direction, a host that knows less than its guest: test_claims, test_device, and the driver's
 * tests in VMs.
 */
#include <endian.h>
#include <errno.h>

#include "raw_front.h"
#include "support.h"
#include "../unit/src/wire/vectors.h"

static struct daemon host;
static struct raw_front front;

static void put(struct vector *v, size_t at, uint64_t value)
{
	value = htole64(value);
	memcpy(v->bytes + at, &value, sizeof(value));
}

/*
 * Sends the message of a vector, on @session and, if not 0, for the resource @id. The reply is as long as
 * the vector's, with the same buffer at its start. Return: the id in the reply, if it is one.
 */
static uint64_t send(const char *name, uint64_t session, uint64_t id, uint32_t status)
{
	struct virtio_accel_req req = {
		.type = htole32(VIRTIO_ACCEL_T_CALL),
		.context = htole64(1),
	};
	struct vector message, reply;
	struct virtio_accel_resp resp;
	const uint8_t *got = raw_at(&front, RAW_OUT + sizeof(resp));
	uint64_t value = 0;

	vector_read(name, "message", &message);
	vector_read(name, "reply", &reply);
	assert_true(message.len >= (int)sizeof(struct virtio_accel_msg));
	put(&message, 8, session);
	if (id)
		put(&message, 16, id);
	req.message_len = htole32((uint32_t)message.len);
	if (raw_send(&front, raw_build(&front, &req, NULL, NULL, message.bytes, (size_t)message.len),
		     65536) < 0)
		fail_msg("%s: no answer", name);
	resp = raw_resp(&front);
	if (resp.status != status)
		fail_msg("%s: status %u, not %u", name, resp.status, status);
	if (status)
		return 0;
	if (resp.reply_len != (uint32_t)(reply.len < 0 ? 0 : reply.len))
		fail_msg("%s: a reply of %u bytes, not %d", name, resp.reply_len, reply.len);
	if (resp.reply_len >= sizeof(struct virtio_accel_buf))
		assert_memory_equal(got, reply.bytes, sizeof(struct virtio_accel_buf));
	if (resp.reply_len == sizeof(struct virtio_accel_buf) + sizeof(value))
		memcpy(&value, got + sizeof(struct virtio_accel_buf), sizeof(value));
	return le64toh(value);
}

static void test_guest_of_1_0(void **state)
{
	uint64_t session, resource;
	struct vector close;

	(void)state;
	raw_open(&front, host.socket, RAW_FEATURES);
	assert_int_equal(front.features & 0xffffff, 0);
	session = send("session-init", 0, 0, VIRTIO_ACCEL_S_OK);
	assert_true(session > 0);
	send("noop", session, 0, VIRTIO_ACCEL_S_OK);
	send("session-update", session, 0, VIRTIO_ACCEL_S_OK);
	send("image-classify", session, 0, VIRTIO_ACCEL_S_OK);
	send("minmax", session, 0, VIRTIO_ACCEL_S_OK);
	send("blas-sgemm", session, 0, VIRTIO_ACCEL_S_OK);
	send("exec", session, 0, VIRTIO_ACCEL_S_PERM);
	resource = send("resource-create", 0, 0, VIRTIO_ACCEL_S_OK);
	assert_true(resource > 0);
	send("resource-destroy", 0, resource, VIRTIO_ACCEL_S_OK);
	send("resource-destroy", 0, resource, VIRTIO_ACCEL_S_NOENT);
	send("output-drop", session, 0, VIRTIO_ACCEL_S_NOENT);
	send("session-release", session, 0, VIRTIO_ACCEL_S_OK);
	send("noop", session, 0, VIRTIO_ACCEL_S_SESS);

	vector_read("context-close", "stream", &close);
	memcpy(raw_at(&front, RAW_IN), close.bytes, (size_t)close.len);
	assert_int_equal(raw_send(&front, (uint32_t)close.len, 4096),
			 sizeof(struct virtio_accel_resp));
	assert_int_equal(raw_resp(&front).status, VIRTIO_ACCEL_S_OK);
	raw_close(&front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest_of_1_0),
	};
	int failed;

	test_main_begin(60);
	start_daemon(&host, NOOP_PLUGIN, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed)
		print_message("The host process said:\n%s", daemon_log(&host));
	if (stop_daemon(&host))
		test_die("vhost-user-accel does not end with status 0");
	return failed;
}
