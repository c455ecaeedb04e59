/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store (store/store.h) is told by supervisors, and by keepers. All are of one build.
 *
 * Over SOCK_SEQPACKET: STORE_JOIN goes through the door, which all supervisors have, and brings a connection;
 * over that one a keeper asks, one request at a time, and gets the same struct as the answer.
 */
#ifndef HOST_STORE_PROTO_H
#define HOST_STORE_PROTO_H

#include <stdint.h>

/** Memories of one size that STORE_FIND tells of */
#define STORE_TRIES 8
/** Memories that one client holds, at most */
#define STORE_MAX_HOLDS 256
/** STORE_HOLD: whatever others have brought meanwhile */
#define STORE_ANY_TIME UINT64_MAX

enum store_type {
	/*
	 * @size: how much the client may hold. fds: its connection, and the directory of which it is a user: those
	 * of one directory share. No answer.
	 */
	STORE_JOIN = 1,
	/*
	 * The memory of @size bytes that is the @index-th, of those that most clients hold first.
	 * Answer: fd: the memory. -ENOENT: there are no more. Both with @time.
	 */
	STORE_FIND,
	/*
	 * fd: sealed memory of @size bytes that the client uses from now on, and that others may have.
	 * Answer: @id; -EAGAIN: since @time somebody has brought another one of this size; -EDQUOT: it holds too
	 * much; -EINVAL: it is no such memory.
	 */
	STORE_HOLD,
	/* The client no longer uses the memory @id, for one STORE_HOLD; or any. Answer: 0 */
	STORE_DROP,
	STORE_DROP_ALL,
};

struct store_msg {
	uint32_t type;
	int32_t status; /* of answers: 0 or -errno */
	uint64_t size;	/* bytes */
	uint64_t id;
	uint64_t time; /* of the store: how many memories it has got */
	uint32_t index;
	uint32_t unused;
};

#define STORE_MAX_FDS 2

#endif
