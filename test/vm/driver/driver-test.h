/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of driver-test share; see driver-test.c. */
#ifndef DRIVER_TEST_H
#define DRIVER_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"
#include "uapi/linux/virtio_accel.h"

#define MiB (1024UL * 1024)
#define READS VIRTIO_ACCEL_SEG_READ
#define WRITES VIRTIO_ACCEL_SEG_WRITE

extern const char *module_path;
extern const char *test_name;
extern int failures;

#define CHECK(cond)									\
	do {										\
		if (!(cond)) {								\
			int e_ = errno;							\
			printf("# %s:%d: %s is false (errno %d: %s)\n", test_name, __LINE__,	\
			       #cond, e_, strerror(e_));				\
			__atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);		\
		}									\
	} while (0)

/* support.c */
void sleep_ms(unsigned int ms);
uint64_t now_us(void);
int try_open(void);
int must_open(void);
long long counter(const char *name);
bool counter_becomes(const char *name, long long want);
bool device_holds(int fd, uint64_t want);
bool settled(void);
int call(int fd, const void *message, uint32_t message_len,
	 struct virtio_accel_user_segment *segments, uint32_t nr, void *reply, uint32_t *reply_len,
	 uint32_t *status);
int simple(int fd, uint32_t op, uint32_t value);
uint64_t ask(int fd, uint32_t op, struct virtio_accel_user_segment *segments, uint32_t nr);
int on_segment(int fd, uint32_t op, uint32_t value, void *p, size_t len, uint32_t flags);
uint8_t *map(size_t len);
void write_file(const char *path, const char *text);
bool file_has(const char *path, const char *text);
const char *bus_name(void);
bool reload(void);

/* tests-async.c */
void test_async(void);
void test_async_full(void);
void test_async_close(void);
void test_async_unbind(void);
void test_async_signals(void);

/* tests-data.c */
void test_info(void);
void test_arguments(void);
void test_echo(void);
void test_segments(void);
void test_odd_memory(void);
void test_big(void);
void test_lies(void);
void test_spurious(void);
void test_limits(void);
void test_sleep(void);
void test_threads(void);
void test_full(void);
void test_compat(void);
void test_speed(void);
void test_window(void);
void test_follow(void);

/* tests-memory.c */
void test_memory(void);
void test_memory_blocks(void);
void test_memory_arguments(void);
void test_memory_map(void);
void test_memory_in_use(void);
void test_memory_kill(void);
void test_memory_doubt(void);
void test_memory_lost(void);
void test_memory_many(void);
void test_memory_low(void);
void test_memory_unbind(void);
void test_no_memory(void);

/* tests-random.c */
void test_random(void);
void test_fuzz(void);

/* tests-life.c */
void test_kill(void);
void test_contexts(void);
void test_unbind(void);
void test_bad_ring(void);
void test_reload(void);
void test_suspend(void);
void test_leak(void);
void test_poweroff(void);
void test_unplug(void);
void test_timeout(void);

#endif
