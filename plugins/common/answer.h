/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer of an image operation as JSON: members of one object, of which one is a list. When it does not
 * fit, elements at the end of the list are left out.
 */
#ifndef PLUGINS_COMMON_ANSWER_H
#define PLUGINS_COMMON_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Text that grows. All zero: empty. */
struct text {
	char *data; /* malloc()ed; not terminated */
	size_t size, room;
	bool failed; /* out of memory */
};

struct answer {
	struct text members; /* "a":1,"b":2 */
	struct text list;    /* {...},{...} */
	const char *name;    /* of the list; NULL: there is none */
	size_t nr;	     /* its elements */
	size_t *ends;	     /* of each, within list */
};

/** answer_start() - an empty answer; all following calls may be made whatever failed before */
void answer_start(struct answer *a);

/* Members, of the object or of the element that is open. Texts may have any bytes: the answer is UTF-8. */
void answer_string(struct answer *a, const char *name, const char *value);
void answer_integer(struct answer *a, const char *name, uint64_t value);
/** @digits: how many follow the point */
void answer_number(struct answer *a, const char *name, double value, int digits);
/** [1.0,2.0], digits as above */
void answer_numbers(struct answer *a, const char *name, const float *values, size_t nr, int digits);

/** An object within an element, or within the answer; or, named NULL, one of an open array. */
void answer_open(struct answer *a, const char *name, char bracket);
void answer_close(struct answer *a, char bracket);

/** The list; once. Then its elements. */
void answer_list(struct answer *a, const char *name);
void answer_element(struct answer *a);
void answer_end_element(struct answer *a);

/**
 * answer_write() - writes the answer, terminated
 * @out: receives it: size bytes, at least 1
 * @nr:  receives how many elements of the list there is room for
 *
 * What does not even fit without elements is an empty text.
 *
 * Return: the bytes that all of it needs, with the terminator; 0: out of memory.
 */
size_t answer_write(const struct answer *a, char *out, size_t size, size_t *nr);

void answer_release(struct answer *a);

#endif
