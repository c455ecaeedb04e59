// SPDX-License-Identifier: Apache-2.0
/* Several threads use the library at once; meant for the thread sanitizer too. */
#include "util.h"

#include <pthread.h>
#include <stdatomic.h>

#include "plugin.h"
#include "vaccel.h"

#define THREADS 4
#define ROUNDS 50

static int do_nothing(void)
{
	return VACCEL_OK;
}

static int do_noop(struct vaccel_session *sess)
{
	return sess->id > 0 ? VACCEL_OK : VACCEL_EINVAL;
}

static struct vaccel_plugin_info info = {
	.name = "p",
	.version = "1",
	.vaccel_version = VACCEL_VERSION,
	.init = do_nothing,
	.fini = do_nothing,
	.type = VACCEL_PLUGIN_CPU,
};
static struct vaccel_plugin plugin = { .info = &info };
static struct vaccel_op op = { VACCEL_OP_NOOP, (void *)do_noop, &plugin };

static struct vaccel_resource shared;
static struct vaccel_session shared_sess;
static atomic_uint failures;

#define EXPECT(condition)                                                          \
	do {                                                                       \
		if (!(condition)) {                                                \
			print_error("line %d: %s\n", __LINE__, #condition);        \
			atomic_fetch_add(&failures, 1);                            \
		}                                                                  \
	} while (0)

static void *work(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct vaccel_session sess, *found;
		struct vaccel_resource *res;

		EXPECT(vaccel_session_init(&sess, 0) == VACCEL_OK);
		EXPECT(vaccel_session_get_by_id(&found, sess.id) == VACCEL_OK && found == &sess);
		EXPECT(vaccel_noop(&sess) == VACCEL_OK);
		EXPECT(vaccel_noop(&shared_sess) == VACCEL_OK);
		EXPECT(vaccel_resource_register(&shared, &sess) == VACCEL_OK);
		EXPECT(vaccel_session_has_resource(&sess, &shared));
		EXPECT(vaccel_session_resource_by_type(&sess, &res, VACCEL_RESOURCE_DATA) ==
		       VACCEL_OK);
		EXPECT(vaccel_session_has_resource(&shared_sess, &shared));
		if (i % 2)
			EXPECT(vaccel_resource_unregister(&shared, &sess) == VACCEL_OK);
		EXPECT(vaccel_session_release(&sess) == VACCEL_OK);
	}
	return NULL;
}

static void test_sessions(void **state)
{
	static const uint8_t bytes[4] = "abc";
	struct vaccel_config config;
	pthread_t threads[THREADS];

	(void)state;
	vaccel_config_init(&config, NULL, VACCEL_LOG_INFO, NULL, true, false);
	assert_int_equal(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	assert_int_equal(plugin_register(&plugin), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_op(&op), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&shared_sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_resource_init_from_buf(&shared, bytes, sizeof(bytes),
						       VACCEL_RESOURCE_DATA, "n", true),
			 VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&shared, &shared_sess), VACCEL_OK);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&failures), 0);
	assert_int_equal(vaccel_resource_refcount(&shared), 1);
	assert_int_equal(vaccel_resource_release(&shared), VACCEL_OK);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
}

static atomic_uint loaded;

static void *load(void *arg)
{
	int ret = vaccel_plugin_load(PLUGIN_DIR "/libunit-good.so");

	(void)arg;
	EXPECT(ret == VACCEL_OK || ret == VACCEL_EEXIST);
	if (!ret)
		atomic_fetch_add(&loaded, 1);
	for (int i = 0; i < ROUNDS; i++) {
		struct vaccel_session sess;

		EXPECT(vaccel_session_init(&sess, 0) == VACCEL_OK);
		EXPECT(vaccel_noop(&sess) == VACCEL_OK);
		EXPECT(vaccel_session_release(&sess) == VACCEL_OK);
	}
	return NULL;
}

/* All load the same plugin, while others open sessions. */
static void test_plugins(void **state)
{
	struct vaccel_config config;
	pthread_t threads[THREADS];

	(void)state;
	vaccel_config_init(&config, PLUGIN_DIR "/libunit-second.so", VACCEL_LOG_ERROR, NULL, false,
			   false);
	assert_int_equal(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	vaccel_config_release(&config);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&failures), 0);
	assert_int_equal(atomic_load(&loaded), 1);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_plugins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
