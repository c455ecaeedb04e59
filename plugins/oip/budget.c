// SPDX-License-Identifier: Apache-2.0
/* How much memory answers may take, all together. */
#include "oip.h"

static size_t limit;
static atomic_size_t taken;

void budget_set(size_t max)
{
	limit = max;
}

bool budget_take(size_t size)
{
	size_t old = atomic_load(&taken), sum;

	do {
		if (__builtin_add_overflow(old, size, &sum) || sum > limit)
			return false;
	} while (!atomic_compare_exchange_weak(&taken, &old, sum));
	return true;
}

void budget_give(size_t size)
{
	atomic_fetch_sub(&taken, size);
}
