// SPDX-License-Identifier: Apache-2.0
/*
 * Two polynomials over the integers modulo 2^61 - 1, whose coefficients are the bytes, seven at a time, at a
 * secret point each: two contents of n coefficients have the same value at n of 2^61 points at most.
 */
#include "content.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define PRIME ((UINT64_C(1) << 61) - 1)
#define WORD  7

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t points[2];

static void choose_points(void)
{
	if (getrandom(points, sizeof(points), 0) != sizeof(points)) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now); /* better than nothing; it does not happen */
		points[0] = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15);
		points[1] = points[0] * UINT64_C(0xbf58476d1ce4e5b9);
	}
	points[0] %= PRIME;
	points[1] %= PRIME;
}

#ifdef __SIZEOF_INT128__
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;

	*high = (uint64_t)(product >> 64);
	return (uint64_t)product;
}
#else
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high)
{
	uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
	uint64_t low = a0 * b0, middle0 = a1 * b0, middle1 = a0 * b1;
	uint64_t carry = (low >> 32) + (uint32_t)middle0 + (uint32_t)middle1;

	*high = a1 * b1 + (middle0 >> 32) + (middle1 >> 32) + (carry >> 32);
	return carry << 32 | (uint32_t)low;
}
#endif

/* sum * point + word modulo PRIME, not fully reduced: below 2^62 */
static uint64_t step(uint64_t sum, uint64_t point, uint64_t word)
{
	uint64_t high, low = multiply(sum, point, &high);
	uint64_t folded = (low & PRIME) + (high << 3 | low >> 61) + word;

	return (folded & PRIME) + (folded >> 61);
}

static void add_word(struct content_id *id, const uint8_t *data, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, data, size);
	for (int i = 0; i < 2; i++)
		id->sums[i] = step(id->sums[i], points[i], word);
}

void content_add(struct content_id *id, const void *data, size_t size)
{
	const uint8_t *at = (const uint8_t *)data;
	uint64_t length = size, parts[2] = {length & UINT32_MAX, length >> 32};

	pthread_once(&once, choose_points);
	/* What is added has its length in front, so that "ab", "c" is not "a", "bc". */
	for (int i = 0; i < 2; i++)
		add_word(id, (const uint8_t *)&parts[i], WORD);
	for (; size >= WORD; size -= WORD, at += WORD)
		add_word(id, at, WORD);
	if (size)
		add_word(id, at, size);
	for (int i = 0; i < 2; i++)
		id->sums[i] = id->sums[i] >= PRIME ? id->sums[i] - PRIME : id->sums[i];
	id->size += length;
}
