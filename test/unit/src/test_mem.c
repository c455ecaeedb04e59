// SPDX-License-Identifier: Apache-2.0
/* Memory of vaccel/memory.h: with local plugins, with one that registers it, and who is told. */
#include "util.h"

#include <pthread.h>
#include <sys/mman.h>

#include "memory.h"
#include "plugin.h"
#include "session.h"
#include "vaccel.h"

static int nothing(void)
{
	return VACCEL_OK;
}

static int no_session(struct vaccel_session *sess, uint32_t flags)
{
	(void)sess;
	(void)flags;
	return VACCEL_OK;
}

static int no_session_end(struct vaccel_session *sess)
{
	(void)sess;
	return VACCEL_OK;
}

static int no_resource(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)res;
	(void)sess;
	return VACCEL_OK;
}

static struct vaccel_plugin_info local_info = {
	.name = "local",
	.version = "1",
	.vaccel_version = VACCEL_VERSION,
	.init = nothing,
	.fini = nothing,
	.type = VACCEL_PLUGIN_CPU,
};
static struct vaccel_plugin_info remote_info = {
	.name = "remote",
	.version = "1",
	.vaccel_version = VACCEL_VERSION,
	.init = nothing,
	.fini = nothing,
	.is_virtio = true,
	.type = VACCEL_PLUGIN_REMOTE,
	.session_init = no_session,
	.session_release = no_session_end,
	.resource_register = no_resource,
	.resource_unregister = no_resource,
	.resource_sync = no_resource,
};
static struct vaccel_plugin local = { .info = &local_info };
static struct vaccel_plugin remote = { .info = &remote_info };

/* What the remote plugin does. */
static struct {
	int result;
	unsigned int allocs, frees;
	size_t freed_size;
} did;

static int remote_alloc(struct vaccel_mem_info *info)
{
	did.allocs++;
	if (did.result)
		return did.result;
	info->start = mmap(NULL, info->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	info->kind = VACCEL_MEM_REGISTERED;
	info->nr_blocks = 3;
	return info->start == MAP_FAILED ? VACCEL_ENOMEM : VACCEL_OK;
}

static void remote_free(const struct vaccel_mem_info *info)
{
	did.frees++;
	did.freed_size = info->size;
	munmap(info->start, info->size);
}

static const struct vaccel_mem_ops remote_ops = { .alloc = remote_alloc, .free = remote_free };

/* What a watcher was told: ranges that exist, and the number of events. */
static struct {
	struct {
		void *start;
		size_t size;
	} ranges[8];
	unsigned int nr, events;
} seen;

static void on_mapped(void *start, size_t size)
{
	assert_in_range(seen.nr, 0, 7);
	seen.ranges[seen.nr].start = start;
	seen.ranges[seen.nr++].size = size;
	seen.events++;
}

static void on_unmapped(void *start, size_t size)
{
	unsigned int i = 0;

	while (i < seen.nr && (seen.ranges[i].start != start || seen.ranges[i].size != size))
		i++;
	assert_true(i < seen.nr);
	/* It is still there. */
	(void)*(volatile char *)start;
	seen.ranges[i] = seen.ranges[--seen.nr];
	seen.events++;
}

static const struct vaccel_mem_watcher watcher = { on_mapped, on_unmapped };

static struct vaccel_session local_sess, remote_sess;
static struct capture out;

static int start(void **state)
{
	struct vaccel_config config;

	(void)state;
	memset(&did, 0, sizeof(did));
	memset(&seen, 0, sizeof(seen));
	vaccel_config_init(&config, NULL, VACCEL_LOG_WARN, NULL, false, false);
	return vaccel_bootstrap_with_config(&config) || plugin_register(&local) ||
	       plugin_register(&remote) || vaccel_session_init(&local_sess, 0) ||
	       vaccel_session_init(&remote_sess, VACCEL_PLUGIN_REMOTE);
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static void test_arguments(void **state)
{
	struct vaccel_session ended = { 0 };
	struct vaccel_mem_info info;
	void *p;

	(void)state;
	assert_int_equal(vaccel_mem_alloc(NULL, 1, &p), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_alloc(&ended, 1, &p), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_alloc(&local_sess, 0, &p), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_alloc(&local_sess, 1, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_info(NULL, &info), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_info(&info, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_info(&info, &info), VACCEL_ENOENT);
	assert_int_equal(vaccel_mem_free(NULL), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_memory(NULL, &remote_ops), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_memory(&local, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_watch_memory(NULL, &watcher), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_watch_memory(&local, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_announce(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_announce(&info, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_withdraw(NULL, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_withdraw(&info, 1), VACCEL_ENOENT);
}

static void test_local(void **state)
{
	struct vaccel_mem_info info;
	char *p = NULL;

	(void)state;
	assert_int_equal(vaccel_mem_alloc(&local_sess, 100001, (void **)&p), VACCEL_OK);
	assert_int_equal((uintptr_t)p % (size_t)sysconf(_SC_PAGESIZE), 0);
	for (size_t i = 0; i < 100001; i++)
		assert_int_equal(p[i], 0);
	memset(p, 1, 100001);
	assert_int_equal(vaccel_mem_info(p + 100000, &info), VACCEL_OK);
	assert_ptr_equal(info.start, p);
	assert_int_equal(info.size, 100001);
	assert_int_equal(info.kind, VACCEL_MEM_ORDINARY);
	assert_int_equal(vaccel_mem_info(p + 100001, &info), VACCEL_ENOENT);

	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_mem_free(p + 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_mem_free(p), VACCEL_OK);
	assert_int_equal(vaccel_mem_free(p), VACCEL_EINVAL);
	assert_int_equal(count(capture_end(&out), "Could not free memory"), 2);
	assert_int_equal(vaccel_mem_info(p, &info), VACCEL_ENOENT);
}

static void test_no_memory(void **state)
{
	void *p = &p;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_mem_alloc(&local_sess, SIZE_MAX, &p), VACCEL_ENOMEM);
	assert_int_equal(vaccel_mem_alloc(&local_sess, TOO_MUCH, &p), VACCEL_ENOMEM);
	assert_contains(capture_end(&out), "Could not allocate");
	assert_ptr_equal(p, &p);
}

/* Many at once, freed in another order; what is left goes with the library. */
static void test_many(void **state)
{
	enum { NR = 3000 };
	struct vaccel_mem_info info;
	static void *p[NR];

	(void)state;
	for (size_t i = 0; i < NR; i++)
		assert_int_equal(vaccel_mem_alloc(&local_sess, i + 1, &p[i]), VACCEL_OK);
	for (size_t i = 0; i < NR; i += 2)
		assert_int_equal(vaccel_mem_free(p[(i * 7) % NR]), VACCEL_OK);
	for (size_t i = 1; i < NR; i += 2) {
		assert_int_equal(vaccel_mem_info(p[i], &info), VACCEL_OK);
		assert_int_equal(info.size, i + 1);
	}
}

static void test_registered(void **state)
{
	struct vaccel_mem_info info;
	void *p, *left;

	(void)state;
	assert_int_equal(vaccel_plugin_register_memory(&remote, &remote_ops), VACCEL_OK);
	assert_int_equal(vaccel_mem_alloc(&remote_sess, 5000, &p), VACCEL_OK);
	assert_int_equal(vaccel_mem_info(p, &info), VACCEL_OK);
	assert_int_equal(info.kind, VACCEL_MEM_REGISTERED);
	assert_int_equal(info.nr_blocks, 3);
	assert_int_equal(info.size, 5000);
	assert_int_equal(vaccel_mem_free(p), VACCEL_OK);
	assert_int_equal(did.frees, 1);
	assert_int_equal(did.freed_size, 5000);

	/* It outlives its session, but not the plugin. */
	assert_int_equal(vaccel_mem_alloc(&remote_sess, 1, &left), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&remote_sess), VACCEL_OK);
	assert_int_equal(vaccel_mem_info(left, &info), VACCEL_OK);
	assert_int_equal(did.frees, 1);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(did.frees, 2);
	assert_int_equal(vaccel_mem_info(left, &info), VACCEL_ENOENT);
}

/* Without registered memory the program gets other memory, and the log says why. */
static void test_pinned(void **state)
{
	struct vaccel_mem_info info;
	char *p;

	(void)state;
	/* A plugin that forwards and has no memory of its own */
	assert_int_equal(vaccel_mem_alloc(&remote_sess, 10, (void **)&p), VACCEL_OK);
	assert_int_equal(vaccel_mem_info(p, &info), VACCEL_OK);
	assert_int_equal(info.kind, VACCEL_MEM_PINNED);
	assert_int_equal(vaccel_mem_free(p), VACCEL_OK);

	assert_int_equal(vaccel_plugin_register_memory(&remote, &remote_ops), VACCEL_OK);
	did.result = VACCEL_ENOMEM;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_mem_alloc(&remote_sess, 10, (void **)&p), VACCEL_OK);
	assert_contains(capture_end(&out), "<warn> No memory of 10 bytes can be registered");
	assert_int_equal(did.allocs, 1);
	p[9] = 1;
	assert_int_equal(vaccel_mem_info(p, &info), VACCEL_OK);
	assert_int_equal(info.kind, VACCEL_MEM_PINNED);
	assert_int_equal(vaccel_mem_free(p), VACCEL_OK);
	assert_int_equal(did.frees, 0);
}

static void test_watcher(void **state)
{
	static char guest[2][4096];
	void *before, *p, *other;

	(void)state;
	assert_int_equal(vaccel_mem_alloc(&local_sess, 11, &before), VACCEL_OK);
	assert_int_equal(vaccel_mem_alloc(&remote_sess, 12, &other), VACCEL_OK);
	assert_int_equal(vaccel_mem_announce(guest[0], 4096), VACCEL_OK);
	assert_int_equal(vaccel_plugin_watch_memory(&local, &watcher), VACCEL_OK);
	/* What was there; not what belongs to another plugin */
	assert_int_equal(seen.nr, 2);
	assert_int_equal(vaccel_mem_announce(guest[0], 8192), VACCEL_OK);
	assert_int_equal(vaccel_mem_alloc(&local_sess, 13, &p), VACCEL_OK);
	assert_int_equal(seen.nr, 4);
	assert_int_equal(vaccel_mem_free(p), VACCEL_OK);
	assert_int_equal(vaccel_mem_free(other), VACCEL_OK);
	assert_int_equal(vaccel_mem_withdraw(guest[0], 4096), VACCEL_OK);
	assert_int_equal(vaccel_mem_withdraw(guest[0], 4096), VACCEL_ENOENT);
	assert_int_equal(seen.nr, 2);
	assert_int_equal(vaccel_mem_withdraw(guest[0], 8192), VACCEL_OK);
	assert_int_equal(seen.events, 7);
	/* Memory that is left at the end is taken back from the watcher, too. */
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(seen.nr, 0);
	assert_int_equal(seen.events, 8);
}

static void *allocate_and_free(void *arg)
{
	void *p[16];

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < 16; i++)
			if (vaccel_mem_alloc(arg, 1 + i, &p[i]))
				return NULL;
		for (size_t i = 0; i < 16; i++) {
			struct vaccel_mem_info info;

			*(char *)p[i] = 1;
			if (vaccel_mem_info(p[i], &info) || info.size != 1 + i ||
			    vaccel_mem_free(p[i]))
				return NULL;
		}
	}
	return arg;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	void *result;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, allocate_and_free, &local_sess),
				 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		assert_non_null(result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_arguments, start, stop),
		cmocka_unit_test_setup_teardown(test_local, start, stop),
		cmocka_unit_test_setup_teardown(test_no_memory, start, stop),
		cmocka_unit_test_setup_teardown(test_many, start, stop),
		cmocka_unit_test_setup_teardown(test_registered, start, stop),
		cmocka_unit_test_setup_teardown(test_pinned, start, stop),
		cmocka_unit_test_setup_teardown(test_watcher, start, stop),
		cmocka_unit_test_setup_teardown(test_threads, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
