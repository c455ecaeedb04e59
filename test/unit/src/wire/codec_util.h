/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of the wire format without a device between them: values made up from an op's descriptor,
 * the guest's encoder, segments as the host has them mapped, the host's decoder.
 */
#pragma once

#include "util.h"

#include "wire/codec.h"

#define RESOURCE_ID 42 /* the only resource that the host knows */
#define SESSION_ID  7

/* Where buffers of a call come from, and so how they travel. */
enum layout {
	SMALL,	   /* inline */
	LARGE,	   /* segments, contiguous in the host's mapping */
	SCATTERED, /* segments in several runs */
	UNALIGNED, /* segments that do not start where a C type may */
	NR_LAYOUTS,
};

/* A call of an op, as the guest's program makes it. */
struct call {
	const struct vop_desc *desc;
	enum layout layout;
	union vop_val vals[VOP_MAX_PARAMS];
	void *blocks[128]; /* freed with the call */
	unsigned int nr_blocks;
	const uint64_t *out_sizes;
	struct vop_encoder e;
};

/* What the host owns. */
struct host {
	struct vop_arena arena;
	struct vaccel_resource resource;
	int held;	    /* resources held now */
	uint64_t charged;   /* staging bytes now */
	uint64_t limit;	    /* of charged */
	bool cannot_keep;
	void *kept[16];	    /* id - 1 is the index */
	uint64_t kept_size[16];
	unsigned int nr_kept;
	struct host_segment segs[64], *exact_segs;
	struct iovec runs[192];
	unsigned int nr_runs;
	bool scattered;
	struct vop_decoder dec;
};

extern const struct virtio_accel_info test_info;

/** call_init() - values for every parameter of @desc; release with call_release() */
void call_init(struct call *c, const struct vop_desc *desc, enum layout layout);
void call_release(struct call *c);

/** call_encode() - encodes the call into c->e, replacing an earlier encoding */
int call_encode(struct call *c);

/** call_drop_outputs() - frees output tensors and status texts, and overwrites output buffers */
void call_drop_outputs(struct call *c);

void host_init(struct host *h);
void host_release(struct host *h);

/** host_map() - makes h->segs from the segments of the encoded call */
void host_map(struct host *h, struct call *c);

/** host_write_back() - what the guest sees in its segments after the device wrote them */
void host_write_back(struct host *h, struct call *c);

/** host_unmap() - undoes host_map() */
void host_unmap(struct host *h);

/** host_decode() - decodes a message into h->dec with the segments of host_map() */
int host_decode(struct host *h, const void *msg, uint32_t len, uint32_t reply_cap);

/** host_finish() - ends the decoding, and checks that nothing stays behind */
void host_finish(struct host *h);

/** host_touch() - reads every byte that a plugin could read; catches bad pointers under ASan */
uint64_t host_touch(struct host *h);

/** host_fill() - writes outputs as a plugin would. @tensor_bytes: data of each output tensor */
void host_fill(struct host *h, uint64_t tensor_bytes);

/** host_fetch() - a struct vop_fetcher's function; opaque is the struct host */
int host_fetch(void *opaque, uint64_t id, void *data, uint64_t size);

/** check_inputs() - the plugin sees what the program gave */
void check_inputs(struct host *h, struct call *c);

/** check_outputs() - the program sees what host_fill() wrote */
void check_outputs(struct call *c, uint64_t tensor_bytes);

bool writes(const struct vop_param *p);
