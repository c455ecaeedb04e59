// SPDX-License-Identifier: Apache-2.0
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "log.h"

static int streams_log = -1;

int streams_fill(void)
{
	int fd;

	/* A new descriptor is the lowest that is free. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

void streams_set_log(int fd)
{
	streams_log = fd;
}

int streams_detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ret = 0;

	if (null < 0)
		return -errno;
	log_set_sink(NULL);
	if (streams_log >= 0) {
		log_set_name(NULL);
		if (dup2(streams_log, STDERR_FILENO) < 0)
			ret = -errno;
	}
	if (dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		ret = -errno;
	close(null);
	return ret;
}
