/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator is told of clients, as objects of JSON. Reads memory only. */
#ifndef HOST_REPORT_H
#define HOST_REPORT_H

#include <json.h>

#include "clients.h"

/** report_clients() - who is there, and what each has. Return: the caller's; NULL: out of memory */
struct json_object *report_clients(const struct clients *c);

/** report_stats() - the same with all that was counted, the service's numbers, and those of who has gone */
struct json_object *report_stats(const struct clients *c);

#endif
