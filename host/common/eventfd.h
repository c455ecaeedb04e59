/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_EVENTFD_H
#define HOST_EVENTFD_H

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/** eventfd_signal() - adds one to the eventfd @fd; -1 is fine, and does nothing */
static inline void eventfd_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n;

	if (fd < 0)
		return;
	/* A full eventfd (EAGAIN) is signalled already; nothing helps against other errors. */
	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

#endif
