/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that enforces the policy of a VM: whatever a guest may be refused is asked for here,
 * refused here, counted and logged here.
 *
 * The counts lie in memory that the supervisor shares, so that they outlive the worker: what it had
 * may be there after it has died, and then is not to be had again. Any thread may call; nothing is
 * locked.
 */
#ifndef HOST_QUOTA_H
#define HOST_QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "op_slot.h"
#include "policy.h"

struct quota_counts {
	/* What was refused to the VM, since the supervisor has started */
	struct {
		_Atomic uint64_t refused;
		_Atomic uint64_t logged_ms; /* CLOCK_MONOTONIC of the last log line, 0: none */
	} rules[POLICY_NR_RULES][OP_SLOTS];
	_Atomic uint64_t used[POLICY_NR_RULES]; /* by the worker */
	_Atomic uint64_t left[POLICY_NR_RULES]; /* by dead ones: what of theirs is not removed yet */
	_Atomic uint64_t file_bytes; /* of max_resource_bytes, what the worker's death does not free */
};

struct quota {
	struct policy policy; /* but for limits, which are here: */
	_Atomic uint64_t limits[POLICY_NR_RULES];
	struct quota_counts *counts;
};

/** quota_init() - nothing is used; @counts stays the caller's */
void quota_init(struct quota *l, const struct policy *policy, struct quota_counts *counts);

/**
 * quota_allow() - whether the guest may do what the bits (of one operation, or POLICY_URL) stand for
 * @op: the operation's code, for the log
 *
 * Return: 0 or VIRTIO_ACCEL_S_PERM.
 */
int quota_allow(struct quota *l, uint64_t bits, unsigned int op);

/**
 * quota_take() - takes @amount of what the rule limits
 * @op: the operation that needs it, for the log
 *
 * Return: 0, and quota_give() is to be called when it is not needed any more; or the rule's status.
 */
int quota_take(struct quota *l, enum policy_rule rule, uint64_t amount, unsigned int op);
void quota_give(struct quota *l, enum policy_rule rule, uint64_t amount);

/** quota_try() - as quota_take(), but a refusal is none of the guest's: false, and not counted */
bool quota_try(struct quota *l, enum policy_rule rule, uint64_t amount);

/** quota_limit() - the limit in force. @rule: see policy_is_limit() */
uint64_t quota_limit(const struct quota *l, enum policy_rule rule);

/**
 * quota_set_limit() - from here on this is the limit; what was taken before stays taken, also if it is more
 *
 * Return: 0, or -EINVAL as policy_set_limit().
 */
int quota_set_limit(struct quota *l, enum policy_rule rule, uint64_t value);

/** quota_used() - what was taken and not given back */
uint64_t quota_used(const struct quota *l, enum policy_rule rule);

/** quota_move() - from here on the counts are there. Nobody else may use the quota meanwhile. */
void quota_move(struct quota *l, struct quota_counts *counts);

/** quota_allow_model() - refuses a model of servers that the policy does not allow */
int quota_allow_model(struct quota *l, const char *name, unsigned int op);

/**
 * quota_refuse() - counts a refusal, and logs the first one of a rule and operation, then at most
 * one a minute
 */
void quota_refuse(struct quota *l, enum policy_rule rule, unsigned int op);

/** quota_refused() - refusals by the rule */
uint64_t quota_refused(const struct quota_counts *counts, enum policy_rule rule);

#endif
