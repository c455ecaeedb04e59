/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the listener and the observer say to each other, over a SOCK_SEQPACKET pair. The listener waits for
 * nothing: it says who comes and goes, and what can be counted lies in memory (counters.h).
 */
#ifndef HOST_OBSERVE_H
#define HOST_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

/** The observer's end of the pair */
#define OBSERVE_FD 3

enum observe_type {
	OBSERVE_SETUP = 1, /* setup; fds: the service's page, and the sockets that has_* says */
	OBSERVE_CLIENT,	   /* client, which has come; fd: its page */
	OBSERVE_GONE,	   /* client.place: it has gone */
	OBSERVE_ASK,	   /* from the observer: ask. Is answered */
	OBSERVE_ANSWER,	   /* answer */
};

enum observe_wish {
	OBSERVE_DRAIN = 1, /* no new clients, and the end when the last one has gone */
	OBSERVE_RELOAD,	   /* the policy's file is read again, for new clients */
	OBSERVE_LIMIT,	   /* limit is in force for a client that is served */
};

/** Clients are known by their place, which is used again. Places are below this. */
#define OBSERVE_MAX_PLACES 2048
#define OBSERVE_NAME_SIZE 48
/** Of a list of plugins; what is longer is cut */
#define OBSERVE_PLUGINS_SIZE 512

struct observe_msg {
	uint32_t type;
	union {
		struct {
			char version[32]; /* of the listener's program */
			char log_format[16];
			bool has_metrics, has_control;
		} setup;
		struct {
			uint32_t place;
			uint32_t uid;
			int32_t pid;
			int64_t since; /* time(2) */
			char name[OBSERVE_NAME_SIZE]; /* as in the log */
			char plugins[OBSERVE_PLUGINS_SIZE]; /* of its worker, in the form of VACCEL_PLUGINS */
		} client;
		struct {
			uint32_t wish;
			uint64_t serial; /* the answer has that of its question */
			struct {
				uint32_t place;
				int32_t pid; /* of the client that is meant, as it was told */
				uint32_t rule; /* policy_is_limit() */
				uint64_t value;
			} limit;
		} ask;
		struct {
			uint64_t serial;
			bool done;
			char text[512]; /* why not */
		} answer;
	};
};

#define OBSERVE_MAX_FDS 3

#endif
