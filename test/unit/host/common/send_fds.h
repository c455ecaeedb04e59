/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with more ancillary data than anybody expects. */
#pragma once

#include <dirent.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_FDS_MAX 20

/* What a message carries besides descriptors */
enum { SEND_ONCE = 0, SEND_TWICE = 1 /* descriptors in two parts */, SEND_WHO = 2 /* credentials */ };

static inline unsigned int send_fds_count(void)
{
	unsigned int n = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Appends a piece. Return: the room that it takes. */
static inline size_t send_fds_put(char *to, int type, const void *data, size_t len)
{
	struct cmsghdr c = { .cmsg_level = SOL_SOCKET, .cmsg_type = type, .cmsg_len = CMSG_LEN(len) };

	memcpy(to, &c, sizeof(c));
	memcpy(to + CMSG_LEN(0), data, len);
	return CMSG_SPACE(len);
}

/* Sends @len bytes with @nr copies of @fd. Return: as sendmsg(). */
static inline ssize_t send_fds(int sock, const void *data, size_t len, int fd, unsigned int nr, int how)
{
	const struct ucred who = { getpid(), getuid(), getgid() };
	_Alignas(struct cmsghdr) char space[512] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int first = how & SEND_TWICE ? nr / 2 : 0;
	int fds[SEND_FDS_MAX];
	size_t room = 0;

	for (unsigned int i = 0; i < nr; i++)
		fds[i] = fd;
	if (how & SEND_WHO)
		room += send_fds_put(space + room, SCM_CREDENTIALS, &who, sizeof(who));
	if (first)
		room += send_fds_put(space + room, SCM_RIGHTS, fds, first * sizeof(int));
	if (nr > first)
		room += send_fds_put(space + room, SCM_RIGHTS, fds, (nr - first) * sizeof(int));
	if (room) {
		msg.msg_control = space;
		msg.msg_controllen = room;
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL);
}
