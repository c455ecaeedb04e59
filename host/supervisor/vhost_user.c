// SPDX-License-Identifier: Apache-2.0
#include "vhost_user.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdpass.h"
#include "log.h"

#define FLAG_VERSION_MASK 0x3u
#define FLAG_VERSION 0x1u
#define FLAG_REPLY 0x4u
#define FLAG_NEED_REPLY 0x8u

#define F_PROTOCOL_FEATURES 30
#define OFFERED_FEATURES                                                                           \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |          \
	 UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << F_PROTOCOL_FEATURES |            \
	 UINT64_C(1) << VIRTIO_ACCEL_F_MEMORY)

#define PROTOCOL_F_MQ 0
#define PROTOCOL_F_REPLY_ACK 3
#define PROTOCOL_F_CONFIG 9
#define PROTOCOL_F_INFLIGHT_SHMFD 12
#define PROTOCOL_F_RESET_DEVICE 13
#define PROTOCOL_F_CONFIGURE_MEM_SLOTS 15
#define OFFERED_PROTOCOL_FEATURES                                                                  \
	(UINT64_C(1) << PROTOCOL_F_MQ | UINT64_C(1) << PROTOCOL_F_REPLY_ACK |                      \
	 UINT64_C(1) << PROTOCOL_F_CONFIG | UINT64_C(1) << PROTOCOL_F_INFLIGHT_SHMFD |             \
	 UINT64_C(1) << PROTOCOL_F_RESET_DEVICE | UINT64_C(1) << PROTOCOL_F_CONFIGURE_MEM_SLOTS)

#define CONFIG_SPACE_SIZE 256
#define MEM_TABLE_REGIONS 8

/* Payloads. All fields are in the machine's own byte order. */

struct region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uaddr;
	uint64_t offset;
};

struct mem_table {
	uint32_t nr;
	uint32_t padding;
	struct region regions[MEM_TABLE_REGIONS];
};

struct mem_region {
	uint64_t padding;
	struct region region;
};

struct vring_state {
	uint32_t index;
	uint32_t num;
};

struct vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

/* SET_VRING_KICK and its kind: a u64 */
#define VRING_FD_INDEX_MASK 0xffu
#define VRING_FD_NONE 0x100u

struct config_space {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[CONFIG_SPACE_SIZE];
};

/* Some front ends send it without the padding at its end. */
struct inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t num_queues;
	uint16_t queue_size;
};
#define INFLIGHT_MIN_SIZE 20

_Static_assert(sizeof(struct inflight) == 24, "layout");
_Static_assert(sizeof(struct mem_table) == 264, "layout");
_Static_assert(sizeof(struct mem_region) == 40, "layout");
_Static_assert(sizeof(struct vring_addr) == 40, "layout");
_Static_assert(sizeof(struct config_space) == 268, "layout");

/*
 * Every message that is known: name, number, whether it is answered with a payload (so that silence
 * would leave the front end waiting), smallest and largest payload, fewest and most descriptors.
 * What its handler may rely on is checked from here.
 */
#define CONFIG_HEADER offsetof(struct config_space, data)
#define MESSAGES(X)									\
	X(get_features, 1, true, 0, 0, 0, 0)						\
	X(set_features, 2, false, 8, 8, 0, 0)						\
	X(set_owner, 3, false, 0, 0, 0, 0)						\
	X(reset_owner, 4, false, 0, 0, 0, 0)						\
	X(set_mem_table, 5, false, 8, sizeof(struct mem_table), 0, MEM_TABLE_REGIONS)	\
	X(set_vring_num, 8, false, 8, 8, 0, 0)						\
	X(set_vring_addr, 9, false, 40, 40, 0, 0)					\
	X(set_vring_base, 10, false, 8, 8, 0, 0)					\
	X(get_vring_base, 11, true, 8, 8, 0, 0)						\
	X(set_vring_kick, 12, false, 8, 8, 0, 1)					\
	X(set_vring_call, 13, false, 8, 8, 0, 1)					\
	X(set_vring_err, 14, false, 8, 8, 0, 1)						\
	X(get_protocol_features, 15, true, 0, 0, 0, 0)					\
	X(set_protocol_features, 16, false, 8, 8, 0, 0)					\
	X(get_queue_num, 17, true, 0, 0, 0, 0)						\
	X(set_vring_enable, 18, false, 8, 8, 0, 0)					\
	X(get_config, 24, true, CONFIG_HEADER, sizeof(struct config_space), 0, 0)	\
	X(set_config, 25, false, CONFIG_HEADER, sizeof(struct config_space), 0, 0)	\
	X(get_inflight_fd, 31, true, INFLIGHT_MIN_SIZE, sizeof(struct inflight), 0, 0)	\
	X(set_inflight_fd, 32, false, INFLIGHT_MIN_SIZE, sizeof(struct inflight), 1, 1)	\
	X(reset_device, 34, false, 0, 0, 0, 0)						\
	X(get_max_mem_slots, 36, true, 0, 0, 0, 0)					\
	X(add_mem_reg, 37, false, 40, 40, 1, 1)						\
	X(rem_mem_reg, 38, false, 40, 40, 0, 1)

/*
 * Handlers return 0 or a negative errno value, which becomes the acknowledgement where the front
 * end asked for one; or REPLY when the payload and header.size now are a reply. They take the
 * descriptors that they keep with take_fd(); all others are closed behind them.
 */
#define REPLY 1

static int take_fd(struct vhost_user *vu, unsigned int at)
{
	int fd = vu->fds[at];

	vu->fds[at] = -1;
	return fd;
}

static int reply_u64(struct vhost_user *vu, uint64_t value)
{
	memcpy(vu->payload, &value, sizeof(value));
	vu->header.size = sizeof(value);
	return REPLY;
}

static uint64_t get_u64(const struct vhost_user *vu)
{
	uint64_t value;

	memcpy(&value, vu->payload, sizeof(value));
	return value;
}

static bool index_ok(struct vhost_user *vu, uint32_t index)
{
	if (index < vu->dev->opts.num_queues)
		return true;
	if (!vu->warned_index)
		log_warn("the front end uses queue %u, but there are %u: start QEMU with "
			 "num_vqs=%u, or this process with --num-queues",
			 index, vu->dev->opts.num_queues, vu->dev->opts.num_queues);
	vu->warned_index = true;
	return false;
}

static int get_features(struct vhost_user *vu)
{
	return reply_u64(vu, OFFERED_FEATURES);
}

static int set_features(struct vhost_user *vu)
{
	uint64_t features = get_u64(vu);

	if (features & ~OFFERED_FEATURES) {
		log_warn("the front end wants features that were not offered: 0x%llx",
			 (unsigned long long)(features & ~OFFERED_FEATURES));
		return -EINVAL;
	}
	device_set_features(vu->dev, features, features >> F_PROTOCOL_FEATURES & 1);
	return 0;
}

static int set_owner(struct vhost_user *vu)
{
	(void)vu;
	return 0;
}

/* Deprecated; ignoring it is what the specification recommends. */
static int reset_owner(struct vhost_user *vu)
{
	(void)vu;
	return 0;
}

static struct control_mem region_of(const struct region *r)
{
	return (struct control_mem){ r->gpa, r->size, r->uaddr, r->offset };
}

static int set_mem_table(struct vhost_user *vu)
{
	struct control_mem regions[MEM_TABLE_REGIONS];
	int fds[MEM_TABLE_REGIONS];
	struct mem_table table = { 0 };

	memcpy(&table, vu->payload, vu->header.size);
	if (table.nr > MEM_TABLE_REGIONS || table.nr != vu->nr_fds)
		return -EINVAL;
	if (vu->header.size < offsetof(struct mem_table, regions[table.nr]))
		return -EINVAL;
	for (uint32_t i = 0; i < table.nr; i++) {
		regions[i] = region_of(&table.regions[i]);
		fds[i] = take_fd(vu, i);
	}
	return device_set_regions(vu->dev, regions, fds, table.nr);
}

static int add_mem_reg(struct vhost_user *vu)
{
	const struct mem_region *m = (const void *)vu->payload;
	struct control_mem region = region_of(&m->region);

	return device_add_region(vu->dev, &region, take_fd(vu, 0));
}

static int rem_mem_reg(struct vhost_user *vu)
{
	const struct mem_region *m = (const void *)vu->payload;
	struct control_mem region = region_of(&m->region);

	return device_remove_region(vu->dev, &region);
}

static int get_max_mem_slots(struct vhost_user *vu)
{
	return reply_u64(vu, MEMORY_MAX_REGIONS);
}

static int set_vring_num(struct vhost_user *vu)
{
	const struct vring_state *s = (const void *)vu->payload;

	return index_ok(vu, s->index) ? device_set_queue_size(vu->dev, s->index, s->num) : -EINVAL;
}

static int set_vring_addr(struct vhost_user *vu)
{
	const struct vring_addr *a = (const void *)vu->payload;

	if (!index_ok(vu, a->index))
		return -EINVAL;
	return device_set_queue_addr(vu->dev, a->index, a->desc, a->avail, a->used);
}

static int set_vring_base(struct vhost_user *vu)
{
	const struct vring_state *s = (const void *)vu->payload;

	return index_ok(vu, s->index) ? device_set_queue_base(vu->dev, s->index, s->num) : -EINVAL;
}

static int get_vring_base(struct vhost_user *vu)
{
	struct vring_state *s = (void *)vu->payload;

	/* QEMU waits for this answer, so there is one for a queue that does not exist too. */
	s->num = index_ok(vu, s->index) ? device_stop_queue(vu->dev, s->index) : 0;
	return REPLY;
}

static int set_vring_fd(struct vhost_user *vu,
			int (*set)(struct device *dev, unsigned int index, int fd))
{
	uint64_t value = get_u64(vu);
	uint32_t index = value & VRING_FD_INDEX_MASK;

	if (value & ~(uint64_t)(VRING_FD_INDEX_MASK | VRING_FD_NONE) || !index_ok(vu, index))
		return -EINVAL;
	if (vu->nr_fds != !(value & VRING_FD_NONE))
		return -EINVAL;
	return set(vu->dev, index, vu->nr_fds ? take_fd(vu, 0) : -1);
}

static int set_vring_kick(struct vhost_user *vu)
{
	return set_vring_fd(vu, device_set_queue_kick);
}

static int set_vring_call(struct vhost_user *vu)
{
	return set_vring_fd(vu, device_set_queue_call);
}

static int set_vring_err(struct vhost_user *vu)
{
	return set_vring_fd(vu, device_set_queue_err);
}

static int set_vring_enable(struct vhost_user *vu)
{
	const struct vring_state *s = (const void *)vu->payload;

	if (!index_ok(vu, s->index) || s->num > 1)
		return -EINVAL;
	return device_enable_queue(vu->dev, s->index, s->num);
}

static int get_protocol_features(struct vhost_user *vu)
{
	return reply_u64(vu, OFFERED_PROTOCOL_FEATURES);
}

static int set_protocol_features(struct vhost_user *vu)
{
	uint64_t features = get_u64(vu);

	if (features & ~OFFERED_PROTOCOL_FEATURES)
		return -EINVAL;
	vu->protocol_features = features;
	return 0;
}

static int get_queue_num(struct vhost_user *vu)
{
	return reply_u64(vu, vu->dev->opts.num_queues);
}

static int get_config(struct vhost_user *vu)
{
	struct config_space *c = (void *)vu->payload;

	if (c->offset > CONFIG_SPACE_SIZE || c->size > CONFIG_SPACE_SIZE - c->offset) {
		/* The specification's way to say no. */
		vu->header.size = 0;
		return REPLY;
	}
	device_config(vu->dev, c->offset, c->data, c->size);
	vu->header.size = (uint32_t)CONFIG_HEADER + c->size;
	return REPLY;
}

/* Nothing in the configuration space can be written. */
static int set_config(struct vhost_user *vu)
{
	(void)vu;
	return 0;
}

static int get_inflight_fd(struct vhost_user *vu)
{
	struct inflight *i = (void *)vu->payload;

	i->size = 0;
	i->offset = 0;
	if (i->num_queues > vu->dev->opts.num_queues || i->queue_size > QUEUE_MAX_SIZE)
		return REPLY;
	i->size = sizeof(struct inflight_area);
	vu->reply_fd = device_share_inflight(vu->dev);
	return REPLY;
}

static int set_inflight_fd(struct vhost_user *vu)
{
	const struct inflight *i = (const void *)vu->payload;

	/*
	 * Queues that started without would answer some requests twice and others never. Without
	 * the connection the front end tries again, if it can.
	 */
	if (i->size != sizeof(struct inflight_area) || i->offset)
		return -EPROTO;
	return device_adopt_inflight(vu->dev, take_fd(vu, 0)) ? -EPROTO : 0;
}

static int reset_device(struct vhost_user *vu)
{
	device_reset(vu->dev);
	return 0;
}

struct message {
	const char *name;
	bool answered;
	uint32_t min_size, max_size;
	unsigned int min_fds, max_fds;
	int (*handle)(struct vhost_user *vu);
};

#define ENTRY(name, id, answered, min_size, max_size, min_fds, max_fds) \
	[id] = { #name, answered, min_size, max_size, min_fds, max_fds, name },
static const struct message messages[] = { MESSAGES(ENTRY) };

static void close_fds(struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->nr_fds; i++)
		if (vu->fds[i] >= 0)
			close(vu->fds[i]);
	vu->nr_fds = 0;
}

static int check(const struct vhost_user *vu, const struct message *m)
{
	if (!m)
		return -EOPNOTSUPP;
	if (vu->header.size < m->min_size || vu->header.size > m->max_size) {
		log_info("vhost-user message %s has a payload of %u bytes", m->name,
			 vu->header.size);
		return -EINVAL;
	}
	if (vu->nr_fds < m->min_fds || vu->nr_fds > m->max_fds) {
		log_info("vhost-user message %s came with %u descriptors", m->name, vu->nr_fds);
		return -EINVAL;
	}
	return 0;
}

static int send_reply(struct vhost_user *vu)
{
	struct iovec iov[] = {
		{ &vu->header, sizeof(vu->header) },
		{ vu->payload, vu->header.size },
	};
	unsigned int nr_fds = vu->reply_fd >= 0;
	ssize_t n;

	vu->header.flags = FLAG_VERSION | FLAG_REPLY;
	n = fdpass_send(vu->sock, iov, 2, &vu->reply_fd, nr_fds, MSG_DONTWAIT);
	vu->reply_fd = -1;
	if (n < 0)
		return (int)n;
	/* Replies are few and small: a front end that does not read them is not worth a queue. */
	return (size_t)n == iov[0].iov_len + iov[1].iov_len ? 0 : -EAGAIN;
}

/* Counts a message that was refused, and tells the operator. */
static void report(struct vhost_user *vu, const struct message *m, int err)
{
	uint64_t nr = ++vu->dev->bad_messages;

	log_line(log_is_due(nr) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		 "vhost-user message %s (%u) was refused: %s (%llu so far)",
		 m ? m->name : "unknown", vu->header.request, strerror(-err),
		 (unsigned long long)nr);
}

static int handle_message(struct vhost_user *vu)
{
	uint32_t request = vu->header.request;
	bool need_reply = vu->header.flags & FLAG_NEED_REPLY &&
			  vu->protocol_features >> PROTOCOL_F_REPLY_ACK & 1;
	const struct message *m = NULL;
	int ret;

	if (request < sizeof(messages) / sizeof(messages[0]) && messages[request].handle)
		m = &messages[request];
	ret = check(vu, m);
	if (!ret)
		ret = m->handle(vu);
	else if (m && m->answered)
		ret = -EPROTO;
	close_fds(vu);

	if (ret < 0)
		report(vu, m, ret);
	if (ret == -EPROTO)
		return ret;
	if (ret == REPLY)
		return send_reply(vu);
	if (need_reply) {
		reply_u64(vu, ret != 0);
		return send_reply(vu);
	}
	return 0;
}

/* Receives up to @len bytes and the descriptors that come with them. Return: bytes, or -errno. */
static ssize_t receive(struct vhost_user *vu, void *to, size_t len)
{
	unsigned int nr_fds;
	ssize_t n = fdpass_recv(vu->sock, (struct iovec){ to, len }, vu->fds + vu->nr_fds,
				VHOST_USER_MAX_FDS - vu->nr_fds, &nr_fds, MSG_DONTWAIT);

	vu->nr_fds += nr_fds;
	if (n == -EPROTO) {
		vu->dev->bad_messages++;
		log_warn("the front end sends more descriptors than any message has, or there are "
			 "none left for this process");
	}
	if (n < 0)
		return n;
	return n ? n : -EPIPE;
}

int vhost_user_receive(struct vhost_user *vu)
{
	size_t want = sizeof(vu->header);
	uint8_t *to = (uint8_t *)&vu->header + vu->received;
	ssize_t n;

	if (vu->received >= sizeof(vu->header)) {
		want += vu->header.size;
		to = vu->payload + (vu->received - sizeof(vu->header));
	}
	n = receive(vu, to, want - vu->received);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return (int)n;
	vu->received += (size_t)n;
	if (vu->received < want)
		return 0;

	if (want == sizeof(vu->header)) {
		if ((vu->header.flags & FLAG_VERSION_MASK) != FLAG_VERSION ||
		    vu->header.size > VHOST_USER_MAX_PAYLOAD) {
			vu->dev->bad_messages++;
			log_warn("the front end does not speak vhost-user");
			return -EPROTO;
		}
		/* The payload has come with the header; do not wait for poll() to say so. */
		memset(vu->payload, 0, sizeof(vu->payload));
		if (vu->header.size)
			return vhost_user_receive(vu);
	}
	vu->received = 0;
	return handle_message(vu);
}

void vhost_user_init(struct vhost_user *vu, struct device *dev, int sock)
{
	memset(vu, 0, sizeof(*vu));
	vu->dev = dev;
	vu->sock = sock;
	vu->reply_fd = -1;
}

void vhost_user_close(struct vhost_user *vu)
{
	close_fds(vu);
	close(vu->sock);
	vu->sock = -1;
}
