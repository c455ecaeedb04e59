/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vhost-user protocol, back end's side: one connection to a front end. Its messages end up in
 * the functions of device.h.
 *
 * The front end is not trusted: it may be a process that speaks for itself and not for a VM.
 */
#ifndef HOST_VHOST_USER_H
#define HOST_VHOST_USER_H

#include <stddef.h>
#include <stdint.h>

#include "device.h"

#define VHOST_USER_MAX_FDS 8
/** Largest payload that is taken in; larger messages end the connection. */
#define VHOST_USER_MAX_PAYLOAD 4096

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* bytes of the payload */
};

struct vhost_user {
	struct device *dev;
	int sock;
	uint64_t protocol_features;
	bool warned_index;

	/* The message that is being received, as far as it has come. */
	size_t received;
	struct vhost_user_header header;
	_Alignas(8) uint8_t payload[VHOST_USER_MAX_PAYLOAD];
	int fds[VHOST_USER_MAX_FDS];
	unsigned int nr_fds;
	int reply_fd; /* to go with the reply; the device's. Or -1 */
};

/** vhost_user_init() - takes over a connected socket */
void vhost_user_init(struct vhost_user *vu, struct device *dev, int sock);

/**
 * vhost_user_receive() - to be called when the socket is readable
 *
 * Takes in what has come and handles at most one message. Does not wait for the front end.
 *
 * Return: 0; -EPIPE when the front end has hung up; another negative errno value when the
 * connection cannot go on. Then it is to be closed.
 */
int vhost_user_receive(struct vhost_user *vu);

/** vhost_user_is_midway() - whether a part of a message has come, and the rest has not */
static inline bool vhost_user_is_midway(const struct vhost_user *vu)
{
	return vu->received > 0;
}

/** vhost_user_close() - closes the socket and what came of a message; the device is not touched */
void vhost_user_close(struct vhost_user *vu);

#endif
