/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator allows one VM, and how the rules of policy_rules.h are read and written.
 *
 * A policy is made in layers, of which a later one wins: the defaults, the file's section for all
 * VMs, its section for this VM, the command line.
 */
#ifndef HOST_POLICY_H
#define HOST_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "policy_rules.h"
#include "uapi/linux/virtio_accel.h"

#define POLICY_TEXT_MAX 1024

/** Levels of the sandbox, see sandbox.h */
enum { SANDBOX_AUTO, SANDBOX_STRICT, SANDBOX_BASIC, SANDBOX_NONE, SANDBOX_NR };

/** Words of isolation: whether a client has a worker of its own */
enum { ISOLATION_CLIENT, ISOLATION_SHARED };

/* Types of the members by KIND */
#define POLICY_TYPE_NUMBER(field) uint64_t field
#define POLICY_TYPE_SIZE(field)	  uint64_t field
#define POLICY_TYPE_FLAG(field)	  uint64_t field
#define POLICY_TYPE_LEVEL(field)  uint64_t field
#define POLICY_TYPE_CHOICE(field) uint64_t field
#define POLICY_TYPE_OPS(field)	  uint64_t field /* bit per operation, and POLICY_URL */
#define POLICY_TYPE_TEXT(field)	  char field[POLICY_TEXT_MAX]
#define POLICY_X_MEMBER(field, name, kind, ...) POLICY_TYPE_##kind(field);
#define POLICY_X_INDEX(field, ...)		POLICY_##field,

/** Plain data, which travels to the worker as it is. */
struct policy {
	POLICY_RULES(POLICY_X_MEMBER)
	uint64_t layer; /* private: bit per rule that this layer has set */
};

enum policy_rule { POLICY_RULES(POLICY_X_INDEX) POLICY_NR_RULES };

/** In OPS: resources that the host downloads. No operation has this number. */
#define POLICY_URL (UINT64_C(1) << 55)

enum policy_kind {
	POLICY_NUMBER,
	POLICY_SIZE,
	POLICY_FLAG,
	POLICY_LEVEL,
	POLICY_CHOICE,
	POLICY_OPS,
	POLICY_TEXT,
};

struct policy_desc {
	const char *name;
	enum policy_kind kind;
	const char *fallback; /* the default */
	uint64_t min, max;
	uint32_t refusal;
	const char *unit;
	const char *help;
};

extern const struct policy_desc policy_rules[POLICY_NR_RULES];

/** policy_init() - the defaults */
void policy_init(struct policy *p);

/** policy_begin_layer() - what is set from here on replaces what was set before */
void policy_begin_layer(struct policy *p);

/** policy_is_set() - whether this layer has set the rule already */
bool policy_is_set(const struct policy *p, enum policy_rule rule);

/** policy_find() - the rule of this name, or POLICY_NR_RULES */
enum policy_rule policy_find(const char *name);

/**
 * policy_set() - reads a value
 * @value: NULL for a FLAG: yes
 * @why:   receives what is wrong with it, as the end of a sentence
 *
 * Return: 0 or -EINVAL, then the policy is as before.
 */
int policy_set(struct policy *p, enum policy_rule rule, const char *value, char *why, size_t size);

/** policy_key() - the rule's key in JSON: its name with underscores */
const char *policy_key(enum policy_rule rule);

/**
 * policy_is_limit() - whether the rule is a number beyond which requests are refused. Such a one can be
 * changed for a client that is served (quota_set_limit())
 */
bool policy_is_limit(enum policy_rule rule);

/**
 * policy_set_limit() - changes a limit
 *
 * Return: 0, or -EINVAL when the rule is no limit, or the value not one that it may have: nothing has changed.
 */
int policy_set_limit(struct policy *p, enum policy_rule rule, uint64_t value);

/** policy_number() - the value of a rule that is not TEXT */
uint64_t policy_number(const struct policy *p, enum policy_rule rule);

/** policy_allowed() - operations that the policy allows, and POLICY_URL, as bits */
uint64_t policy_allowed(const struct policy *p);

/** policy_allows_model() - whether the guest may name a model of servers: NAME or NAME/VERSION */
bool policy_allows_model(const struct policy *p, const char *name);

/** policy_op_name() - the name of the operation in lists, or NULL */
const char *policy_op_name(unsigned int op);

/** policy_print() - all rules as one line of JSON without line feed; keys are members' names */
void policy_print(const struct policy *p, FILE *to);

#endif
