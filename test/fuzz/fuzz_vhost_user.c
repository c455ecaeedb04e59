// SPDX-License-Identifier: Apache-2.0
/*
 * The supervisor's side of a VM: any sequence of vhost-user messages with any descriptors, and a
 * worker that does its work, refuses, or dies at any time. The device behind the messages is the
 * real one; only the process of the worker is played here.
 *
 * Input: records of an action (one byte, modulo NR_ACTIONS) and its parameters, see run().
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "device_worker.h"
#include "guard.h"
#include "log.h"
#include "vhost_user.h"

#define RAM_SIZE 0x40000u
#define QUEUES	 3
#define MAX_FDS	 12	/* more than a message may have */

enum {
	KIND_RAM, KIND_SMALL, KIND_EVENTFD, KIND_PIPE, KIND_FULL_PIPE, KIND_SOCKET, KIND_DIRECTORY,
	KIND_DEVICE, KIND_RECORD, NR_KINDS
};

static int kinds[NR_KINDS];
static uint8_t *ram;
static int ram_fd;
static struct inflight_area *record; /* what a supervisor before this one left */

/* ---- The worker ---------------------------------------------------------------------------- */

static struct {
	int answer;	/* of the next questions */
	int say;	/* what child_read() gives */
} worker;

void child_init(struct child *c)
{
	memset(c, 0, sizeof(*c));
	c->pidfd = -1;
	c->sock = -1;
}

int child_start(struct child *c, struct forker *forker, const struct control_msg *msg,
		const int *fds, unsigned int nr_fds)
{
	(void)forker;
	(void)msg;
	if (nr_fds != 1 || fcntl(fds[0], F_GETFD) < 0)
		abort();
	if (worker.answer == -EAGAIN)
		return -EAGAIN;
	c->pid = 1;
	c->ready = false;
	return 0;
}

/* The hub's worker takes in nobody, or everybody. */
int child_join(struct child *c, int hub, const struct control_msg *msg, const int *fds,
	       unsigned int nr_fds)
{
	(void)hub;
	if (child_start(c, NULL, msg, fds, nr_fds))
		return -EAGAIN;
	c->shared = true;
	return 0;
}

void child_leave(struct child *c)
{
	child_init(c);
}

int child_read(struct child *c, int timeout_ms)
{
	(void)timeout_ms;
	if (!worker.say)
		c->ready = true;
	return worker.say;
}

int child_ask(struct child *c, struct control_msg *msg, const int *fds, unsigned int nr_fds,
	      int timeout_ms)
{
	if (timeout_ms < 0)
		abort();
	if (!c->ready)
		abort();
	if (nr_fds > CONTROL_MAX_FDS)
		abort();
	for (unsigned int i = 0; i < nr_fds; i++)
		if (fcntl(fds[i], F_GETFD) < 0)
			abort();
	msg->status = worker.answer;
	return worker.answer;
}

void child_quit(struct child *c, int timeout_ms, char *how, size_t how_size)
{
	(void)timeout_ms;
	child_kill(c, how, how_size);
}

void child_reap(void)
{
}

unsigned int child_nr_ending(void)
{
	return 0;
}

void child_kill(struct child *c, char *how, size_t how_size)
{
	child_init(c);
	snprintf(how, how_size, "was killed");
}

/* ---- The front end ------------------------------------------------------------------------- */

struct front {
	struct device dev;
	struct vhost_user vu;
	int sock;
	bool open;
};

static bool leave_out(const char *line, size_t len, bool relayed)
{
	(void)line;
	(void)len;
	(void)relayed;
	return false;
}

static void start(void)
{
	int pipes[2], sockets[2];
	uint8_t junk[4096] = { 0 };

	guard_init();
	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	kinds[KIND_RAM] = ram_fd;
	kinds[KIND_SMALL] = memfd_create("small", MFD_CLOEXEC);
	kinds[KIND_EVENTFD] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kinds[KIND_DIRECTORY] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	kinds[KIND_DEVICE] = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (ftruncate(ram_fd, RAM_SIZE) || ftruncate(kinds[KIND_SMALL], 100) ||
	    pipe2(pipes, O_CLOEXEC | O_NONBLOCK) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		abort();
	kinds[KIND_PIPE] = pipes[0];
	kinds[KIND_FULL_PIPE] = pipes[1];
	while (write(pipes[1], junk, sizeof(junk)) > 0)
		;
	kinds[KIND_SOCKET] = sockets[0];
	record = inflight_area_create(&kinds[KIND_RECORD]);
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
	if (!record || ram == MAP_FAILED)
		abort();
	/* Standard error is the fuzzer's. */
	log_set_sink(leave_out);
}

static void open_front(struct front *f)
{
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, socks))
		abort();
	vhost_user_init(&f->vu, &f->dev, socks[0]);
	f->sock = socks[1];
	f->open = true;
}

/* As the supervisor does when the connection ends. */
static void close_front(struct front *f)
{
	vhost_user_close(&f->vu);
	close(f->sock);
	device_disconnect(&f->dev);
	f->open = false;
}

/* Lets the back end take in what there is, and reads its answers. */
static void pump(struct front *f)
{
	uint8_t answers[8192];
	int left = 64, ret = 0;

	while (left-- && !ret) {
		uint8_t one;

		if (recv(f->vu.sock, &one, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
			break;
		ret = vhost_user_receive(&f->vu);
		while (recv(f->sock, answers, sizeof(answers), MSG_DONTWAIT) > 0)
			;
	}
	if (ret)
		close_front(f);
}

static void send_with(struct front *f, const void *data, size_t len, const int *fds, size_t nr)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!len)
		return;
	if (nr) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nr * sizeof(int));
	}
	(void)!sendmsg(f->sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	pump(f);
}

/*
 * A message: request, flags (one byte each), size of the payload (two bytes; bit 15: the header
 * says something else, the next four bytes), number of descriptors (one byte), the kind of each,
 * payload.
 */
static void send_message(struct front *f, struct input *in)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[512];
	} m = { 0 };
	uint16_t size;
	int fds[MAX_FDS];
	size_t nr;

	m.header.request = input_u8(in);
	m.header.flags = input_u8(in);
	size = input_u16(in);
	m.header.size = size & 0x7fff;
	if (size & 0x8000)
		input_bytes(in, &m.header.size, sizeof(m.header.size));
	nr = input_u8(in) % (MAX_FDS + 1);
	for (size_t i = 0; i < nr; i++)
		fds[i] = kinds[input_u8(in) % NR_KINDS];
	size = (size & 0x7fff) % (sizeof(m.payload) + 1);
	input_bytes(in, m.payload, size);
	/* SET_INFLIGHT_FD with the right size, which differs between builds */
	if (m.header.request == 32 && m.payload[0] == 1)
		memcpy(m.payload, &(uint64_t){ sizeof(*record) }, sizeof(uint64_t));
	input_requests++;
	send_with(f, &m, sizeof(m.header) + size, fds, nr);
}

static void send_rubbish(struct front *f, struct input *in)
{
	uint8_t bytes[64];
	size_t len = input_u8(in) % sizeof(bytes);
	int fd = kinds[input_u8(in) % NR_KINDS];

	input_bytes(in, bytes, len);
	send_with(f, bytes, len, &fd, len & 1);
}

/* The guest writes to its memory: place (two bytes, in units of 4), length (one byte), bytes. */
static void write_ram(struct input *in)
{
	size_t at = (size_t)input_u16(in) * 4 % RAM_SIZE, len = input_u8(in);

	if (len > RAM_SIZE - at)
		len = RAM_SIZE - at;
	input_bytes(in, ram + at, len);
}

/* A plugin that crashes may have scribbled over the record of requests in flight. */
static void write_area(struct front *f, struct input *in)
{
	uint8_t queue = input_u8(in);
	struct inflight_area *which = queue & 0x80 ? record : f->dev.area;
	uint8_t *area = (uint8_t *)&which->queues[queue % QUEUES];
	size_t at = input_u16(in) % 1024, len = input_u8(in) % 64;

	input_bytes(in, area + at, len);
}

static void take_action(struct front *f, struct input *in)
{
	static const int answers[] = { 0, -EBUSY, -EPIPE, -ENOMEM, -EFAULT, -ENOENT, -EAGAIN };
	static const int says[] = { 0, -ETIMEDOUT, -EPIPE, -EPROTO };
	enum { MESSAGE, RUBBISH, RAM, AREA, ANSWER, EVENT, TIME, CLOSE, NR_ACTIONS };
	struct device *dev = &f->dev;

	device_worker_begin(dev);
	switch (input_u8(in) % NR_ACTIONS) {
	case MESSAGE:
		send_message(f, in);
		break;
	case RUBBISH:
		send_rubbish(f, in);
		break;
	case RAM:
		write_ram(in);
		break;
	case AREA:
		write_area(f, in);
		break;
	case ANSWER:
		worker.answer = answers[input_u8(in) % (sizeof(answers) / sizeof(answers[0]))];
		break;
	case EVENT:
		worker.say = says[input_u8(in) % (sizeof(says) / sizeof(says[0]))];
		device_worker_event(dev);
		break;
	case TIME:
		/* Long enough for all that happens after a while */
		dev->restarts.next_ms = 0;
		dev->last_check_ms = 0;
		if (dev->away_ms)
			dev->away_ms = 1;
		device_worker_tick(dev);
		(void)device_worker_timeout(dev);
		break;
	case CLOSE:
		close_front(f);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cleaner no_cleaner = { .sock = -1 };
	const struct device_options opts = { .cleaner = &no_cleaner, .num_queues = QUEUES, .op_timeout_s = 1,
					     .keeper = -1, .model_dir = -1, .counters = -1,
					     .hub = size % 2 ? -1 : 0 };
	struct input in = { data, size };
	static struct front f;
	static bool started;
	unsigned int before;

	if (!started)
		start();
	started = true;
	memset(ram, 0, 0x4000);
	memset(record, 0, offsetof(struct inflight_area, queues[QUEUES]));
	record->layout = INFLIGHT_LAYOUT;
	memset(&worker, 0, sizeof(worker));

	before = input_nr_open();
	if (device_init(&f.dev, &opts))
		abort();
	device_worker_event(&f.dev);
	open_front(&f);
	while (in.left) {
		take_action(&f, &in);
		if (!f.open)
			open_front(&f);
	}
	close_front(&f);
	device_exit(&f.dev);
	if (input_nr_open() != before)
		abort();
	return 0;
}
