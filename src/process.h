/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the process as far as the library cares: its forks and its end.
 *
 * A child of fork() gets copies of what its parent made, and lets go of none of it: objects remember
 * the generation in which they were made. At the end of the process nothing is unloaded or unmapped,
 * since other threads go on running. Engines do end by themselves then, by destructors of their own;
 * so calls of local plugins are waited for, and no more of them begin.
 */
#pragma once

#include <stdbool.h>

/* Counts the forks that led to this process. */
extern unsigned int process_generation __attribute__((visibility("hidden")));

/*
 * process_watch - have the ends and forks of the process noticed
 * @at_end: called once at the end, by the thread that ends the process, with other threads running
 *
 * May be called again; only the first call counts.
 */
void process_watch(void (*at_end)(void));

/*
 * process_plugin_loaded, process_session_made - something to be noticed at the end
 *
 * exit() undoes things from the last to the first: at these two points the library sees to it that it
 * comes first.
 */
void process_plugin_loaded(void);
void process_session_made(void);

/*
 * Whether the process is ending, so that the calling thread can use no engine any more: all but the
 * one that ends it, and that one when engines may be gone.
 */
bool process_ending(void);

/* Whether exit() or the like was called. */
bool process_end_begun(void);

/* Engines may be gone. */
void process_set_gone(void);

/*
 * process_enter - a call of a local plugin begins
 *
 * Return: false when the process is ending, so it must not. Else process_leave() follows in the same
 * thread. Any thread; calls may be nested.
 */
bool process_enter(void);
void process_leave(void);
