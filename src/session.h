/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions inside the library. */
#pragma once

#include <stdbool.h>

#include "vaccel/session.h"

/* Starts the component, once the run directory exists. Not thread-safe. */
int sessions_bootstrap(void);

/* Releases every live session; session functions give ESESS from here on. Not thread-safe. */
int sessions_cleanup(void);

/* For pthread_atfork: the list of sessions must not be changing. */
void sessions_before_fork(void);
void sessions_after_fork(bool child);

/* Whether a live session was made by the parent of this child of fork(). */
bool session_is_inherited(const struct vaccel_session *sess);

/*
 * Whether a live session is served by one plugin alone, see vaccel_session_init_with_plugin(). Any
 * thread.
 */
bool session_is_exclusive(const struct vaccel_session *sess);

/*
 * session_check_host - whether this process may change what the host has of a live session
 *
 * ENODEV, logged: it is the parent's session on a host.
 */
int session_check_host(const struct vaccel_session *sess);
