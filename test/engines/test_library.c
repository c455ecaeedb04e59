// SPDX-License-Identifier: Apache-2.0
/*
 * Plugins whose engine is found at run time, without it: each says what is missing and does not start. These
 * need no engine.
 */
#include "engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *plugin, *variable;
} plugins[] = {
	{TFLITE_PLUGIN, "VACCEL_TFLITE_LIBRARY"},
	{TF_PLUGIN, "VACCEL_TF_LIBRARY"},
	{OPENVINO_PLUGIN, "VACCEL_OPENVINO_LIBRARY"},
};

/* With this library, the plugin ends with a code and says something, and what to do. */
static void expect(size_t i, const char *library, int code, const char *says)
{
	setenv(plugins[i].variable, library, 1);
	expect_start(plugins[i].plugin, code, says);
	unsetenv(plugins[i].variable);
}

static void missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		expect(i, "/nonexistent/library.so", VACCEL_ENOENT, plugins[i].variable);
		expect(i, "/nonexistent/library.so", VACCEL_ENOENT, "/nonexistent/library.so");
	}
}

/* A library, but not this engine's */
static void another(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		expect(i, "libm.so.6", VACCEL_ENOTSUP, "has no function ");
}

/* Has every function, and says that it is old */
static void too_old(void **state)
{
	(void)state;
	expect(0, OLD_LITE, VACCEL_ENOTSUP, "TensorFlow Lite 2.9.3 is too old: 2.10 or later is needed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing),
		cmocka_unit_test(another),
		cmocka_unit_test(too_old),
	};

	test_main_begin(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
