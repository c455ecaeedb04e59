// SPDX-License-Identifier: Apache-2.0
/* The plugin oip and a server that misbehaves: each wrong answer has a code, and nothing is done twice. */
#include "servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct engines e;
static struct test_server server, good;

static int end(void **state)
{
	(void)state;
	engines_stop(&e);
	e.host.pid = 0;
	server_stop(&server);
	server_stop(&good);
	return 0;
}

static int run(int place, struct vaccel_resource *model)
{
	float value = 1;
	struct vaccel_infer_tensor x = {.name = "x", .datatype = VACCEL_INFER_FP32, .nr_dims = 1, .shape = {1},
					.data = &value, .size = sizeof(value)}, y = {.name = "y"};
	int ret = vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1);

	vaccel_infer_tensor_release(&y);
	return ret;
}

/* A model of a server that misbehaves in this way */
static struct vaccel_resource *start(const char *kind, const char *argument)
{
	struct vaccel_resource *model;

	server_start(&server, OIP_FAULTS, kind, argument, NULL);
	begin_with(&e, &server);
	model = model_named(&e, "model://echo");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
	return model;
}

static void faults(void **state)
{
	static const struct {
		const char *kind;
		int code;
	} cases[] = {
		{"no-json", VACCEL_EBACKEND},	     {"more", VACCEL_EBACKEND},
		{"array", VACCEL_EBACKEND},	     {"no-outputs", VACCEL_EBACKEND},
		{"no-data", VACCEL_EBACKEND},	     {"no-name", VACCEL_EBACKEND},
		{"datatype", VACCEL_EBACKEND},	     {"count", VACCEL_EBACKEND},
		{"overflow", VACCEL_EBACKEND},	     {"negative", VACCEL_EBACKEND},
		{"range", VACCEL_EBACKEND},	     {"kind", VACCEL_EBACKEND},
		{"other", VACCEL_EBACKEND},	     {"too-few-bytes", VACCEL_EBACKEND},
		{"too-many-bytes", VACCEL_EBACKEND}, {"wrong-bytes", VACCEL_EBACKEND},
		{"huge-bytes", VACCEL_EBACKEND},     {"text-size", VACCEL_EBACKEND},
		{"strings", VACCEL_EBACKEND},	     {"deep", VACCEL_EBACKEND},
		{"headers", VACCEL_EBACKEND},	     {"long", VACCEL_ENOMEM},
		{"half", VACCEL_EREMOTEIO},	     {"silence", VACCEL_EREMOTEIO},
		{"no-http", VACCEL_EREMOTEIO},	     {"drip", VACCEL_EREMOTEIO},
	};

	(void)state;
	setenv("VACCEL_OIP_TIMEOUT", "2", 1);
	setenv("VACCEL_OIP_MAX_BYTES", "16777216", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vaccel_resource *model = start(cases[i].kind, NULL);

		for (int again = 0; again < 2; again++)
			for (int place = 0; place < NR_PLACES; place++) {
				int ret = run(place, model);

				if (ret != cases[i].code)
					fail_msg("%s in place %d: %d, not %d", cases[i].kind, place, ret, cases[i].code);
			}
		vaccel_resource_delete(model);
		end(NULL);
	}
	unsetenv("VACCEL_OIP_TIMEOUT");
	unsetenv("VACCEL_OIP_MAX_BYTES");
}

/* Whoever sends us elsewhere does not get us there. */
static void redirects(void **state)
{
	struct vaccel_resource *model;
	char port[16];

	(void)state;
	server_start(&good, OIP_SERVER, NULL, NULL, NULL);
	snprintf(port, sizeof(port), "%d", good.port);
	model = start("elsewhere", port);
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(run(place, model), VACCEL_EBACKEND);
	assert_int_equal(server_runs(&good), 0);
	vaccel_resource_delete(model);
}

/* A connection that breaks when the request is there: the server may have begun, so it is not asked again. */
static void not_again(void **state)
{
	struct vaccel_resource *model = start("each-other", NULL);

	(void)state;
	for (int i = 0; i < 3; i++)
		for (int place = 0; place < NR_PLACES; place++) {
			assert_int_equal(run(place, model), VACCEL_EREMOTEIO);
			assert_int_equal(run(place, model), 0);
		}
	vaccel_resource_delete(model);
}

/* A server that has begun is not replaced by another: no run happens twice. */
static void only_once(void **state)
{
	struct vaccel_resource *model;
	int worked = 0, failed = 0;
	char urls[128];

	(void)state;
	server_start(&good, OIP_SERVER, NULL, NULL, NULL);
	server_start(&server, OIP_FAULTS, "silence", NULL, NULL);
	snprintf(urls, sizeof(urls), "http://127.0.0.1:%d,http://127.0.0.1:%d", good.port, server.port);
	begin(&e, urls);
	model = model_named(&e, "model://echo");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
	for (int i = 0; i < 20; i++)
		for (int place = 0; place < NR_PLACES; place++) {
			int ret = run(place, model);

			assert_true(ret == 0 || ret == VACCEL_EREMOTEIO);
			worked += !ret;
			failed += !!ret;
		}
	assert_true(worked > 0 && failed > 0);
	assert_int_equal(server_runs(&good), worked);
	vaccel_resource_delete(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(faults, end),
		cmocka_unit_test_teardown(redirects, end),
		cmocka_unit_test_teardown(not_again, end),
		cmocka_unit_test_teardown(only_once, end),
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
