/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the device: every op and every control operation goes through here. */
#ifndef VIRTIO_REMOTE_H
#define VIRTIO_REMOTE_H

#include <stdatomic.h>

#include "transport/clock.h"
#include "wire/codec.h"
#include "vaccel/async.h"

struct remote_link;

/**
 * remote_call() - runs an entry of the table on the host
 * @sess:    its session, or the one whose connection it is about; NULL: the present connection
 * @op:      code of the entry
 * @vals:    one value for each parameter; resources as struct vaccel_resource *
 *
 * Return: the result of the op on the host, or VACCEL_E* of the way there (ESESS: the session was
 * lost; EINVAL, ENOMEM: the call cannot be sent; ENODEV: no device now, and none could be opened).
 */
int remote_call(struct vaccel_session *sess, uint16_t op, const union vop_val *vals);

/* What a call's spans are made of: times in ns of CLOCK_MONOTONIC, 0 without a trace. See trace.c. */
struct remote_trace {
	uint64_t begun;
	uint64_t sent;
	uint64_t answered;
	uint64_t async; /* what an asynchronous call has for itself */
	bool asked;	/* for the host's times */
	bool has_times;
	struct vop_times times; /* of the host's clock */
};

/* One call, in two steps. Small calls allocate nothing. */
struct remote_call {
	struct vaccel_session *sess;
	struct remote_link *link; /* the session's, or held */
	struct remote_link *held;
	const struct vop_desc *desc;
	int64_t model; /* id on the wire */
	void *const *tensors;
	uint64_t nr_outputs;
	enum vop_framework framework;
	struct remote_trace trace;
	union vop_val wire[VOP_MAX_PARAMS];
	struct vop_encoder encoder;
	uint8_t *reply;
	uint32_t reply_len;
	uint8_t reply_buf[VOP_MESSAGE_ROOM] __attribute__((aligned(8)));
};

/**
 * remote_call_begin() - makes the message, the segments and room for the reply
 * @c: overwritten; may be moved nowhere
 *
 * Parameters as remote_call(). Return: 0, and remote_call_end() or _release() must follow; or VACCEL_E*.
 */
int remote_call_begin(struct remote_call *c, struct vaccel_session *sess, uint16_t op,
		      const union vop_val *vals);

/**
 * remote_call_end() - makes the outputs
 * @ret:    what the transport said
 * @status: the device's, if that was 0
 *
 * Return: as remote_call().
 */
int remote_call_end(struct remote_call *c, int ret, uint32_t status);

/** remote_call_release() - frees what a call holds that was not sent */
void remote_call_release(struct remote_call *c);

/* Asynchronous calls: async.c. Freed: what is kept for later calls. */
extern const struct vaccel_async_ops remote_async_ops;
void remote_async_release(void);

/*
 * The control operations as functions, named remote_SESSION_INIT() and so on; parameters as in the
 * table, after the session as for remote_call().
 */
#define X_REMOTE_CONTROL(NAME, number)                                                            \
	static inline int remote_##NAME(struct vaccel_session *sess VOP_PROTO(NAME))              \
	{                                                                                         \
		union vop_val vals[] = VOP_VALS(NAME);                                            \
                                                                                                  \
		return remote_call(sess, number, vals);                                           \
	}
CONTROL_OPS(X_REMOTE_CONTROL)

/* How to make the program's times from the host's, of one session */
struct remote_clock {
	bool known;
	int64_t offset; /* ns that are to be added */
	uint64_t error; /* ns by which that may be wrong, when it was measured */
};

/* The plugin's part of a session */
struct remote_session {
	struct remote_link *link; /* that it was made in */
	atomic_bool told;	  /* that it was lost */
	pthread_mutex_t lock;
	struct remote_clock clock;
	atomic_bool tells_times; /* the host does, and clock is known */
	/* Of a model's last run, so that the next run can have buffers ready. */
	struct out_sizes *out_sizes;
};

/** remote_session_new() - one in the present connection. Return: it, or NULL: out of memory */
struct remote_session *remote_session_new(void);
void remote_session_delete(struct remote_session *rs);

/** remote_setting() - a number of the environment; anything else than one within limits is logged, and @fallback */
unsigned int remote_setting(const char *name, unsigned int min, unsigned int max, unsigned int fallback);

/* Hooks of the plugin for resources; see struct vaccel_plugin_info. */
int remote_resource_register(struct vaccel_resource *res, struct vaccel_session *sess);
int remote_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess);
int remote_resource_sync(struct vaccel_resource *res, struct vaccel_session *sess);

/*
 * What a file of a resource contains, a piece at a time. Files are read and not mapped: one that becomes
 * shorter meanwhile is an error then, not a signal.
 */
struct remote_file {
	uint64_t size;
	const uint8_t *data; /* all of it, or NULL */
	int fd;		     /* else: where it is */
	uint8_t *buffer;     /* for a piece of REMOTE_FILE_PIECE bytes */
};

#define REMOTE_FILE_PIECE ((uint64_t)4 << 20)

/**
 * remote_file_open() - opens the content of a blob
 * @c: overwritten; remote_file_close() it
 *
 * Return: 0, or VACCEL_E* after logging.
 */
int remote_file_open(struct remote_file *c, const struct vaccel_blob *blob);
void remote_file_close(struct remote_file *c);

/**
 * remote_file_get() - reads a piece
 * @len: REMOTE_FILE_PIECE bytes at most
 * @out: receives where it is, until the next remote_file_get()
 *
 * Return: 0, or VACCEL_EIO after logging: the file is shorter than it was, or cannot be read.
 */
int remote_file_get(struct remote_file *c, uint64_t offset, uint64_t len, const uint8_t **out);

/** remote_resources_forget() - for the child of fork(): the sessions that use resources are not its own */
void remote_resources_forget(void);

/** claim_init() - asks the host for files that it may have, unless VACCEL_VIRTIO_CACHE is 0 */
void claim_init(void);

/**
 * remote_claim() - lets the host fill in a file that it has from an earlier resource
 * @sess:     whose connection it is
 * @resource: on the wire; its file @index was added, and nothing of it was written
 * @file:     the content of the file
 *
 * Return: 0 when the file is complete. Anything else: it is as it was, and is to be sent.
 */
int remote_claim(struct vaccel_session *sess, int64_t resource, uint32_t index, struct remote_file *file);

/**
 * remote_trace_session() - measures the host's clock in a session that begins, if there is a trace
 *
 * A host that cannot tell its times has none in the trace, which is said once.
 */
void remote_trace_session(struct vaccel_session *sess);

/**
 * remote_trace_ask(), remote_trace_end() - steps of a call whose trace.begun is not 0
 *
 * When the message is made, and when the outputs are.
 */
void remote_trace_ask(struct remote_call *c);
void remote_trace_end(struct remote_call *c, int result);

/** remote_trace_time() - the time now for the spans of a call; 0 where it has none */
static inline uint64_t remote_trace_time(const struct remote_call *c)
{
	return c->trace.begun ? vaccel_trace_now() : 0;
}

/*
 * Profiling: remote_profile_add() fetches what the host measured in a session that is about to end,
 * remote_profile_log() logs the sums over all sessions so far and starts anew. Both do nothing when
 * profiling is off.
 */
void remote_profile_add(struct vaccel_session *sess);
void remote_profile_log(void);

#endif
