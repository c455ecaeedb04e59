/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics in the text format of Prometheus, version 0.0.4. */
#ifndef HOST_METRICS_H
#define HOST_METRICS_H

#include <stdio.h>

#include "clients.h"

/**
 * metrics_print() - all that is known, at this moment. Reads memory only.
 *
 * There is a series for each place of a client, whose number is its label, and one for those that have
 * gone; so their number is bounded by that of the places, whoever comes and goes.
 */
void metrics_print(const struct clients *c, FILE *to);

#endif
