/* SPDX-License-Identifier: Apache-2.0 */
/* Logging inside the library. */
#pragma once

#include <stdint.h>

#include "vaccel/log.h"

/* The slog flags of a log level 1-4, 0 for any other. */
uint16_t log_level_flags(unsigned int level);

/*
 * slog_set_screen - choose the standard stream that lines for the screen go to
 * @fd: STDOUT_FILENO or STDERR_FILENO
 */
void slog_set_screen(int fd);

/*
 * slog_set_limit - choose how many lines a second are printed, see loglines/limit.h
 * @lines: 0: all, which is the default
 */
void slog_set_limit(unsigned int lines);
