// SPDX-License-Identifier: Apache-2.0
/*
 * Tests virtio_accel.ko from inside a VM whose device is fake-device; run as root by guest-init.
 *
 *   driver-test MODULE TEST...
 *
 * MODULE is virtio_accel.ko, already loaded. Prints "ok - NAME" or "not ok - NAME: WHY" a test, and
 * fails when a test fails.
 */
#include <stdio.h>
#include <string.h>

#include "driver-test.h"

const char *module_path;
const char *test_name;
int failures;

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "info", test_info },
	{ "arguments", test_arguments },
	{ "echo", test_echo },
	{ "segments", test_segments },
	{ "odd_memory", test_odd_memory },
	{ "big", test_big },
	{ "lies", test_lies },
	{ "spurious", test_spurious },
	{ "limits", test_limits },
	{ "sleep", test_sleep },
	{ "window", test_window },
	{ "follow", test_follow },
	{ "threads", test_threads },
	{ "full", test_full },
	{ "async", test_async },
	{ "async_full", test_async_full },
	{ "async_close", test_async_close },
	{ "async_unbind", test_async_unbind },
	{ "async_signals", test_async_signals },
	{ "memory", test_memory },
	{ "memory_blocks", test_memory_blocks },
	{ "memory_arguments", test_memory_arguments },
	{ "memory_map", test_memory_map },
	{ "memory_in_use", test_memory_in_use },
	{ "memory_kill", test_memory_kill },
	{ "memory_doubt", test_memory_doubt },
	{ "memory_lost", test_memory_lost },
	{ "memory_many", test_memory_many },
	{ "memory_low", test_memory_low },
	{ "memory_unbind", test_memory_unbind },
	{ "no_memory", test_no_memory },
	{ "kill", test_kill },
	{ "contexts", test_contexts },
	{ "unbind", test_unbind },
	{ "bad_ring", test_bad_ring },
	{ "reload", test_reload },
	{ "suspend", test_suspend },
	{ "unplug", test_unplug },
	{ "timeout", test_timeout },
	{ "compat", test_compat },
	{ "leak", test_leak },
	{ "random", test_random },
	{ "fuzz", test_fuzz },
	{ "poweroff", test_poweroff },
	{ "speed", test_speed },
};

static int run_test(const char *name)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (strcmp(tests[i].name, name))
			continue;
		test_name = name;
		failures = 0;
		tests[i].run();
		/* The next test must not take what this one leaves for its own. */
		CHECK(settled());
		printf("%s - %s\n", failures ? "not ok" : "ok", name);
		return failures;
	}
	printf("not ok - no test is called %s\n", name);
	return 1;
}

int main(int argc, char **argv)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return 2;
	module_path = argv[1];
	for (int i = 2; i < argc; i++)
		failed += !!run_test(argv[i]);
	return failed != 0;
}
