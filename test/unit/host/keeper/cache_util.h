/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the cache share: contents made from a seed, and their tags. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire/possession.h"

#define MIB ((uint64_t)1 << 20)

static const uint8_t some_key[POSSESSION_KEY_SIZE] = "a key for the tests of the cache";

/* Bytes of a content, different for each seed; to be freed by the caller. */
static inline uint8_t *bytes_of(unsigned int seed, uint64_t size)
{
	uint8_t *data = malloc(size);
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	assert_non_null(data);
	for (uint64_t i = 0; i < size; i++) {
		if (i % 8 == 0)
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
		data[i] = (uint8_t)(x >> 8 * (i % 8));
	}
	return data;
}

static inline void fill_fd(int fd, unsigned int seed, uint64_t size)
{
	uint8_t *data = bytes_of(seed, size);

	assert_int_equal(pwrite(fd, data, size, 0), size);
	free(data);
}

static inline void assert_fd_has(int fd, unsigned int seed, uint64_t size)
{
	uint8_t *data = bytes_of(seed, size), *is = malloc(size);

	assert_non_null(is);
	assert_int_equal(pread(fd, is, size, 0), size);
	assert_memory_equal(is, data, size);
	free(data);
	free(is);
}

static inline void assert_fd_zero(int fd, uint64_t size)
{
	uint8_t *is = malloc(size + 1);

	assert_non_null(is);
	assert_int_equal(pread(fd, is, size + 1, 0), size);
	for (uint64_t i = 0; i < size; i++)
		assert_int_equal(is[i], 0);
	free(is);
}

/* What a guest makes that has the content. */
static inline void tag_of(unsigned int seed, uint64_t size, uint8_t tag[POSSESSION_TAG_SIZE])
{
	struct possession *p = possession_begin(some_key);
	uint8_t *data = bytes_of(seed, size);

	assert_non_null(p);
	assert_true(possession_add(p, data, size));
	assert_true(possession_end(p, tag));
	free(data);
}
