// SPDX-License-Identifier: Apache-2.0
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

pid_t group_reap(pid_t pid, int *status)
{
	siginfo_t info = { 0 };
	int ret;

	do
		ret = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
	while (ret && errno == EINTR);
	if (ret)
		return -1;
	if (!info.si_pid)
		return 0;
	/*
	 * The number of a worker's group is ours until the worker is waited for. Nothing guarantees that
	 * there is anybody in it.
	 */
	kill(-pid, SIGKILL);
	return waitpid(pid, status, WNOHANG);
}
