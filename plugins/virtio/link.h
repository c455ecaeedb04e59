/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of the process to the device, and those before it: when one is lost the next session
 * opens another, and what was made in the lost one stays with it until it is released.
 *
 * Any thread may call anything, apart from link_open() and link_close().
 */
#ifndef VIRTIO_LINK_H
#define VIRTIO_LINK_H

#include <stdbool.h>

#include "transport.h"

struct remote_link {
	struct remote_link *next;
	struct transport *transport;
	unsigned int users;	/* under the lock of link.c */
	bool inherited;		/* by fork(): it is the parent's */
};

/**
 * link_open() - opens the device that the environment names; once. Return: 0 or VACCEL_E*
 *
 * In a child of fork(), which has no part in the connections of its parent, it opens another one.
 */
int link_open(void);

/** link_path() - the socket, or the driver's node, that the environment names */
const char *link_path(void);

/** link_close() - closes all connections; no call is running */
void link_close(void);

/** link_hold() - the present connection, NULL when there is none; link_put() it */
struct remote_link *link_hold(void);
void link_put(struct remote_link *l);

/** link_lost() - whether a connection has ended for good, with all that was made in it */
bool link_lost(const struct remote_link *l);

/**
 * link_renew() - opens another connection in the place of one that is lost
 * @wait: for a host process that is being started, as link_open(). Else one attempt is made, and none
 *        where another thread is at it or one has just failed.
 *
 * Return: 0 when the present connection is another one; or VACCEL_E*.
 */
int link_renew(struct remote_link *lost, bool wait);

/** link_ready() - link_renew() if the present connection is lost. Return: 0, or VACCEL_E* */
int link_ready(bool wait);

/** link_watch() - adds the descriptors of the present connection, and of later ones, to an epoll set */
int link_watch(int epoll_fd);

/** link_before_fork(), link_after_fork() - for pthread_atfork() */
void link_before_fork(void);
void link_after_fork(bool child);

#endif
