/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources inside the library: their life with the library, and registrations.
 *
 * Lock order: resource slot (register, unregister, release of one resource), then
 * session->resources_lock, then resource->sessions_lock, then the list of all resources.
 * Plugin hooks run with the slot held and nothing else.
 */
#pragma once

#include "vaccel/list.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

/*
 * One resource registered with one session. Both lists hold the same records, in the order of
 * registration:
 *  session_entry   in sess->resources[res->type], under sess->resources_lock
 *  resource_entry  in res->sessions, under res->sessions_lock
 */
struct resource_registration {
	struct vaccel_list_entry session_entry;
	struct vaccel_list_entry resource_entry;
	struct vaccel_session *sess;
	struct vaccel_resource *res;
	unsigned int generation; /* of the process that made it */
};

/* For pthread_atfork: the list of resources must not be changing. */
void resources_before_fork(void);
void resources_after_fork(bool child);

/* Starts the component, once the run directory exists. Not thread-safe. */
int resources_bootstrap(void);

/* Releases every live resource; resource functions give EPERM from here on. Not thread-safe. */
int resources_cleanup(void);

/*
 * Unregisters everything that is registered with sess, hooks included; failures are logged. For
 * the release of a session, before its plugin is told. Takes sess->resources_lock itself.
 */
void resources_unregister_session(struct vaccel_session *sess);
