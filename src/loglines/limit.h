/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a log may hold of what others bring about: so many lines a second, each with so many bytes
 * on average, and after a silence at once as much as LOG_LIMIT_BURST_S seconds allow.
 *
 * One thread at a time. The times are of any clock that does not go back.
 */
#ifndef LOGLINES_LIMIT_H
#define LOGLINES_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LIMIT_BURST_S 50
#define LOG_LIMIT_LINE_BYTES 200
/** More lines a second than this are no limit. */
#define LOG_LIMIT_MAX 1000000

struct log_limit {
	uint64_t line_ns, byte_ns;   /* time that one of them takes; 0: there is no limit */
	uint64_t lines_ns, bytes_ns; /* when those that have passed have had their time */
	uint64_t left_out;	     /* lines that nobody was told of */
	uint64_t since_ns;	     /* the first of them */
};

/** log_limit_init() - @lines a second, up to LOG_LIMIT_MAX; 0: without limit */
void log_limit_init(struct log_limit *l, uint64_t lines);

/**
 * log_limit_take() - whether a line may pass; counts it as left out if not
 * @keep:  how many lines are to be left for those who ask with less
 * @bytes: its length
 */
bool log_limit_take(struct log_limit *l, uint64_t now_ns, unsigned int keep, size_t bytes);

/** log_limit_leave_out() - counts a line as left out */
void log_limit_leave_out(struct log_limit *l, uint64_t now_ns);

/**
 * log_limit_report() - whether it is time to say how many lines were left out: a second after the first
 *
 * Return: their number, which is forgotten; 0: nothing is to be said now.
 */
uint64_t log_limit_report(struct log_limit *l, uint64_t now_ns);

#endif
