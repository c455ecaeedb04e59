/* SPDX-License-Identifier: Apache-2.0 */
/* What vaccel-bench and the plugin that answers it agree on. */
#ifndef PLUGINS_BENCH_BENCH_H
#define PLUGINS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * An exec op with this library name runs one of these functions. The numbers are in the byte order
 * of the machine: the two ends of a benchmark are alike.
 *
 *   function  reads            writes
 *   touch     anything         nothing, whatever there is to write to
 *   echo      N bytes          the same N bytes
 *   sum       anything         uint64_t: bench_sum() of it
 *   fill      uint64_t seed    any bytes: bench_fill() of them
 *   compute   uint64_t rounds  uint64_t: bench_compute() of them
 */
#define BENCH_LIBRARY "bench"

static inline uint64_t bench_mix(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 29;
}

/* Bytes that depend on the seed and on their place. */
static inline void bench_fill(void *buf, size_t len, uint64_t seed)
{
	unsigned char *p = buf;
	uint64_t word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		size_t left = len - i;

		word = bench_mix(seed + i);
		if (left >= sizeof(word))
			memcpy(p + i, &word, sizeof(word));
		else
			memcpy(p + i, &word, left);
	}
}

/* Where the first byte is that bench_fill() would not have written; len if there is none. */
static inline size_t bench_check(const void *buf, size_t len, uint64_t seed)
{
	const unsigned char *p = buf;
	uint64_t word, is;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		size_t left = len - i < sizeof(word) ? len - i : sizeof(word);

		word = bench_mix(seed + i);
		is = word;
		memcpy(&is, p + i, left);
		if (is != word)
			for (size_t j = 0; j < left; j++)
				if (p[i + j] != ((const unsigned char *)&word)[j])
					return i + j;
	}
	return len;
}

/* A number that depends on each byte and on its place. */
static inline uint64_t bench_sum(const void *buf, size_t len)
{
	const unsigned char *p = buf;
	uint64_t sum = len, word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		word = 0;
		memcpy(&word, p + i, len - i < sizeof(word) ? len - i : sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x100000001b3) + (sum >> 47);
	}
	return sum;
}

/* Work for a processor, in proportion to the number of rounds, that touches no memory. */
static inline uint64_t bench_compute(uint64_t rounds)
{
	uint64_t x = rounds;

	for (uint64_t i = 0; i < rounds; i++)
		x = bench_mix(x + i);
	return x;
}

#endif
