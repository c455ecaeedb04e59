/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front end's side of the vhost-user protocol: one message at a time, each with a time limit.
 *
 * Functions return 0 or a positive errno value: ENODEV when the back end has gone, ETIMEDOUT when
 * it does not answer in time, EPROTO when its answer makes no sense or is a refusal, EUSERS when the
 * back end has said why it has no place for us. After any of these the connection can only be closed. One thread at a time may use a connection.
 */
#ifndef VIRTIO_NATIVE_PROTO_H
#define VIRTIO_NATIVE_PROTO_H

#include <stddef.h>
#include <stdint.h>

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_LOG_BASE = 6,
	VU_SET_LOG_FD = 7,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
	VU_RESET_DEVICE = 34,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
	VU_SET_STATUS = 39,
	VU_GET_STATUS = 40,
};

/* Header flags: the version in bits 0 and 1 */
#define VU_VERSION		1u
#define VU_VERSION_MASK		3u
#define VU_REPLY		(1u << 2)
#define VU_NEED_REPLY		(1u << 3)

/* Feature bit that announces protocol features, and these */
#define VU_F_PROTOCOL_FEATURES	30
#define VU_P_MQ			0
#define VU_P_REPLY_ACK		3
#define VU_P_CONFIG		9

#define VU_MAX_CONFIG		256
#define VU_MAX_REGIONS		8
#define VU_MAX_FDS		8
#define VU_INDEX_MASK		0xffu
#define VU_NO_FD		(1u << 8)

struct vu_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vu_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;		/* addresses in the front end's address space */
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vu_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t offset;	/* in the file whose descriptor comes along */
};

struct vu_memory {
	uint32_t nr_regions;
	uint32_t padding;
	struct vu_region regions[VU_MAX_REGIONS];
};

struct vu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VU_MAX_CONFIG];
};

/** struct vu_msg - a message; fields in the byte order of the machine that both ends are on */
struct vu_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size;		/* of the payload that follows */
	union {
		uint64_t u64;
		struct vu_vring_state state;
		struct vu_vring_addr addr;
		struct vu_memory memory;
		struct vu_config config;
		uint8_t bytes[288];
	} __attribute__((packed));
} __attribute__((packed));

#define VU_HEADER_SIZE		offsetof(struct vu_msg, u64)

/** struct vu_conn - a connection; @timeout_ms bounds every send and every wait for an answer */
struct vu_conn {
	int fd;
	int timeout_ms;
	uint64_t protocol_features;	/* acknowledged; set by the owner */
	uint64_t refusal, refusal_number; /* with EUSERS, see transport/refusal.h */
};

/** vu_connect() - connects to a listening unix socket; waits for room in its backlog if need be */
int vu_connect(struct vu_conn *c, const char *path, int timeout_ms);

/** vu_close() - closes the connection; nothing happens if it is closed already (@fd is -1) */
void vu_close(struct vu_conn *c);

/** vu_send() - sends header and @m->size bytes of payload, and @nr_fds descriptors with them */
int vu_send(struct vu_conn *c, const struct vu_msg *m, const int *fds, size_t nr_fds);

/** vu_recv() - receives the answer to @request; any descriptors with it are dropped */
int vu_recv(struct vu_conn *c, uint32_t request, struct vu_msg *m);

/** vu_get_u64() - asks for a number */
int vu_get_u64(struct vu_conn *c, uint32_t request, uint64_t *value);

/**
 * vu_set() - sends a message, and waits for its acknowledgement where the back end gives one
 *
 * Without the protocol feature REPLY_ACK a failure shows only at a later message.
 */
int vu_set(struct vu_conn *c, struct vu_msg *m, const int *fds, size_t nr_fds);

/** vu_set_u64() - vu_set() with a number, and one descriptor unless @fd is -1 */
int vu_set_u64(struct vu_conn *c, uint32_t request, uint64_t value, int fd);

/** vu_set_state() - vu_set() with a ring's index and a number */
int vu_set_state(struct vu_conn *c, uint32_t request, uint32_t index, uint32_t num);

/** vu_get_config() - reads @len bytes (at most VU_MAX_CONFIG) of configuration space */
int vu_get_config(struct vu_conn *c, uint32_t offset, void *data, uint32_t len);

/** vu_get_vring_base() - stops a ring; @base receives the index that it would go on from */
int vu_get_vring_base(struct vu_conn *c, uint32_t index, uint32_t *base);

#endif
