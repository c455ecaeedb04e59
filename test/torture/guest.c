// SPDX-License-Identifier: Apache-2.0
/*
 * The same in a VM, for test/torture/vm: workers die while four threads keep the device busy.
 *
 *   torture-guest [KILLS]
 *
 * Of four kills, one is asked for with the line "kill the worker", and three are calls that make the
 * host's plugin bomb crash, take all memory, and take too long. The last line is
 * "N passed, N failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load.h"

#define DEATH_MS 30000

static struct load load;

static bool kill_worker(int kind)
{
	unsigned int lost = load.lost;

	if (kind)
		return load_bomb(&load, kind == 1 ? BOMB_SEGV : kind == 2 ? BOMB_MEMORY : BOMB_TIME);
	printf("kill the worker\n");
	fflush(stdout);
	for (int ms = 0; ms < DEATH_MS; ms++) {
		if (load.lost > lost)
			return true;
		usleep(1000);
	}
	return false;
}

int main(int argc, char **argv)
{
	int kills = argc > 1 ? atoi(argv[1]) : 100;
	unsigned int passed = 0, failed = 0, checked, broken;

	if (load_start(&load))
		return 2;
	for (int i = 0; i < kills && failed < 10; i++) {
		if (load_progress(&load) && kill_worker(i % 4)) {
			passed++;
		} else {
			failed++;
			printf("not ok - kill %d\n", i + 1);
		}
		if ((i + 1) % 10 == 0)
			printf("# %d kills, %u calls with a result, %u lost\n", i + 1, load.good,
			       load.lost);
		fflush(stdout);
	}
	load_stop(&load);
	broken = load_report(&load, &checked);
	printf("%u passed, %u failed\n", passed + checked - broken, failed + broken);
	return failed + broken != 0;
}
