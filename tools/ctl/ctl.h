/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of vaccelctl share. */
#ifndef CTL_H
#define CTL_H

#include <stdint.h>
#include <stdio.h>

#include <json.h>

/** ctl_request() - a request. Return: the caller's, who can add to it */
struct json_object *ctl_request(const char *what);

/**
 * ctl_ask() - sends a request, which is taken over
 *
 * Return: the answer, an object, the caller's; NULL after saying what is wrong.
 */
struct json_object *ctl_ask(struct json_object *request);

/** get_number() - the number under a key; 0 if there is none */
double get_number(struct json_object *o, const char *key);

/** get_text() - the text under a key, without what could steer a terminal; "" if there is none */
const char *get_text(struct json_object *o, const char *key);

/** print_clients() - a table of who is there */
void print_clients(struct json_object *answer);

/** print_stats() - all numbers, for people */
void print_stats(struct json_object *answer);

/** print_bytes() - a number of bytes in a few characters, as "1.5G" */
const char *print_bytes(double bytes, char text[16]);

/** print_time() - seconds in a few characters, as "15us" */
const char *print_time(double seconds, char text[16]);

/**
 * top() - shows again and again who does what
 * @interval_s: between two looks
 * @rounds: 0: for ever
 *
 * Return: an exit status.
 */
int top(double interval_s, unsigned int rounds);

#endif
