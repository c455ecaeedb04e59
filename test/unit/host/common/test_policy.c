// SPDX-License-Identifier: Apache-2.0
/* The rules: their values, the layers that they come from, the file, and what they enforce. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

#include "config_file.h"
#include "quota.h"
#include "vaccel/op.h"

static char why[512];

static int set(struct policy *p, const char *name, const char *value)
{
	enum policy_rule rule = policy_find(name);

	assert_int_not_equal(rule, POLICY_NR_RULES);
	why[0] = '\0';
	return policy_set(p, rule, value, why, sizeof(why));
}

/* ---- Values --------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(p.num_queues, 8);
	assert_int_equal(p.max_sessions, 256);
	assert_int_equal(p.max_resource_bytes, UINT64_C(4) << 30);
	assert_int_equal(p.op_timeout, 300);
	assert_string_equal(p.plugins, "");
	assert_int_equal(policy_allowed(&p) & POLICY_URL, 0);
	assert_int_equal(policy_allowed(&p) >> VACCEL_OP_EXEC & 3, 0);
	assert_int_equal(policy_allowed(&p) >> VACCEL_OP_NOOP & 1, 1);
	assert_int_equal(policy_find("nonsense"), POLICY_NR_RULES);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "", "0", "-1", "1000001", "5x", "1K", "99999999999999999999",
					   " 5", "+5", "0x10" };
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(set(&p, "max-sessions", "1"), 0);
	assert_int_equal(set(&p, "max-sessions", "1000000"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(set(&p, "max-sessions", bad[i]), 0);
		assert_string_equal(why, "a number from 1 to 1000000 is expected");
		assert_int_equal(p.max_sessions, 1000000);
	}
	assert_int_equal(set(&p, "max-staging-bytes", "3K"), 0);
	assert_int_equal(p.max_staging_bytes, 3072);
	assert_int_equal(set(&p, "max-staging-bytes", "16777215T"), 0);
	assert_int_not_equal(set(&p, "max-staging-bytes", "16777216T"), 0);
	assert_int_not_equal(set(&p, "max-staging-bytes", "1KK"), 0);
	assert_int_not_equal(set(&p, "max-staging-bytes", "K"), 0);
}

static void test_words(void **state)
{
	static const char *const bad[] = { "", "share", "sharedx", "client|shared", "|", "Client", "1" };
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(p.isolation, ISOLATION_CLIENT);
	assert_int_equal(set(&p, "isolation", "shared"), 0);
	assert_int_equal(p.isolation, ISOLATION_SHARED);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(set(&p, "isolation", bad[i]), 0);
		assert_string_equal(why, "one of client|shared is expected");
		assert_int_equal(p.isolation, ISOLATION_SHARED);
	}
	assert_int_equal(set(&p, "isolation", "client"), 0);
	assert_int_equal(p.isolation, ISOLATION_CLIENT);
}

static void test_ops(void **state)
{
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(set(&p, "allow", "exec,url"), 0);
	assert_int_equal(set(&p, "allow", " exec_with_resource , noop"), 0);
	assert_int_equal(p.allow, POLICY_URL | 1 << VACCEL_OP_EXEC |
					  1 << VACCEL_OP_EXEC_WITH_RESOURCE | 1 << VACCEL_OP_NOOP);
	assert_int_not_equal(set(&p, "deny", "exec,nonsense"), 0);
	assert_non_null(strstr(why, "'nonsense' is no operation"));
	assert_non_null(strstr(why, "blas_sgemm"));
	assert_int_equal(p.deny, 0);
	assert_int_equal(set(&p, "deny", "all"), 0);
	/* What is allowed by name stays so. */
	assert_int_equal(policy_allowed(&p) >> VACCEL_OP_NOOP & 1, 1);
	assert_int_equal(policy_allowed(&p) >> VACCEL_OP_EXEC & 1, 1);
	assert_int_equal(policy_allowed(&p) >> VACCEL_OP_BLAS_SGEMM & 1, 0);
	/* Every operation has a name that a list understands. */
	for (unsigned int op = 0; op < VACCEL_OP_MAX; op++) {
		policy_begin_layer(&p);
		assert_int_equal(set(&p, "allow", policy_op_name(op)), 0);
		assert_int_equal(p.allow, UINT64_C(1) << op);
	}
	assert_null(policy_op_name(VACCEL_OP_MAX));
}

static void test_layers(void **state)
{
	char text[POLICY_TEXT_MAX + 1];
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(set(&p, "plugins", "a.so"), 0);
	assert_int_equal(set(&p, "plugins", "b.so"), 0);
	assert_string_equal(p.plugins, "a.so:b.so");
	assert_int_equal(set(&p, "allow", "exec"), 0);
	policy_begin_layer(&p);
	assert_int_equal(set(&p, "plugins", "c.so"), 0);
	assert_int_equal(set(&p, "allow", "url"), 0);
	assert_string_equal(p.plugins, "c.so");
	assert_int_equal(p.allow, POLICY_URL);

	memset(text, 'x', POLICY_TEXT_MAX);
	text[POLICY_TEXT_MAX] = '\0';
	policy_begin_layer(&p);
	assert_int_not_equal(set(&p, "plugins", text), 0);
	assert_string_equal(p.plugins, "c.so");
}

static void test_json(void **state)
{
	char json[4096] = "";
	FILE *f = fmemopen(json, sizeof(json), "w");
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(set(&p, "plugins", "a\"\\\n"), 0);
	assert_int_equal(set(&p, "deny", "minmax,noop"), 0);
	assert_int_equal(set(&p, "isolation", "shared"), 0);
	policy_print(&p, f);
	fclose(f);
	assert_non_null(strstr(json, "{\"num_queues\":8,"));
	assert_non_null(strstr(json, "\"plugins\":\"a\\\"\\\\\\u000a\","));
	assert_non_null(strstr(json, "\"deny\":[\"noop\",\"minmax\"],"));
	assert_non_null(strstr(json, "\"max_sessions\":256,"));
	assert_non_null(strstr(json, "\"isolation\":\"shared\","));
	assert_int_equal(json[strlen(json) - 1], '}');
}

/* ---- The file ------------------------------------------------------------------------------- */

static char path[] = "/tmp/vaccel-policy-XXXXXX";
static char log_path[] = "/tmp/vaccel-policy-log-XXXXXX";

static int load_path(const char *name, const char *vm, struct policy *p, struct config_sections *found)
{
	struct config_file file;
	int ret = config_file_read(name, &file);

	if (!ret)
		ret = config_file_load(&file, vm, p, found);
	config_file_free(&file);
	return ret;
}

static int apply_path(const char *name, const char *section, struct policy *p)
{
	struct config_file file;
	int ret = config_file_read(name, &file);

	if (!ret)
		ret = config_file_apply(&file, section, p);
	config_file_free(&file);
	return ret;
}

static int clients_path(const char *name, struct config_clients *clients)
{
	struct config_file file;
	int ret = config_file_read(name, &file);

	if (!ret)
		ret = config_file_clients(&file, clients);
	config_file_free(&file);
	return ret;
}

/* Loads a file with this content. @said: receives the log. */
static struct config_sections sections;

static int load(const char *content, const char *vm, struct policy *p, char *said, size_t size)
{
	FILE *f = fopen(path, "w");
	int saved = dup(STDERR_FILENO), ret;
	size_t n;

	assert_non_null(f);
	fputs(content, f);
	fclose(f);
	fflush(NULL);
	f = fopen(log_path, "w+");
	assert_non_null(f);
	dup2(fileno(f), STDERR_FILENO);
	policy_init(p);
	ret = load_path(path, vm, p, &sections);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(said, 1, size - 1, f);
	said[n] = '\0';
	fclose(f);
	return ret;
}

static void test_file(void **state)
{
	static const char content[] = "\xef\xbb\xbf# one policy for all\n"
				      "[defaults]\n"
				      "max-sessions = 10 ; few\n"
				      "allow = exec\n"
				      "  url\n" /* a value goes on in the next line */
				      "plugins = libvaccel-noop.so\n"
				      "\n"
				      "[web-1.example]\n"
				      "max-sessions: 3\n"
				      "allow =\n"
				      "[web2]\n"
				      "max-inflight = 5\n"
				      "plugins = a.so\n"
				      "plugins = b.so\n";
	struct policy p;
	char said[1024];

	(void)state;
	assert_int_equal(load(content, NULL, &p, said, sizeof(said)), 0);
	assert_int_equal(p.max_sessions, 10);
	assert_int_equal(p.allow, POLICY_URL | 1 << VACCEL_OP_EXEC);
	assert_int_equal(p.max_inflight, 256);
	assert_int_equal(load(content, "web-1.example", &p, said, sizeof(said)), 0);
	assert_int_equal(p.max_sessions, 3);
	assert_int_equal(p.allow, 0);
	assert_string_equal(p.plugins, "libvaccel-noop.so");
	assert_int_equal(load(content, "web2", &p, said, sizeof(said)), 0);
	assert_int_equal(p.max_sessions, 10);
	assert_int_equal(p.max_inflight, 5);
	assert_string_equal(p.plugins, "a.so:b.so");
	assert_int_equal(load(content, "other", &p, said, sizeof(said)), 0);
	assert_int_equal(p.max_sessions, 10);
	assert_int_equal(load("", "other", &p, said, sizeof(said)), 0);
	assert_int_equal(p.max_sessions, 256);
	assert_string_equal(said, "");
}

/* Which sections there are, empty ones included */
static void test_sections(void **state)
{
	struct policy p;
	char said[1024];

	(void)state;
	assert_int_equal(load("[defaults]\nallow = exec\n", "web1", &p, said, sizeof(said)), 0);
	assert_false(sections.vm || sections.others);
	assert_int_equal(load("# [web2]\nplugins = [web3]\n", NULL, &p, said, sizeof(said)), EX_CONFIG);
	assert_false(sections.vm || sections.others);
	assert_int_equal(load("[web1]\n", "web1", &p, said, sizeof(said)), 0);
	assert_true(sections.vm && !sections.others);
	assert_int_equal(load("[web1]\n", "webb1", &p, said, sizeof(said)), 0);
	assert_true(!sections.vm && sections.others);
	assert_int_equal(load("[web11]\n", "web1", &p, said, sizeof(said)), 0);
	assert_true(!sections.vm && sections.others);
	assert_int_equal(load("[web1]\n", NULL, &p, said, sizeof(said)), 0);
	assert_true(!sections.vm && sections.others);
	assert_int_equal(load("\xef\xbb\xbf[web1] ; here\n[web2]\nallow=noop\n", "web1", &p, said, sizeof(said)), 0);
	assert_true(sections.vm && sections.others);
	unlink(path);
}

static void test_bad_files(void **state)
{
	char longline[600] = "[defaults]\nplugins = ";
	const struct {
		const char *content, *said;
	} bad[] = {
		{ "[defaults]\nmax-sessions = 0\n", ":2: max-sessions = 0: a number from 1" },
		{ "[defaults]\n\n\nfoo = 1\n", ":4: there is no rule 'foo'" },
		{ "[defaults]\nallow = exec, foo\n", ":2: allow = exec, foo: 'foo' is no operation" },
		{ "max-sessions = 1\n", ":1: 'max-sessions' before a section" },
		{ "[defaults]\nmax-sessions\n", ":2: neither [section] nor name = value" },
		{ "[defaults\nmax-sessions = 1\n", ":1: neither [section] nor name = value" },
		{ "[defaults]\nmax-sessions = 1\nmax-sessions = 2\n", ":3: max-sessions is there twice" },
		{ "[two words]\nmax-sessions = 1\n", ":2: 'max-sessions' before a section, or in" },
		/* Sections of other VMs are checked, too. */
		{ "[web2]\nmax-inflight = many\n", ":2: max-inflight = many: a number" },
		{ "[web2]\nop-timeout = 1\nop-timeout = 1\n", ":3: op-timeout is there twice" },
		{ longline, ":2: the line is too long" },
	};
	struct policy p;
	char said[2048];

	(void)state;
	memset(longline + strlen(longline), 'x', 500);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i].content, "web1", &p, said, sizeof(said)), EX_CONFIG);
		if (!strstr(said, bad[i].said) || !strstr(said, path))
			fail_msg("file %zu: '%s' is not in '%s'", i, bad[i].said, said);
	}
	unlink(path);
	assert_int_equal(load_path(path, NULL, &p, &sections), EX_NOINPUT);
	assert_int_equal(load_path("/tmp", NULL, &p, &sections), EX_NOINPUT);
}

/* Sections of users and groups: the whole list, ids that are found, and what they change. */
static void test_clients(void **state)
{
	static const char content[] = "[user:root]\nmax-sessions = 5\n[defaults]\nmax-sessions = 4\n"
				      "[user:4711]\n[group:0]\nmax-inflight = 7\n[user:root]\n"
				      "max-files = 6\n";
	struct config_clients clients;
	struct policy p;
	char said[1024];

	(void)state;
	assert_int_equal(load(content, NULL, &p, said, sizeof(said)), 0);
	/* They are no VMs. */
	assert_false(sections.vm || sections.others);
	assert_int_equal(p.max_sessions, 4);
	assert_int_equal(clients_path(path, &clients), 0);
	assert_int_equal(clients.nr, 3);
	assert_int_equal(clients.nr_groups, 1);
	assert_string_equal(clients.of[0].section, "group:0");
	assert_string_equal(clients.of[1].section, "user:4711");
	assert_int_equal(clients.of[1].id, 4711);
	assert_string_equal(clients.of[2].section, "user:root");
	assert_int_equal(clients.of[2].id, 0);
	assert_int_equal(apply_path(path, "group:0", &p), 0);
	assert_int_equal(apply_path(path, "user:root", &p), 0);
	assert_int_equal(p.max_sessions, 5);
	assert_int_equal(p.max_inflight, 7);
	assert_int_equal(p.max_files, 6);

	assert_int_equal(load("[user:nobody-of-this-name]\n", NULL, &p, said, sizeof(said)), 0);
	assert_int_equal(clients_path(path, &clients), EX_CONFIG);
	assert_int_equal(load("[group:12x]\n", NULL, &p, said, sizeof(said)), 0);
	assert_int_equal(clients_path(path, &clients), EX_CONFIG);
	assert_int_equal(load("[user:]\nmax-files = 1\n", NULL, &p, said, sizeof(said)), EX_CONFIG);
	assert_int_equal(clients_path("/tmp", &clients), EX_NOINPUT);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(config_file_name_ok("web-1.example_2"));
	assert_true(config_file_name_ok("123456789012345678901234567890123456789012345678"));
	assert_false(config_file_name_ok("1234567890123456789012345678901234567890123456789"));
	assert_false(config_file_name_ok(""));
	assert_false(config_file_name_ok("two words"));
	assert_false(config_file_name_ok("a]"));
	assert_false(config_file_name_ok("defaults"));
}

/* ---- Quotas --------------------------------------------------------------------------------- */

static struct quota_counts counts;

static void test_quota(void **state)
{
	struct policy p;
	struct quota q;

	(void)state;
	memset(&counts, 0, sizeof(counts));
	policy_init(&p);
	p.max_sessions = 2;
	p.max_staging_bytes = UINT64_MAX;
	p.max_resource_bytes = 100;
	quota_init(&q, &p, &counts);

	assert_int_equal(quota_take(&q, POLICY_max_sessions, 1, 0x8000), 0);
	assert_int_equal(quota_take(&q, POLICY_max_sessions, 1, 0x8000), 0);
	assert_int_equal(quota_take(&q, POLICY_max_sessions, 1, 0x8000), VIRTIO_ACCEL_S_USERS);
	quota_give(&q, POLICY_max_sessions, 1);
	assert_int_equal(quota_take(&q, POLICY_max_sessions, 1, 0x8000), 0);

	assert_int_equal(quota_take(&q, POLICY_max_resource_bytes, 100, 0x8011), 0);
	assert_int_equal(quota_take(&q, POLICY_max_resource_bytes, 1, 0x8011), VIRTIO_ACCEL_S_NOMEM);
	assert_int_equal(quota_take(&q, POLICY_max_resource_bytes, UINT64_MAX, 0x8011),
			 VIRTIO_ACCEL_S_NOMEM);
	assert_int_equal(quota_take(&q, POLICY_max_resource_bytes, 0, 0x8011), 0);
	/* The sum does not wrap around. */
	assert_int_equal(quota_take(&q, POLICY_max_staging_bytes, UINT64_MAX, 0), 0);
	assert_int_equal(quota_take(&q, POLICY_max_staging_bytes, 1, 0), VIRTIO_ACCEL_S_NOMEM);

	assert_int_equal(quota_allow(&q, 1u << VACCEL_OP_NOOP, VACCEL_OP_NOOP), 0);
	assert_int_equal(quota_allow(&q, 1u << VACCEL_OP_EXEC, VACCEL_OP_EXEC), VIRTIO_ACCEL_S_PERM);
	assert_int_equal(quota_allow(&q, POLICY_URL, 0x8011), VIRTIO_ACCEL_S_PERM);
	/* Operations that nobody knows have a count, too. */
	quota_refuse(&q, POLICY_allow, 0x7fff);
	quota_refuse(&q, POLICY_allow, UINT32_MAX);

	assert_int_equal(quota_refused(&counts, POLICY_max_sessions), 1);
	assert_int_equal(quota_refused(&counts, POLICY_max_resource_bytes), 2);
	assert_int_equal(quota_refused(&counts, POLICY_max_staging_bytes), 1);
	assert_int_equal(quota_refused(&counts, POLICY_allow), 4);
	assert_int_equal(quota_refused(&counts, POLICY_max_inflight), 0);
}

/* What dead workers have left is not to be had until it is removed. */
static void test_leftovers(void **state)
{
	static struct quota_counts other;
	struct policy p;
	struct quota q;

	(void)state;
	memset(&counts, 0, sizeof(counts));
	policy_init(&p);
	p.max_files = 10;
	quota_init(&q, &p, &counts);
	counts.left[POLICY_max_files] = 7;
	assert_int_equal(quota_take(&q, POLICY_max_files, 4, 0x8011), VIRTIO_ACCEL_S_USERS);
	assert_int_equal(quota_take(&q, POLICY_max_files, 3, 0x8011), 0);
	assert_false(quota_try(&q, POLICY_max_files, 1));
	/* More than there can be: a worker may have written it. */
	counts.left[POLICY_max_files] = UINT64_MAX;
	assert_false(quota_try(&q, POLICY_max_files, 1));
	assert_true(quota_try(&q, POLICY_max_files, 0));
	counts.left[POLICY_max_files] = 0;
	assert_true(quota_try(&q, POLICY_max_files, 7));
	assert_int_equal(quota_used(&q, POLICY_max_files), 10);
	assert_int_equal(quota_refused(&counts, POLICY_max_files), 1);
	/* What is used moves along, and can be given back there. */
	quota_move(&q, &other);
	assert_int_equal(quota_used(&q, POLICY_max_files), 10);
	quota_give(&q, POLICY_max_files, 10);
	assert_int_equal(quota_used(&q, POLICY_max_files), 0);
	/* The next worker begins with nothing. */
	quota_init(&q, &p, &counts);
	assert_int_equal(quota_used(&q, POLICY_max_files), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),  cmocka_unit_test(test_numbers), cmocka_unit_test(test_words),
		cmocka_unit_test(test_ops),	  cmocka_unit_test(test_layers),
		cmocka_unit_test(test_json),	  cmocka_unit_test(test_file),
		cmocka_unit_test(test_sections), cmocka_unit_test(test_clients),
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_names),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_leftovers),
	};
	int fd = mkstemp(path), log_fd = mkstemp(log_path), ret;

	close(fd);
	close(log_fd);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	unlink(log_path);
	return ret;
}
