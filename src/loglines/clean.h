/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for a log that may hold what somebody else has chosen: names of files, of functions. Whatever
 * could end the line, steer a terminal or be taken for other text is made visible.
 */
#ifndef LOGLINES_CLEAN_H
#define LOGLINES_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

/** log_is_clean() - whether log_clean() would leave the text as it is, given the room; costs little */
bool log_is_clean(const char *text, size_t len);

/**
 * log_clean() - copies a text for a log
 * @to:   receives it, without a terminating NUL
 * @size: room there, at least 8
 * @text: may hold anything; not the same memory as @to
 *
 * Line feeds become "\n", carriage returns "\r", and every other byte that is a control character
 * (but tabs), part of one of Unicode, of a mark that changes the direction of writing or ends a line,
 * or no UTF-8, becomes "\xNN". A text that does not fit is cut, and ends with "...".
 *
 * Return: the length of what was written. Any thread.
 */
size_t log_clean(char *to, size_t size, const char *text, size_t len);

#endif
