/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the worker: its memory, queues, sessions and resources, its share of what the policy allows, and
 * the supervisor that says what is to be done. Clients of one worker have nothing of this in common.
 */
#ifndef HOST_CLIENT_H
#define HOST_CLIENT_H

#include "control.h"

/**
 * client_serve() - serves a client until its supervisor has no more to say, or is gone
 * @sock:     of its supervisor; stays the caller's
 * @setup:    the supervisor's first message, a CONTROL_SETUP
 * @fds:      those of that message; what is used of them is taken out
 * @drain_ms: how long operations that still run are waited for, at the end
 *
 * Several threads may serve clients at once. Return: 0, and nothing of the client is left; -EBUSY: an operation
 * still runs, so all of it is left; another -errno: the client cannot be served.
 */
int client_serve(int sock, const struct control_msg *setup, int *fds, unsigned int drain_ms);

#endif
