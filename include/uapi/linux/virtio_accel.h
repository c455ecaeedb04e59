/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * Virtio accelerator device: the format that the guest driver, the guest's transport plugin and
 * the host share. docs/virtio-accel.md is the specification; this header is its only home in code.
 *
 * All fields are little-endian; no pointer of either side is ever on the wire.
 */
#ifndef _UAPI_LINUX_VIRTIO_ACCEL_H
#define _UAPI_LINUX_VIRTIO_ACCEL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* ---- Part 1: the device, as the driver sees it -------------------------------------------- */

#define VIRTIO_ACCEL_DEVICE_ID		21
#define VIRTIO_ACCEL_MAGIC		0x4c434341u	/* "ACCL" read as bytes */
#define VIRTIO_ACCEL_VERSION		1

/* Feature bits (0..23 belong to the device type) */
#define VIRTIO_ACCEL_F_MEMORY		0	/* registered memory */

#define VIRTIO_ACCEL_MAX_QUEUES		64

/**
 * struct virtio_accel_config - configuration space (64 bytes; the rest reads as zero)
 * @magic:        VIRTIO_ACCEL_MAGIC; anything else is another device
 * @version:      VIRTIO_ACCEL_VERSION; a driver must not use a version that it does not know
 * @num_queues:   request queues that the device serves (1..VIRTIO_ACCEL_MAX_QUEUES)
 * @max_segments: segments in one request
 * @max_message:  bytes of the message in one request
 * @max_reply:    bytes of the reply in one response
 */
struct virtio_accel_config {
	__le32 magic;
	__le32 version;
	__le32 num_queues;
	__le32 max_segments;
	__le32 max_message;
	__le32 max_reply;
	__u8 reserved[40];
};

/* Request types */
#define VIRTIO_ACCEL_T_CALL		1	/* a message from a program */
#define VIRTIO_ACCEL_T_CONTEXT_CLOSE	2	/* the context's owner is gone: free what it owned */
#define VIRTIO_ACCEL_T_MEMORY_REGISTER	3	/* one segment: its memory, runs and len */
#define VIRTIO_ACCEL_T_MEMORY_UNREGISTER 4	/* one segment: its memory; all else is 0 */

/**
 * struct virtio_accel_req - starts the device-readable part of every request
 * @type:        VIRTIO_ACCEL_T_*
 * @flags:       0
 * @context:     owner of the sessions and resources that the message names; chosen by the driver,
 *               one per open file, never 0, never reused before VIRTIO_ACCEL_T_CONTEXT_CLOSE
 * @nr_segments: entries of struct virtio_accel_segment that follow
 * @nr_runs:     entries of struct virtio_accel_run that follow the segments
 * @message_len: bytes of the message that follows the runs
 * @reserved:    0
 *
 * The device-readable part is one stream of bytes, however it is cut into descriptors:
 * request, segments, runs, message.
 */
struct virtio_accel_req {
	__le32 type;
	__le32 flags;
	__le64 context;
	__le32 nr_segments;
	__le32 nr_runs;
	__le32 message_len;
	__le32 reserved;
};

/* Segment flags */
#define VIRTIO_ACCEL_SEG_READ		(1u << 0)	/* the device may read it */
#define VIRTIO_ACCEL_SEG_WRITE		(1u << 1)	/* the device may write it */
#define VIRTIO_ACCEL_SEG_MEMORY		(1u << 2)	/* in registered memory: it has no runs */

/* What the runs of registered memory, and so its length, are multiples of, in bytes */
#define VIRTIO_ACCEL_MEMORY_ALIGN	4096

/**
 * struct virtio_accel_segment - one piece of a program's memory, outside of the message
 * @len:      bytes, equal to the sum of its runs if it has any
 * @flags:    VIRTIO_ACCEL_SEG_*
 * @nr_runs:  how many of the following runs are its; runs are used up in order
 * @memory:   id of registered memory, chosen by the driver, not 0; 0 where none is named
 * @reserved: 0
 * @offset:   bytes from the start of @memory with VIRTIO_ACCEL_SEG_MEMORY, else 0
 */
struct virtio_accel_segment {
	__le64 len;
	__le32 flags;
	__le32 nr_runs;
	__le32 memory;
	__le32 reserved;
	__le64 offset;
};

/** struct virtio_accel_run - a contiguous run of guest-physical memory, @len in bytes, not 0 */
struct virtio_accel_run {
	__le64 addr;
	__le64 len;
};

/**
 * struct virtio_accel_resp - starts the device-writable part of every request
 * @status:    0, or what went wrong: the numbers of asm-generic/errno.h (= vAccel's error codes)
 * @reply_len: bytes of the reply that follow; may be non-zero whatever the status
 * @reserved:  0
 *
 * It lies within the first device-writable descriptor, so that it can be filled in without reading
 * the rest of the chain.
 */
struct virtio_accel_resp {
	__le32 status;
	__le32 reply_len;
	__le64 reserved;
};

/* Statuses that the device itself gives; all others come from the called operation. */
#define VIRTIO_ACCEL_S_OK	0
#define VIRTIO_ACCEL_S_PERM	1	/* the operator's policy refuses it */
#define VIRTIO_ACCEL_S_NOENT	2	/* no such resource, or kept output, in this context */
#define VIRTIO_ACCEL_S_AGAIN	11	/* the device is starting again after a failure; try again */
#define VIRTIO_ACCEL_S_NOMEM	12	/* a limit on memory was reached */
#define VIRTIO_ACCEL_S_EXIST	17	/* the context has registered memory with this id */
#define VIRTIO_ACCEL_S_INVAL	22	/* malformed request or message */
#define VIRTIO_ACCEL_S_USERS	87	/* a limit on the number of objects was reached */
#define VIRTIO_ACCEL_S_NOTSUP	95	/* unknown type, operation or flag */
#define VIRTIO_ACCEL_S_ADDRNOTAVAIL 99	/* pieces of memory that the host cannot make one range of */
#define VIRTIO_ACCEL_S_SESS	104	/* no such session in this context, or it was lost */
#define VIRTIO_ACCEL_S_STALE	116	/* no such registered memory in this context, or it was lost */

/* ---- Part 2: messages and replies, which the driver passes through unread ------------------ */

/*
 * A message is a struct virtio_accel_msg and then the operation's parameters: first the plain
 * values, one __le64 each (integers sign-extended, a float as its IEEE-754 bits), then all others,
 * each group in the order of the operation's table entry. Everything starts on a multiple of
 * 8 bytes counted from the start of the message; padding is 0.
 *
 * A reply is the operation's outputs, in the order of the table entry, under the same rules.
 */

/* Flags of a message, for devices that have VIRTIO_ACCEL_OP_SESSION_CLOCK */
#define VIRTIO_ACCEL_MSG_TIMES		(1u << 0)	/* the reply ends with the device's times */

/**
 * struct virtio_accel_msg - starts every message
 * @op:       operation: vaccel_op_type_t, or VIRTIO_ACCEL_OP_*
 * @flags:    VIRTIO_ACCEL_MSG_*
 * @reserved: 0
 * @session:  id that VIRTIO_ACCEL_OP_SESSION_INIT gave, or 0 where the operation needs none
 */
struct virtio_accel_msg {
	__le16 op;
	__le16 flags;
	__le32 reserved;
	__le64 session;
};

/**
 * struct virtio_accel_times - ends the reply to a message with VIRTIO_ACCEL_MSG_TIMES
 * @taken:   when the device took the request out of its queue
 * @begun:   when the operation began
 * @ended:   when it ended
 * @replied: when the reply had been made
 *
 * In nanoseconds of the clock of VIRTIO_ACCEL_OP_SESSION_CLOCK.
 */
struct virtio_accel_times {
	__le64 taken;
	__le64 begun;
	__le64 ended;
	__le64 replied;
};

/* Operations on the device's own objects; parameters as in the table of operations. */
#define VIRTIO_ACCEL_OP_SESSION_INIT		0x8000
#define VIRTIO_ACCEL_OP_SESSION_UPDATE		0x8001
#define VIRTIO_ACCEL_OP_SESSION_RELEASE		0x8002
#define VIRTIO_ACCEL_OP_SESSION_PROFILE		0x8003
#define VIRTIO_ACCEL_OP_SESSION_INIT_PLUGIN	0x8004
#define VIRTIO_ACCEL_OP_PLUGIN_LIST		0x8005
#define VIRTIO_ACCEL_OP_SESSION_CLOCK		0x8006
#define VIRTIO_ACCEL_OP_RESOURCE_CREATE		0x8010
#define VIRTIO_ACCEL_OP_RESOURCE_ADD		0x8011
#define VIRTIO_ACCEL_OP_RESOURCE_WRITE		0x8012
#define VIRTIO_ACCEL_OP_RESOURCE_READ		0x8013
#define VIRTIO_ACCEL_OP_RESOURCE_REGISTER	0x8014
#define VIRTIO_ACCEL_OP_RESOURCE_UNREGISTER	0x8015
#define VIRTIO_ACCEL_OP_RESOURCE_SYNC		0x8016
#define VIRTIO_ACCEL_OP_RESOURCE_DESTROY	0x8017
#define VIRTIO_ACCEL_OP_RESOURCE_CHALLENGE	0x8018
#define VIRTIO_ACCEL_OP_RESOURCE_CLAIM		0x8019
#define VIRTIO_ACCEL_OP_OUTPUT_FETCH		0x8020
#define VIRTIO_ACCEL_OP_OUTPUT_DROP		0x8021

/* Smaller files are not worth a claim: devices do not keep them. In bytes */
#define VIRTIO_ACCEL_CACHE_MIN			(1u << 20)

/* Where the bytes of a buffer are */
#define VIRTIO_ACCEL_BUF_NULL		0	/* no buffer: a null pointer */
#define VIRTIO_ACCEL_BUF_INLINE		1	/* in the message or the reply, right behind */
#define VIRTIO_ACCEL_BUF_SEGMENT	2	/* in segment @ref of the request */
#define VIRTIO_ACCEL_BUF_KEPT		3	/* replies: kept by the device under the id @ref */

/**
 * struct virtio_accel_buf - a buffer parameter
 * @len:   bytes: the length in a message, the bytes produced in a reply
 * @ref:   segment index, or id of the kept output, else 0
 * @where: VIRTIO_ACCEL_BUF_*
 * @reserved: 0
 *
 * In a message, INLINE buffers that the device reads are followed by their bytes; those that it only
 * writes are not, and come back INLINE in the reply. SEGMENT buffers are written in place.
 */
struct virtio_accel_buf {
	__le64 len;
	__le64 ref;
	__le32 where;
	__le32 reserved;
};

/**
 * struct virtio_accel_plugin - a plugin of the host, in the reply to VIRTIO_ACCEL_OP_PLUGIN_LIST
 * @name:    \
 * @version:  terminated texts, with zeros up to their end
 * @engine:  /  what does the plugin's work, and its devices
 * @type:    vaccel_plugin_type_t
 * @flags:   bit 0: it forwards operations to another host
 * @ops:     bit n is set when it offers the operation of number n
 */
struct virtio_accel_plugin {
	__u8 name[32];
	__u8 version[32];
	__u8 engine[176];
	__le32 type;
	__le32 flags;
	__le64 ops;
};

/** struct virtio_accel_arg - an element of an argument list, before its buffer */
struct virtio_accel_arg {
	__le32 type;		/* vaccel_arg_type_t */
	__le32 custom_id;
};

/** struct virtio_accel_tensor - before @nr_dims dimensions of __le64 and the buffer of its data */
struct virtio_accel_tensor {
	__le32 data_type;	/* the framework's own number */
	__le32 nr_dims;
};

/** struct virtio_accel_node - before the buffer of its name (a terminated string) */
struct virtio_accel_node {
	__le64 id;
};

/** struct virtio_accel_op_status - before the buffer of its message (a terminated string) */
struct virtio_accel_op_status {
	__le32 code;
	__le32 reserved;
};

/* ---- Part 3: the driver's device node ------------------------------------------------------ */

/**
 * struct virtio_accel_user_segment - memory of the calling process
 * @addr:   its start, any alignment; with VIRTIO_ACCEL_SEG_MEMORY the offset in @memory
 * @len:    bytes, not 0
 * @flags:  VIRTIO_ACCEL_SEG_READ and/or _WRITE, and _MEMORY
 * @memory: id of registered memory with VIRTIO_ACCEL_SEG_MEMORY, else 0
 */
struct virtio_accel_user_segment {
	__u64 addr;
	__u64 len;
	__u32 flags;
	__u32 memory;
};

/**
 * struct virtio_accel_call - argument of VIRTIO_ACCEL_IOC_CALL
 * @message:     address of the message
 * @segments:    address of @nr_segments entries of struct virtio_accel_user_segment
 * @reply:       address that the reply goes to
 * @message_len: bytes of the message
 * @nr_segments: may be 0
 * @reply_len:   in: room at @reply in bytes; out: bytes of the reply
 * @status:      out: struct virtio_accel_resp.status
 * @flags:       0
 * @reserved:    0
 */
struct virtio_accel_call {
	__u64 message;
	__u64 segments;
	__u64 reply;
	__u32 message_len;
	__u32 nr_segments;
	__u32 reply_len;
	__u32 status;
	__u32 flags;
	__u32 reserved;
};

/* Flags of struct virtio_accel_call for VIRTIO_ACCEL_IOC_SUBMIT */
#define VIRTIO_ACCEL_SUBMIT_NOTIFY	(1u << 0)	/* poll() tells of the answer at once */

/**
 * struct virtio_accel_submit - argument of VIRTIO_ACCEL_IOC_SUBMIT
 * @call:  as for VIRTIO_ACCEL_IOC_CALL, with the flags above; status is not used
 * @token: comes back with the answer
 */
struct virtio_accel_submit {
	struct virtio_accel_call call;
	__u64 token;
};

/**
 * struct virtio_accel_done - an answered request
 * @token:     of its submission
 * @error:     0, or what VIRTIO_ACCEL_IOC_CALL would have failed with: EFAULT, EIO, ENODEV
 * @status:    struct virtio_accel_resp.status, without an error
 * @reply_len: bytes of the reply, which is where the submission said
 * @reserved:  0
 */
struct virtio_accel_done {
	__u64 token;
	__u32 error;
	__u32 status;
	__u32 reply_len;
	__u32 reserved;
};

/* Flags of struct virtio_accel_reap */
#define VIRTIO_ACCEL_REAP_POLL		(1u << 0)	/* look for a while if there is none */

/**
 * struct virtio_accel_reap - argument of VIRTIO_ACCEL_IOC_REAP
 * @done:  address of @nr entries of struct virtio_accel_done
 * @nr:    in: room, not 0; out: entries that were filled in
 * @flags: VIRTIO_ACCEL_REAP_*
 */
struct virtio_accel_reap {
	__u64 done;
	__u32 nr;
	__u32 flags;
};

/** struct virtio_accel_info - answer of VIRTIO_ACCEL_IOC_INFO; fields as in the configuration */
struct virtio_accel_info {
	__u32 version;
	__u32 num_queues;
	__u32 max_segments;
	__u32 max_message;
	__u32 max_reply;
	__u32 reserved;
	__u64 features;		/* negotiated feature bits of the device type */
};

/*
 * VIRTIO_ACCEL_IOC_CALL sends one request and waits for its response. 0: the device has answered, see
 * @status. Errors: EINVAL (a reserved field is not 0, a length is 0 or above the limit), EFAULT,
 * ENOMEM (memory cannot be pinned), EINTR (the process is being killed; the device may still be
 * working and keeps the pages until it is done), EIO (the device's answer is malformed), ENODEV (the
 * device is gone).
 */
/*
 * VIRTIO_ACCEL_IOC_SUBMIT sends one request and returns; the message and the list of segments have been
 * copied by then. Errors as above, and EAGAIN: too many are under way; reap and try again.
 * VIRTIO_ACCEL_IOC_REAP takes answered requests and writes their replies; it never sleeps. The process
 * must be the one that submitted them. poll(2) and the like find the file readable when there is
 * one to reap. They tell at once of requests with VIRTIO_ACCEL_SUBMIT_NOTIFY, of others after
 * VIRTIO_ACCEL_IOC_REAP has found none.
 */
#define VIRTIO_ACCEL_IOC_INFO	_IOR(0xAC, 0x00, struct virtio_accel_info)
#define VIRTIO_ACCEL_IOC_CALL	_IOWR(0xAC, 0x01, struct virtio_accel_call)
#define VIRTIO_ACCEL_IOC_SUBMIT	_IOW(0xAC, 0x02, struct virtio_accel_submit)
#define VIRTIO_ACCEL_IOC_REAP	_IOWR(0xAC, 0x03, struct virtio_accel_reap)

/**
 * struct virtio_accel_memory - argument of VIRTIO_ACCEL_IOC_MEMORY_*
 * @size:      ALLOC: bytes, not 0; out: rounded up to whole pages. Else 0.
 * @id:        chosen by the program, not 0
 * @nr_blocks: ALLOC, out: physically contiguous blocks. Else 0.
 * @status:    out: struct virtio_accel_resp.status
 * @reserved:  0
 */
struct virtio_accel_memory {
	__u64 size;
	__u32 id;
	__u32 nr_blocks;
	__u32 status;
	__u32 reserved;
};

/*
 * Registered memory belongs to the open file. ALLOC takes memory that consists of as large blocks as
 * there are, registers it with the device, and keeps it if the device agrees (@status 0). Then
 * mmap(2) of the file with MAP_SHARED, at @id times the page size, maps it. FREE unregisters it; its
 * pages stay as long as a mapping or a call uses them. REGISTER registers it anew, for a device
 * that has lost it (VIRTIO_ACCEL_S_STALE as the status of a call).
 *
 * Errors as above, and: EOPNOTSUPP (the device has no registered memory), ENOMEM (also when the
 * module's limit is reached), EEXIST (ALLOC: the file has this id), ENOENT (it has not; also as an
 * error of VIRTIO_ACCEL_IOC_CALL), EBUSY (a process was killed while the memory was registered:
 * only closing the file frees it).
 */
#define VIRTIO_ACCEL_IOC_MEMORY_ALLOC	_IOWR(0xAC, 0x10, struct virtio_accel_memory)
#define VIRTIO_ACCEL_IOC_MEMORY_FREE	_IOWR(0xAC, 0x11, struct virtio_accel_memory)
#define VIRTIO_ACCEL_IOC_MEMORY_REGISTER _IOWR(0xAC, 0x12, struct virtio_accel_memory)

#endif
