// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

static sigjmp_buf guard_exit;
static volatile sig_atomic_t guarded;

static void on_sigbus(int sig)
{
	if (guarded)
		siglongjmp(guard_exit, 1);
	signal(sig, SIG_DFL);
	raise(sig);
}

void guard_init(void)
{
	const struct sigaction action = { .sa_handler = on_sigbus };

	sigaction(SIGBUS, &action, NULL);
}

int guard_call(int (*fn)(void *), void *arg)
{
	int ret;

	if (sigsetjmp(guard_exit, 1)) {
		guarded = 0;
		return -EFAULT;
	}
	guarded = 1;
	ret = fn(arg);
	guarded = 0;
	return ret;
}
