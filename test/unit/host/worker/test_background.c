// SPDX-License-Identifier: Apache-2.0
/* Which threads give way: the one of a long operation, and none that a plugin starts meanwhile. */
#define _GNU_SOURCE
#include "util.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "background.h"

static void *policy_of_new_thread(void *policy)
{
	*(int *)policy = sched_getscheduler(0);
	return NULL;
}

struct operation {
	struct background *b;
	unsigned int length_us;
	bool moved;
	int policy, policy_of_team;
};

static void *run(void *arg)
{
	struct operation *o = arg;
	struct background_op op;
	pthread_t team;

	background_begin(o->b, &op);
	usleep(o->length_us);
	background_tick(o->b);
	o->policy = sched_getscheduler(0);
	if (!pthread_create(&team, NULL, policy_of_new_thread, &o->policy_of_team))
		pthread_join(team, NULL);
	o->moved = background_end(o->b, &op);
	return NULL;
}

static void run_op(struct operation *o)
{
	pthread_t thread;

	o->policy_of_team = -1;
	assert_int_equal(pthread_create(&thread, NULL, run, o), 0);
	pthread_join(thread, NULL);
}

static void test_long(void **state)
{
	struct background b;
	struct operation o = {.b = &b, .length_us = (BACKGROUND_MS + 10) * 1000};

	(void)state;
	background_init(&b);
	if (b.timer < 0) {
		background_exit(&b);
		print_message("the kernel has no autogroups: not tested\n");
		skip();
	}
	run_op(&o);
	assert_true(o.moved);
	assert_int_equal(o.policy, SCHED_IDLE);
	assert_int_equal(o.policy_of_team, SCHED_OTHER);
	background_exit(&b);
}

static void test_short(void **state)
{
	struct background b;
	struct operation o = {.b = &b};

	(void)state;
	background_init(&b);
	run_op(&o);
	assert_false(o.moved);
	assert_int_equal(o.policy, SCHED_OTHER);
	assert_int_equal(o.policy_of_team, SCHED_OTHER);
	background_exit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
