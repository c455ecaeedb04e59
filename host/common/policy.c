// SPDX-License-Identifier: Apache-2.0
#include "policy.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/optable.h"
#include "vaccel/op.h"

/* clang-format off */
#define X_DESC(field, name, kind, fallback, min, max, refusal, unit, help) \
	[POLICY_##field] = { name, POLICY_##kind, fallback, min, max, refusal, unit, help },
const struct policy_desc policy_rules[POLICY_NR_RULES] = { POLICY_RULES(X_DESC) };

#define X_FIELD(field, ...) [POLICY_##field] = { #field, offsetof(struct policy, field) },
static const struct {
	const char *key;
	size_t offset;
} members[POLICY_NR_RULES] = { POLICY_RULES(X_FIELD) };

#define X_OP(NAME, number, ...) { #NAME, number },
static const struct {
	const char *name; /* in capitals */
	unsigned int op;
} ops[] = { OPS(X_OP) EXT_OPS(X_OP) };
/* clang-format on */

static const char *const levels[SANDBOX_NR] = { "auto", "strict", "basic", "none" };

#define NR_OPS (sizeof(ops) / sizeof(ops[0]))
#define OP_BIT(op) (UINT64_C(1) << (op))
/* Run code, or have the host connect to where the guest says: refused unless allowed. */
#define DEFAULT_DENIED \
	(OP_BIT(VACCEL_OP_EXEC) | OP_BIT(VACCEL_OP_EXEC_WITH_RESOURCE) | POLICY_URL)

_Static_assert(POLICY_NR_RULES <= 64, "the rules of a layer are bits");

static void *member(const struct policy *p, enum policy_rule rule)
{
	return (char *)(uintptr_t)p + members[rule].offset;
}

enum policy_rule policy_find(const char *name)
{
	enum policy_rule rule = 0;

	while (rule < POLICY_NR_RULES && strcmp(policy_rules[rule].name, name) != 0)
		rule++;
	return rule;
}

/* In lower case, as in the lists */
const char *policy_op_name(unsigned int op)
{
	static _Thread_local char name[32];

	for (size_t i = 0; i < NR_OPS; i++) {
		size_t at = 0;

		if (ops[i].op != op)
			continue;
		for (; ops[i].name[at] && at < sizeof(name) - 1; at++)
			name[at] = (char)tolower((unsigned char)ops[i].name[at]);
		name[at] = '\0';
		return name;
	}
	return NULL;
}

/* ---- Values --------------------------------------------------------------------------------- */

static int set_number(uint64_t *to, const struct policy_desc *d, const char *value, char *why,
		      size_t size)
{
	static const char suffixes[] = "KMGT";
	const char *at;
	uint64_t n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (d->kind == POLICY_SIZE && *end && (at = strchr(suffixes, *end))) {
		unsigned int shift = 10 * (unsigned int)(at - suffixes + 1);

		if (n > UINT64_MAX >> shift)
			errno = ERANGE;
		n <<= shift;
		end++;
	}
	if (errno || *end || *value < '0' || *value > '9' || n < d->min || n > d->max) {
		snprintf(why, size, "a number from %" PRIu64 " to %" PRIu64 "%s is expected",
			 d->min, d->max,
			 d->kind == POLICY_SIZE ? ", or one with K, M, G or T," : "");
		return -EINVAL;
	}
	*to = n;
	return 0;
}

static int set_flag(uint64_t *to, const char *value, char *why, size_t size)
{
	if (!value || !strcmp(value, "yes"))
		*to = 1;
	else if (!strcmp(value, "no"))
		*to = 0;
	else {
		snprintf(why, size, "yes or no is expected");
		return -EINVAL;
	}
	return 0;
}

static int set_level(uint64_t *to, const char *value, char *why, size_t size)
{
	for (uint64_t i = 0; i < SANDBOX_NR; i++) {
		if (!strcmp(value, levels[i])) {
			*to = i;
			return 0;
		}
	}
	snprintf(why, size, "auto, strict, basic or none is expected");
	return -EINVAL;
}

/* The word of this number among @words, which '|' separates. Return: its length, 0: there is none */
static size_t choice(const char *words, uint64_t number, const char **word)
{
	*word = words;
	while (number-- && **word) {
		*word += strcspn(*word, "|");
		*word += **word == '|';
	}
	return strcspn(*word, "|");
}

static int set_choice(uint64_t *to, const char *words, const char *value, char *why, size_t size)
{
	const char *word;
	size_t len;

	for (uint64_t i = 0; (len = choice(words, i, &word)); i++) {
		if (strlen(value) == len && !strncmp(value, word, len)) {
			*to = i;
			return 0;
		}
	}
	snprintf(why, size, "one of %s is expected", words);
	return -EINVAL;
}

static uint64_t op_bits(const char *name)
{
	uint64_t all = 0;

	if (!strcmp(name, "url"))
		return POLICY_URL;
	for (size_t i = 0; i < NR_OPS; i++) {
		all |= OP_BIT(ops[i].op);
		if (!strcmp(policy_op_name(ops[i].op), name))
			return OP_BIT(ops[i].op);
	}
	return strcmp(name, "all") ? 0 : all;
}

static int set_ops(uint64_t *to, bool replace, const char *value, char *why, size_t size)
{
	char list[POLICY_TEXT_MAX], *save, *word;
	uint64_t set = replace ? 0 : *to, bits;
	int len;

	if (snprintf(list, sizeof(list), "%s", value) >= (int)sizeof(list)) {
		snprintf(why, size, "the list is too long");
		return -EINVAL;
	}
	for (word = strtok_r(list, ", \t", &save); word; word = strtok_r(NULL, ", \t", &save)) {
		bits = op_bits(word);
		if (!bits) {
			len = snprintf(why, size, "'%s' is no operation; url, all", word);
			for (size_t i = 0; i < NR_OPS && len > 0 && (size_t)len < size; i++)
				len += snprintf(why + len, size - (size_t)len, ", %s",
						policy_op_name(ops[i].op));
			if (len > 0 && (size_t)len < size)
				snprintf(why + len, size - (size_t)len, " are known");
			return -EINVAL;
		}
		set |= bits;
	}
	*to = set;
	return 0;
}

static int set_text(char *to, bool replace, const char *value, char *why, size_t size)
{
	size_t old = replace ? 0 : strlen(to), len = strlen(value);

	if (old + len + 2 > POLICY_TEXT_MAX) {
		snprintf(why, size, "at most %d characters are expected", POLICY_TEXT_MAX - 2);
		return -EINVAL;
	}
	if (old)
		to[old++] = ':';
	memcpy(to + old, value, len + 1);
	return 0;
}

int policy_set(struct policy *p, enum policy_rule rule, const char *value, char *why, size_t size)
{
	const struct policy_desc *d = &policy_rules[rule];
	bool replace = !policy_is_set(p, rule);
	void *to = member(p, rule);
	int ret = -EINVAL;

	switch (d->kind) {
	case POLICY_NUMBER:
	case POLICY_SIZE:
		ret = set_number(to, d, value, why, size);
		break;
	case POLICY_FLAG:
		ret = set_flag(to, value, why, size);
		break;
	case POLICY_LEVEL:
		ret = set_level(to, value, why, size);
		break;
	case POLICY_CHOICE:
		ret = set_choice(to, d->unit, value, why, size);
		break;
	case POLICY_OPS:
		ret = set_ops(to, replace, value, why, size);
		break;
	case POLICY_TEXT:
		ret = set_text(to, replace, value, why, size);
		break;
	}
	if (!ret)
		p->layer |= UINT64_C(1) << rule;
	return ret;
}

/* ---- Policies ------------------------------------------------------------------------------- */

void policy_init(struct policy *p)
{
	char why[256];

	memset(p, 0, sizeof(*p));
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++)
		policy_set(p, rule, policy_rules[rule].fallback, why, sizeof(why));
	policy_begin_layer(p);
}

void policy_begin_layer(struct policy *p)
{
	p->layer = 0;
}

bool policy_is_set(const struct policy *p, enum policy_rule rule)
{
	return p->layer >> rule & 1;
}

const char *policy_key(enum policy_rule rule)
{
	return members[rule].key;
}

uint64_t policy_number(const struct policy *p, enum policy_rule rule)
{
	return *(const uint64_t *)member(p, rule);
}

bool policy_is_limit(enum policy_rule rule)
{
	const struct policy_desc *d = rule < POLICY_NR_RULES ? &policy_rules[rule] : NULL;

	return d && d->refusal && (d->kind == POLICY_NUMBER || d->kind == POLICY_SIZE);
}

int policy_set_limit(struct policy *p, enum policy_rule rule, uint64_t value)
{
	if (!policy_is_limit(rule) || value < policy_rules[rule].min || value > policy_rules[rule].max)
		return -EINVAL;
	*(uint64_t *)member(p, rule) = value;
	return 0;
}

uint64_t policy_allowed(const struct policy *p)
{
	return ~(p->deny | DEFAULT_DENIED) | p->allow;
}

bool policy_allows_model(const struct policy *p, const char *name)
{
	char list[POLICY_TEXT_MAX], *save, *pattern;

	snprintf(list, sizeof(list), "%s", p->models);
	/* Lists of several layers are joined by colons, which no name has. */
	for (pattern = strtok_r(list, ":, \t", &save); pattern; pattern = strtok_r(NULL, ":, \t", &save))
		if (!fnmatch(pattern, name, 0))
			return true;
	return false;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void print_string(const char *s, FILE *to)
{
	putc('"', to);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(to, "\\u%04x", (unsigned int)*s);
		else
			putc(*s, to);
	}
	putc('"', to);
}

static void print_ops(uint64_t bits, FILE *to)
{
	const char *comma = "";

	putc('[', to);
	for (size_t i = 0; i < NR_OPS; i++) {
		if (!(bits & OP_BIT(ops[i].op)))
			continue;
		fprintf(to, "%s\"%s\"", comma, policy_op_name(ops[i].op));
		comma = ",";
	}
	if (bits & POLICY_URL)
		fprintf(to, "%s\"url\"", comma);
	putc(']', to);
}

void policy_print(const struct policy *p, FILE *to)
{
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++) {
		uint64_t *n = member(p, rule);
		const char *word;
		size_t len;

		fprintf(to, "%s\"%s\":", rule ? "," : "{", policy_key(rule));
		switch (policy_rules[rule].kind) {
		case POLICY_NUMBER:
		case POLICY_SIZE:
			fprintf(to, "%" PRIu64, *n);
			break;
		case POLICY_FLAG:
			fputs(*n ? "true" : "false", to);
			break;
		case POLICY_LEVEL:
			print_string(levels[*n], to);
			break;
		case POLICY_CHOICE:
			len = choice(policy_rules[rule].unit, *n, &word);
			fprintf(to, "\"%.*s\"", (int)len, word);
			break;
		case POLICY_OPS:
			print_ops(*n, to);
			break;
		case POLICY_TEXT:
			print_string(member(p, rule), to);
			break;
		}
	}
	putc('}', to);
}
