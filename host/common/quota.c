// SPDX-License-Identifier: Apache-2.0
#include "quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"

/* A guest cannot fill the log: of a rule and operation there is one line in this time. */
#define LOG_MS 60000

static const char *name_of(unsigned int op)
{
	const char *name = op_name(op);

	return name ? name : "a request";
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u + 1;
}

void quota_init(struct quota *l, const struct policy *policy, struct quota_counts *counts)
{
	memset(l, 0, sizeof(*l));
	l->policy = *policy;
	l->counts = counts;
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++) {
		atomic_store(&counts->used[rule], 0);
		if (policy_is_limit(rule))
			atomic_store(&l->limits[rule], policy_number(policy, rule));
	}
	atomic_store(&counts->file_bytes, 0);
}

void quota_move(struct quota *l, struct quota_counts *counts)
{
	for (int rule = 0; rule < POLICY_NR_RULES; rule++)
		atomic_store(&counts->used[rule], atomic_load(&l->counts->used[rule]));
	atomic_store(&counts->file_bytes, atomic_load(&l->counts->file_bytes));
	l->counts = counts;
}

void quota_refuse(struct quota *l, enum policy_rule rule, unsigned int op)
{
	const char *name = policy_rules[rule].name;
	uint64_t refused, last, now = now_ms();

	refused = atomic_fetch_add(&l->counts->rules[rule][op_slot(op)].refused, 1) + 1;
	last = atomic_load(&l->counts->rules[rule][op_slot(op)].logged_ms);
	if (last && now - last < LOG_MS)
		return;
	if (!atomic_compare_exchange_strong(&l->counts->rules[rule][op_slot(op)].logged_ms, &last,
					    now))
		return;
	if (rule == POLICY_allow)
		log_warn("refused %s (%" PRIu64 " times): the policy does not allow it, see --allow",
			 name_of(op), refused);
	else
		log_warn("refused %s (%" PRIu64 " times): --%s=%" PRIu64 " was reached", name_of(op),
			 refused, name, quota_limit(l, rule));
}

uint64_t quota_limit(const struct quota *l, enum policy_rule rule)
{
	return atomic_load_explicit(&l->limits[rule], memory_order_relaxed);
}

int quota_set_limit(struct quota *l, enum policy_rule rule, uint64_t value)
{
	struct policy checked = l->policy;
	int ret = policy_set_limit(&checked, rule, value);

	if (!ret)
		atomic_store_explicit(&l->limits[rule], value, memory_order_relaxed);
	return ret;
}

int quota_allow(struct quota *l, uint64_t bits, unsigned int op)
{
	if ((policy_allowed(&l->policy) & bits) == bits)
		return 0;
	quota_refuse(l, POLICY_allow, op);
	return VIRTIO_ACCEL_S_PERM;
}

int quota_allow_model(struct quota *l, const char *name, unsigned int op)
{
	if (policy_allows_model(&l->policy, name))
		return 0;
	quota_refuse(l, POLICY_models, op);
	return VIRTIO_ACCEL_S_PERM;
}

bool quota_try(struct quota *l, enum policy_rule rule, uint64_t amount)
{
	_Atomic uint64_t *used = &l->counts->used[rule];
	uint64_t max = quota_limit(l, rule), old = atomic_load(used), sum;
	uint64_t left = atomic_load(&l->counts->left[rule]);

	max = left < max ? max - left : 0;
	if (!amount)
		return true;
	do {
		if (__builtin_add_overflow(old, amount, &sum) || sum > max)
			return false;
	} while (!atomic_compare_exchange_weak(used, &old, sum));
	return true;
}

int quota_take(struct quota *l, enum policy_rule rule, uint64_t amount, unsigned int op)
{
	if (quota_try(l, rule, amount))
		return 0;
	quota_refuse(l, rule, op);
	return (int)policy_rules[rule].refusal;
}

void quota_give(struct quota *l, enum policy_rule rule, uint64_t amount)
{
	atomic_fetch_sub(&l->counts->used[rule], amount);
}

uint64_t quota_used(const struct quota *l, enum policy_rule rule)
{
	return atomic_load(&l->counts->used[rule]);
}

uint64_t quota_refused(const struct quota_counts *counts, enum policy_rule rule)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < OP_SLOTS; i++)
		sum += atomic_load(&counts->rules[rule][i].refused);
	return sum;
}
