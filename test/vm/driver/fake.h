/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that fake-device understands; driver-test sends them. */
#ifndef FAKE_H
#define FAKE_H

#include <stdint.h>

struct fake_message {
	uint32_t op;
	uint32_t value;
	uint64_t reserved;
	/* anything may follow */
};

enum fake_op {
	FAKE_ECHO = 1,	 /* reply: the message */
	FAKE_SUM,	 /* reply: u64, sum of the bytes of the segments that may be read */
	FAKE_FILL,	 /* byte i of each segment that may be written becomes i * 7 + value */
	FAKE_DELAY,	 /* answers after value milliseconds */
	FAKE_STATUS,	 /* status = value */
	FAKE_USED,	 /* lies: used.len = value */
	FAKE_REPLY_LEN,	 /* lies: resp.reply_len = value */
	FAKE_BAD_ID,	 /* breaks the ring: used.id = value */
	FAKE_NEVER,	 /* no answer before FAKE_ANSWER, if that ever comes */
	FAKE_CONTEXTS,	 /* reply: u64, contexts that sent something and were not closed */
	FAKE_RUNS,	 /* reply: u64, number of runs */
	FAKE_SCRIBBLE,	 /* overwrites the run table with rubbish and answers */
	FAKE_SPURIOUS,	 /* interrupts value times for nothing, and answers */
	FAKE_MEMORIES,	 /* reply: u64, registrations of memory */
	FAKE_FORGET,	 /* forgets all of them */
	FAKE_REFUSE,	 /* the next registration gets status value */
	FAKE_HOLD_MEMORY, /* the next registration gets no answer before FAKE_ANSWER */
	FAKE_HELD,	 /* reply: u64, requests that are to be answered later, or never */
	FAKE_ANSWER,	 /* answers all of these */
	FAKE_MUTE,	 /* answers, and nothing else until it is reset */
	FAKE_PINGS,	 /* reply: u64, closes of a context that cannot be */
};

#endif
