/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and replies of the wire format (docs/virtio-accel.md), made from the table of operations:
 * encode.c is the guest's side, decode.c the host's.
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include <sys/uio.h>

#include "ops/vop.h"

#define VOP_MAX_DIMS	    32	 /* dimensions of a tensor on the wire */
#define VOP_MAX_STATUS_TEXT 512	 /* bytes of a status message, with its terminator */
#define VOP_INLINE_MAX	    1024 /* buffers up to this size travel in the message */
#define VOP_OUTPUT_MAX	    4096 /* outputs whose size only the host knows, in the reply */
#define VOP_MESSAGE_ROOM    8192 /* bytes of messages and replies that need no allocation */

#define VOP_ALIGN(n) (((n) + 7u) & ~(uint64_t)7u)

/* ---- Guest ---------------------------------------------------------------------------------- */

/** A buffer prepared for an output tensor, so that the device can write it in place. */
struct vop_out_buffer {
	void *data; /* malloc()ed, NULL: none prepared */
	uint64_t size;
};

/** Encoding of one call. Small calls allocate nothing. Lives on the stack of the calling thread. */
struct vop_encoder {
	uint8_t *msg;
	uint32_t msg_len;
	uint32_t msg_cap;
	uint32_t max_message;
	struct virtio_accel_user_segment *segs;
	uint32_t nr_segs;
	uint32_t segs_cap;
	uint32_t max_segments;
	uint64_t reply_room; /* bytes that the reply needs at most, kept outputs apart */
	struct vop_out_buffer *outs;
	uint32_t nr_outs;
	int error; /* first error; sticky */
	bool too_large; /* for the device, which is why error is VACCEL_EINVAL */
	bool incomplete; /* the reply lacks an output of an inference: right only if the op failed */
	struct virtio_accel_user_segment seg_buf[16];
	uint8_t msg_buf[VOP_MESSAGE_ROOM] __attribute__((aligned(8)));
};

/** How the guest gets outputs that the device has kept; see vop_decode_reply(). */
struct vop_fetcher {
	/* Reads @size bytes of the kept output @id into @data and drops it. Return: 0 or VACCEL_E*. */
	int (*fetch)(void *opaque, uint64_t id, void *data, uint64_t size);
	void *opaque;
};

/**
 * vop_encode() - makes the message and the segments of a call
 * @e:         overwritten; release with vop_encoder_release() whatever the result
 * @info:      limits of the device
 * @desc:      the op
 * @session:   session id on the wire
 * @vals:      desc->nr_params values; resources as numbers: their id on the wire
 * @out_sizes: sizes in bytes expected of the output tensors, NULL when unknown
 *
 * Segments point to the caller's memory. Return: 0; VACCEL_EINVAL (a null pointer or a length that
 * makes no sense, or more than the device takes in one call), VACCEL_ENOMEM.
 */
int vop_encode(struct vop_encoder *e, const struct virtio_accel_info *info,
	       const struct vop_desc *desc, int64_t session, const union vop_val *vals,
	       const uint64_t *out_sizes);

/**
 * vop_decode_reply() - puts the outputs of a reply where the caller of the op wants them
 * @e, @desc, @vals: as given to vop_encode()
 * @reply, @len:     what the device sent, on a multiple of 8; not trusted
 * @fetcher:         for outputs that the device kept
 *
 * Return: 0; VACCEL_EIO when the reply is malformed; VACCEL_ENOMEM; what the fetcher returned. On
 * failure no output tensor is left allocated.
 */
int vop_decode_reply(struct vop_encoder *e, const struct vop_desc *desc, const union vop_val *vals,
		     const uint8_t *reply, uint32_t len, const struct vop_fetcher *fetcher);

/** When the host did what with a request, in ns of its clock; see struct virtio_accel_times. */
struct vop_times {
	uint64_t taken, begun, ended, replied;
};

/** vop_ask_times() - has the reply of an encoded call end with the host's times. Return: false: no room */
bool vop_ask_times(struct vop_encoder *e, const struct virtio_accel_info *info);

/**
 * vop_take_times() - takes them off a reply, before it is decoded
 * @len: of the reply; becomes less
 *
 * Return: false when it has none: the message was refused.
 */
bool vop_take_times(const uint8_t *reply, uint32_t *len, struct vop_times *t);

/** vop_drop_outputs() - deletes the outputs that vop_decode_reply() allocated: for ops that failed */
void vop_drop_outputs(struct vop_encoder *e, const struct vop_desc *desc, const union vop_val *vals);

void vop_encoder_release(struct vop_encoder *e);

/* ---- Host ----------------------------------------------------------------------------------- */

/** Memory for one request after the other; one per thread. */
struct vop_arena {
	struct vop_arena_block *blocks;
	size_t retain; /* bytes that reset keeps at most */
};

/** vop_arena_alloc() - uninitialised, 16-byte aligned, valid until the reset; NULL: out of memory */
void *vop_arena_alloc(struct vop_arena *a, size_t size);
void vop_arena_reset(struct vop_arena *a);
void vop_arena_release(struct vop_arena *a);

/** One segment of a request: guest memory as the worker has it mapped. */
struct host_segment {
	const struct iovec *runs; /* checked, in order, adjoining runs merged */
	size_t nr_runs;
	uint64_t len;		  /* sum of the runs in bytes */
	uint32_t flags;		  /* VIRTIO_ACCEL_SEG_READ | VIRTIO_ACCEL_SEG_WRITE */
};

/** Bytes of segments that a request's operation was given, by what had to be done with them. */
struct vop_traffic {
	uint64_t in_place;	/* nothing */
	uint64_t registered;	/* of these: in registered memory */
	uint64_t snapshot;	/* copied, because a parser reads them */
	uint64_t gathered;	/* copied, because they were scattered or not aligned; or zeroed */
	uint64_t written_back;	/* copied to where the guest wants the outputs */
};

/** What the decoder needs from its owner. */
struct vop_host_ops {
	/* Looks up a resource and holds it until unhold; NULL: unknown here. */
	struct vaccel_resource *(*hold)(void *opaque, int64_t id);
	void (*unhold)(void *opaque, struct vaccel_resource *res);
	/* Accounts @bytes more of staging memory; false: over the limit. */
	bool (*charge)(void *opaque, uint64_t bytes);
	void (*uncharge)(void *opaque, uint64_t bytes);
	/* Keeps a malloc()ed output (takes it over, also on failure); 0: could not. */
	uint64_t (*keep)(void *opaque, void *data, uint64_t size);
};

/** One decoded request. */
struct vop_decoder {
	/* in */
	struct vop_arena *arena;
	const struct vop_host_ops *ops;
	void *opaque;
	const struct host_segment *segs;
	uint32_t nr_segs;
	/* out */
	const struct vop_desc *desc;
	int64_t session;
	union vop_val vals[VOP_MAX_PARAMS];
	bool wants_times; /* the reply is to end with vop_put_times() */
	const char *why; /* after a failure: what was wrong, for the log */
	struct vop_traffic traffic;
	/* private */
	const uint8_t *msg;
	uint32_t len, pos;
	uint64_t staged;
	uint64_t reply_min, reply_cap;
	struct vop_output *outputs, **outputs_end;
	struct vaccel_resource *res;
};

/** vop_peek() - the op and the session of a message, without decoding it; NULL: no such op */
const struct vop_desc *vop_peek(const uint8_t *msg, uint32_t len, int64_t *session);

/**
 * vop_decode() - checks a message and makes the values of the op's C parameters from it
 * @dec:       fields under "in" set, all others overwritten; finish with vop_decoder_finish()
 *             whatever the result
 * @msg, @len: private copy of the message, on a multiple of 8
 * @reply_cap: room for the reply in bytes
 *
 * Parsed arguments are private copies; plain ones may lie in guest memory, which the guest can still
 * write. Return: 0 or a VACCEL_E* status for the guest.
 */
int vop_decode(struct vop_decoder *dec, const uint8_t *msg, uint32_t len, uint32_t reply_cap);

/**
 * vop_encode_reply() - writes outputs back into segments and makes the reply
 * @reply, @cap: private memory, on a multiple of 8; cap as given to vop_decode()
 * @len:         receives the bytes written
 *
 * Return: 0; VACCEL_ENOMEM (an output could not be kept), VACCEL_EBACKEND (the plugin made a malformed
 * tensor). The reply is whole all the same; outputs that failed are null in it.
 */
int vop_encode_reply(struct vop_decoder *dec, uint8_t *reply, uint32_t cap, uint32_t *len);

/** vop_put_times() - ends the reply of @dec, which wants times and had no failure. @len: becomes more */
void vop_put_times(uint8_t *reply, uint32_t *len, const struct vop_times *t);

/** vop_decoder_finish() - frees all that the request used; resets the arena */
void vop_decoder_finish(struct vop_decoder *dec);

/* ---- Tensors of the three frameworks as one ------------------------------------------------- */

struct vop_tensor {
	void *data;
	uint64_t size; /* bytes */
	uint32_t data_type;
	uint32_t nr_dims;
	int64_t dims[VOP_MAX_DIMS];
};

/** vop_tensor_get() - reads a framework's tensor. Return: 0, or VACCEL_EINVAL (NULL, too many dims) */
int vop_tensor_get(enum vop_framework fw, const void *tensor, struct vop_tensor *t);

/** vop_tensor_check() - whether the data is as large as dimensions and type say (or larger) */
bool vop_tensor_check(enum vop_framework fw, const struct vop_tensor *t);

/** vop_tensor_sizeof() - bytes that vop_tensor_put() needs for the struct and its dimensions */
size_t vop_tensor_sizeof(enum vop_framework fw, uint32_t nr_dims);

/** vop_tensor_put() - makes a tensor that borrows data, in memory of vop_tensor_sizeof() bytes */
void vop_tensor_put(enum vop_framework fw, const struct vop_tensor *t, void *memory);

/** vop_tensor_new() - makes a tensor that owns t->data; vaccel_*_tensor_delete() frees it. NULL: ENOMEM */
void *vop_tensor_new(enum vop_framework fw, const struct vop_tensor *t);

/** vop_tensor_take() - takes the data out of a tensor; NULL when the tensor does not own it */
void *vop_tensor_take(enum vop_framework fw, void *tensor);

/** vop_tensor_delete() - the framework's delete; NULL is ignored */
void vop_tensor_delete(enum vop_framework fw, void *tensor);

#endif
