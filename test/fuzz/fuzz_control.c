// SPDX-License-Identifier: Apache-2.0
/*
 * What a worker that was taken over sends to its supervisor: messages of any length and content, with
 * any ancillary data. The receiver is the real one (supervisor/child.c); only the processes are missing.
 *
 * Input: records of what the supervisor does (one byte: reads, or asks), and what comes before: how many
 * messages (one byte, modulo 4), of each the length (two bytes), the number of pieces of ancillary
 * data (one byte), of each its level, type and length (one byte each) and bytes, and the bytes.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "forker.h"

#define MAX_FDS 32	 /* of one piece */
#define MAX_PIECES 4

static int null;

/* No process is started: in the place of forker.c */
int forker_spawn(struct forker *f, int fd, pid_t *pid, uint32_t *nr)
{
	(void)f;
	(void)fd;
	*pid = 0;
	*nr = 1;
	return -EAGAIN;
}

/* One piece of ancillary data at @to. Return: the room that it takes. */
static size_t put_piece(struct input *in, char *to)
{
	static const int types[] = { SCM_RIGHTS, SCM_RIGHTS, SCM_CREDENTIALS, 0x03, 0x04, 0x77 };
	const struct ucred who = { getpid(), getuid(), getgid() };
	uint8_t level = input_u8(in), type = input_u8(in), len = input_u8(in);
	struct cmsghdr c = { .cmsg_level = level < 250 ? SOL_SOCKET : level,
			     .cmsg_type = types[type % (sizeof(types) / sizeof(types[0]))] };
	size_t size = len;

	if (c.cmsg_type == SCM_RIGHTS) {
		size = (len % (MAX_FDS + 1)) * sizeof(int);
		for (size_t i = 0; i < size; i += sizeof(int))
			memcpy(to + CMSG_LEN(i), &null, sizeof(int));
	} else if (c.cmsg_type == SCM_CREDENTIALS) {
		size = sizeof(who);
		memcpy(to + CMSG_LEN(0), &who, size);
	} else {
		input_bytes(in, to + CMSG_LEN(0), size);
	}
	c.cmsg_len = CMSG_LEN(size);
	memcpy(to, &c, sizeof(c));
	return CMSG_SPACE(size);
}

static void send_message(struct input *in, int sock)
{
	static _Alignas(struct cmsghdr) char space[MAX_PIECES * CMSG_SPACE(256)];
	static uint8_t bytes[sizeof(struct control_msg) + 64];
	uint16_t len = input_u16(in);
	uint8_t nr = input_u8(in) % (MAX_PIECES + 1);
	struct iovec iov = { bytes, 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space };

	/* Mostly a whole message */
	iov.iov_len = len < 0xc000 ? sizeof(struct control_msg) : len % (sizeof(bytes) + 1);
	for (uint8_t i = 0; i < nr; i++)
		msg.msg_controllen += put_piece(in, space + msg.msg_controllen);
	if (!msg.msg_controllen)
		msg.msg_control = NULL;
	memset(bytes, 0, sizeof(bytes));
	input_bytes(in, bytes, 16);
	input_bytes(in, bytes + 64, len % 256);
	input_requests++;
	/* What the kernel does not take was never there. */
	(void)!sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void start_child(struct child *c, int socks[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		abort();
	child_init(c);
	c->sock = socks[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int before;
	int socks[2], ret;
	static struct control_msg msg;
	struct child c;

	if (!null)
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	before = input_nr_open();
	start_child(&c, socks);
	while (in.left) {
		uint8_t what = input_u8(&in), nr = input_u8(&in) % 4;

		/* As some kernels and service managers have it */
		if (what & 0x40 && setsockopt(c.sock, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)))
			abort();
		while (nr--)
			send_message(&in, socks[1]);
		msg.type = what >> 1 & 7;
		if (what & 1) {
			/* Nothing comes any more, so that nobody waits. */
			shutdown(socks[1], SHUT_WR);
			ret = child_ask(&c, &msg, &null, what >> 4 & 1, what & 0x80 ? 0 : 1000);
		} else {
			ret = child_read(&c, 0);
		}
		if (memchr(c.rundir, 0, sizeof(c.rundir)) == NULL)
			abort();
		/* As the supervisor does */
		if (what & 1 || (ret && ret != -ETIMEDOUT)) {
			close(socks[0]);
			close(socks[1]);
			start_child(&c, socks);
		}
	}
	close(socks[0]);
	close(socks[1]);
	if (input_nr_open() != before)
		abort();
	return 0;
}
