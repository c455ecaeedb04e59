/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of our own, in programs that may have closed their standard input and outputs. */
#ifndef TRANSPORT_FD_H
#define TRANSPORT_FD_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/**
 * fd_above_stdio() - moves a new descriptor out of the way of what a program prints
 * @fd: open, and taken over; or -1, with errno set
 *
 * A program that was started without 0, 1 or 2 would otherwise get ours there, and print into a
 * socket or into shared memory. What is moved is closed on exec. Return: a descriptor of 3 or more,
 * or -1 with errno set.
 */
static inline int fd_above_stdio(int fd)
{
	int moved, err;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = errno;
	close(fd);
	errno = err;
	return moved;
}

#endif
