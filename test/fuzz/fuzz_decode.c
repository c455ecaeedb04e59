// SPDX-License-Identifier: Apache-2.0
/*
 * The host's decoder with any message of a guest. Input: a byte with the number of segments (and
 * whether they are scattered: bit 7), for each one its flags (one byte) and its length (two
 * bytes); then the message.
 */
#include "input.h"

#include "../unit/src/wire/codec_util.h"

#define SEGMENTS_MAX 8
#define REPLY_CAP    4096

static void take_segment(struct input *in, struct host *h, unsigned int i)
{
	uint8_t flags = input_u8(in);
	uint64_t len = input_u16(in);
	unsigned int nr_runs = h->scattered && len > 2 ? 3 : 1;

	h->segs[i] = (struct host_segment){
		.runs = &h->runs[h->nr_runs], .nr_runs = nr_runs, .len = len, .flags = flags & 3
	};
	for (unsigned int r = 0; r < nr_runs; r++) {
		struct iovec *run = &h->runs[h->nr_runs++];

		run->iov_len = r < nr_runs - 1 ? len / 3 : len - (nr_runs - 1) * (len / 3);
		run->iov_base = malloc(run->iov_len ? run->iov_len : 1);
		if (!run->iov_base)
			abort();
		memset(run->iov_base, (int)(i + r), run->iov_len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t reply[REPLY_CAP] __attribute__((aligned(8)));
	struct input in = { data, size };
	uint8_t first = input_u8(&in), *msg;
	struct host h;
	uint32_t len;

	host_init(&h);
	h.scattered = true; /* host_unmap frees the runs */
	for (unsigned int i = 0; i < (first & 0x7f) % (SEGMENTS_MAX + 1); i++) {
		h.scattered = first & 0x80;
		take_segment(&in, &h, i);
	}
	h.scattered = true;

	len = (uint32_t)in.left;
	msg = input_copy(&in, len);
	if (!host_decode(&h, msg, len, REPLY_CAP)) {
		host_touch(&h);
		host_fill(&h, 64);
		vop_encode_reply(&h.dec, reply, REPLY_CAP, &len);
		if (len > REPLY_CAP)
			abort();
	} else if (!h.dec.why || !h.dec.why[0]) {
		abort();
	}
	host_finish(&h);
	free(msg);
	host_release(&h);
	return 0;
}
