// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdpass.h"

int control_send(int sock, const struct control_msg *msg, const int *fds, unsigned int nr_fds)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, sizeof(*msg) };
	ssize_t n = fdpass_send(sock, &iov, 1, fds, nr_fds, MSG_DONTWAIT);

	return n < 0 ? (int)n : 0;
}

int control_recv(int sock, struct control_msg *msg, int *fds, int timeout_ms)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	unsigned int nr_fds;
	ssize_t n;

	for (unsigned int i = 0; i < CONTROL_MAX_FDS; i++)
		fds[i] = -1;

	do
		n = poll(&pfd, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	n = fdpass_recv(sock, (struct iovec){ msg, sizeof(*msg) }, fds, CONTROL_MAX_FDS, &nr_fds,
			MSG_DONTWAIT);
	if (n == sizeof(*msg))
		return 0;
	control_close(fds);
	if (n < 0)
		return (int)n;
	return n == 0 ? -EPIPE : -EPROTO;
}

void control_close(int *fds)
{
	for (unsigned int i = 0; i < CONTROL_MAX_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}
