// SPDX-License-Identifier: Apache-2.0
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int helper_start(void (*run)(int sock, void *arg), void *arg)
{
	int socks[2], ret;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			run(socks[1], arg);
		_exit(0);
	}
	ret = pid < 0 ? -errno : socks[0];
	if (pid > 0)
		waitpid(pid, NULL, 0);
	close(socks[1]);
	if (ret < 0)
		close(socks[0]);
	return ret;
}
