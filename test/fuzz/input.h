/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a fuzzer's input apart. What is not there reads as zeros. */
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entry point of libFuzzer, which test/fuzz/replay.c calls, too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One input may hold many requests: what a fuzzer counts here is printed at the end. */
static unsigned long input_requests __attribute__((unused));

__attribute__((destructor)) static void input_report(void)
{
	if (input_requests)
		fprintf(stderr, "stat::requests: %lu\n", input_requests);
}

struct input {
	const uint8_t *data;
	size_t left;
};

static inline void input_bytes(struct input *in, void *to, size_t size)
{
	size_t n = size < in->left ? size : in->left;

	memset(to, 0, size);
	if (!n)
		return;
	memcpy(to, in->data, n);
	in->data += n;
	in->left -= n;
}

static inline uint8_t input_u8(struct input *in)
{
	uint8_t value;

	input_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint16_t input_u16(struct input *in)
{
	uint16_t value = input_u8(in);

	return (uint16_t)(value | input_u8(in) << 8);
}

/* Descriptors that are open, as far as an input may open some: as many as before, at its end. */
static inline unsigned int input_nr_open(void)
{
	unsigned int nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

/* size bytes in memory of just this size, for ASan. The caller frees it. */
static inline void *input_copy(struct input *in, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	input_bytes(in, copy, size);
	return copy;
}
