/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a front end gets instead of its first answer when it is turned away, so that it can say why.
 * Not of the vhost-user protocol: those who do not know it take it for a wrong answer, which ends the
 * connection as well.
 */
#ifndef TRANSPORT_REFUSAL_H
#define TRANSPORT_REFUSAL_H

#include <stdint.h>

/** No request of vhost-user */
#define REFUSAL_REQUEST 0x52454655u
/** Version 1, and an answer */
#define REFUSAL_FLAGS 5u

enum refusal_reason {
	REFUSAL_FULL = 1, /* number: how many clients are served at a time */
	REFUSAL_START,	  /* no worker for one more client starts; number: 0 */
};

/** A header of vhost-user, and its payload; in the byte order of the machine that both ends are on */
struct refusal {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	uint64_t reason;
	uint64_t number;
} __attribute__((packed));

#endif
