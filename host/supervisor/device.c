// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device_counters.h"
#include "device_worker.h"
#include "guard.h"
#include "log.h"
#include "request_limits.h"

void device_config(const struct device *dev, uint32_t offset, uint8_t *to, uint32_t len)
{
	const struct virtio_accel_config config = {
		.magic = htole32(VIRTIO_ACCEL_MAGIC),
		.version = htole32(VIRTIO_ACCEL_VERSION),
		.num_queues = htole32(dev->opts.num_queues),
		.max_segments = htole32(REQUEST_MAX_SEGMENTS),
		.max_message = htole32(REQUEST_MAX_MESSAGE),
		.max_reply = htole32(REQUEST_MAX_REPLY),
	};

	memset(to, 0, len);
	if (offset < sizeof(config))
		memcpy(to, (const uint8_t *)&config + offset,
		       len < sizeof(config) - offset ? len : sizeof(config) - offset);
}

void device_name_client(struct device *dev, const char *name)
{
	snprintf(dev->client, sizeof(dev->client), "%s", name);
}

/* Logs why what the front end asked for fails; one that keeps asking cannot fill the log. */
#define log_failure(dev, ...)                                                                      \
	log_line(log_is_due(++(dev)->failures) ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, __VA_ARGS__)

/* ---- Queues --------------------------------------------------------------------------------- */

static void replace_fd(int *fd, int with)
{
	if (*fd >= 0)
		close(*fd);
	/* Neither we nor the worker may ever wait for the other end of it. */
	if (with >= 0)
		fcntl(with, F_SETFL, fcntl(with, F_GETFL) | O_NONBLOCK);
	*fd = with;
}

struct start {
	struct device *dev;
	struct device_queue *q;
	unsigned int index;
};

static int attach(void *arg)
{
	struct start *s = arg;
	struct inflight_queue *log = &s->dev->area->queues[s->index];
	struct device_queue *q = s->q;
	int ret;

	if (q->adopted) {
		q->config.base = (uint16_t)atomic_load(&log->used_idx);
		ret = virtqueue_init(&q->vq, &s->dev->mem, &q->config, log, false);
		/* The last push may be half done (inflight.h). More: a record of other rings. */
		if (ret || (uint16_t)(virtqueue_used(&q->vq) - q->vq.used_idx) <= 1)
			return ret;
		q->adopted = false;
	}
	return virtqueue_init(&q->vq, &s->dev->mem, &q->config, log, true);
}

/* Starts a queue when nothing is missing any more. */
static int start_queue(struct device *dev, unsigned int index)
{
	struct device_queue *q = &dev->queues[index];
	struct start start = { dev, q, index };
	int ret;

	if (q->running || !q->kicked || !q->enabled || !q->config.size || !q->has_addr)
		return 0;
	if (!(dev->features >> VIRTIO_F_VERSION_1 & 1)) {
		log_failure(dev, "the guest uses the legacy interface, which this device does not "
				 "have; for virtio-mmio start QEMU with "
				 "-global virtio-mmio.force-legacy=false");
		return -ENOTSUP;
	}
	q->config.features = dev->features;
	ret = guard_call(attach, &start);
	if (ret) {
		log_failure(dev,
			    "queue %u cannot start: %s; QEMU's memory must be shared (share=on)",
			    index,
			    ret == -EFAULT ? "its rings are outside of the shared memory" :
					     strerror(-ret));
		return ret;
	}
	q->running = true;
	if (q->adopted)
		device_worker_recover_queue(dev, index);
	q->adopted = false;
	return device_worker_start_queue(dev, index);
}

/* Stops a queue; it can be started again where it was. */
static void stop_queue(struct device *dev, unsigned int index)
{
	struct device_queue *q = &dev->queues[index];

	if (!q->running)
		return;
	device_worker_stop_queue(dev, index);
	q->config.base = q->vq.last_avail;
	q->running = false;
}

/* Stops all queues for a change that the rings in guest memory must not see. */
static void pause_queues(struct device *dev)
{
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		stop_queue(dev, i);
}

static void resume_queues(struct device *dev)
{
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		start_queue(dev, i);
}

static void reset_sessions(struct device *dev)
{
	pause_queues(dev);
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		dev->queues[i].stopped_at = 0;
	device_worker_reset(dev);
	resume_queues(dev);
}

int device_set_queue_size(struct device *dev, unsigned int index, uint32_t size)
{
	if (!size || size > QUEUE_MAX_SIZE || (size & (size - 1))) {
		log_failure(dev, "queue %u has %u entries: vq_size must be a power of two and at "
				 "most %d", index, size, QUEUE_MAX_SIZE);
		return -EINVAL;
	}
	stop_queue(dev, index);
	dev->queues[index].config.size = size;
	return start_queue(dev, index);
}

int device_set_queue_addr(struct device *dev, unsigned int index, uint64_t desc, uint64_t avail,
			  uint64_t used)
{
	struct device_queue *q = &dev->queues[index];

	if (q->has_addr && q->config.desc == desc && q->config.avail == avail &&
	    q->config.used == used)
		return 0;
	stop_queue(dev, index);
	q->config.desc = desc;
	q->config.avail = avail;
	q->config.used = used;
	q->has_addr = true;
	return start_queue(dev, index);
}

int device_set_queue_base(struct device *dev, unsigned int index, uint32_t base)
{
	struct device_queue *q = &dev->queues[index];

	if (base > UINT16_MAX)
		return -EINVAL;
	stop_queue(dev, index);
	/*
	 * A VM that was paused goes on where its queues were; only a device that was reset starts
	 * at 0 again. QEMU's generic device has no other way of telling us.
	 */
	if (!base && q->stopped_at)
		reset_sessions(dev);
	q->config.base = base;
	return start_queue(dev, index);
}

int device_set_queue_kick(struct device *dev, unsigned int index, int fd)
{
	struct device_queue *q = &dev->queues[index];

	stop_queue(dev, index);
	replace_fd(&q->kick, fd);
	q->kicked = true;
	return start_queue(dev, index);
}

int device_set_queue_call(struct device *dev, unsigned int index, int fd)
{
	replace_fd(&dev->queues[index].call, fd);
	return device_worker_set_call(dev, index);
}

int device_set_queue_err(struct device *dev, unsigned int index, int fd)
{
	replace_fd(&dev->queues[index].err, fd);
	return 0;
}

int device_enable_queue(struct device *dev, unsigned int index, bool enable)
{
	dev->queues[index].enabled = enable;
	if (enable)
		return start_queue(dev, index);
	stop_queue(dev, index);
	return 0;
}

uint32_t device_stop_queue(struct device *dev, unsigned int index)
{
	struct device_queue *q = &dev->queues[index];

	stop_queue(dev, index);
	replace_fd(&q->kick, -1);
	q->kicked = false;
	q->stopped_at = q->config.base;
	return q->config.base;
}

void device_set_features(struct device *dev, uint64_t features, bool protocol_features)
{
	dev->features = features;
	dev->protocol_features = protocol_features;
	if (protocol_features)
		return;
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		device_enable_queue(dev, i, true);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static bool same_file(int fd, const struct memory_region *r)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == r->dev && st.st_ino == r->ino;
}

static struct memory_region *find_region(struct device *dev, const struct control_mem *region)
{
	for (unsigned int i = 0; i < dev->mem.nr_regions; i++) {
		struct memory_region *r = &dev->mem.regions[i];

		if (r->gpa == region->gpa && r->size == region->size && r->uaddr == region->uaddr)
			return r;
	}
	return NULL;
}

int device_add_region(struct device *dev, const struct control_mem *region, int fd)
{
	struct memory_region *known = find_region(dev, region);
	int ret;

	if (known && known->offset == region->offset && same_file(fd, known)) {
		close(fd);
		return 0;
	}
	ret = memory_add(&dev->mem, region->gpa, region->size, region->uaddr, region->offset, fd);
	if (ret) {
		log_failure(dev, "memory at 0x%llx (0x%llx bytes) cannot be mapped: %s",
			    (unsigned long long)region->gpa, (unsigned long long)region->size,
			    ret == -EFBIG ? "its file ends before" : strerror(-ret));
		return ret;
	}
	return device_worker_add_region(dev, find_region(dev, region));
}

static void remove_regions(struct device *dev, const struct control_mem *regions, unsigned int nr)
{
	if (!nr)
		return;
	/* Only a stopped queue is sure to have no operation that writes to this memory. */
	pause_queues(dev);
	for (unsigned int i = 0; i < nr; i++) {
		device_worker_remove_region(dev, &regions[i]);
		memory_remove(&dev->mem, regions[i].gpa, regions[i].size, regions[i].uaddr);
	}
	resume_queues(dev);
}

int device_remove_region(struct device *dev, const struct control_mem *region)
{
	if (!find_region(dev, region))
		return -ENOENT;
	remove_regions(dev, region, 1);
	return 0;
}

static bool is_wanted(const struct memory_region *r, const struct control_mem *regions,
		      const int *fds, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (r->gpa == regions[i].gpa && r->size == regions[i].size &&
		    r->uaddr == regions[i].uaddr && r->offset == regions[i].offset &&
		    same_file(fds[i], r))
			return true;
	return false;
}

int device_set_regions(struct device *dev, const struct control_mem *regions, int *fds,
		       unsigned int nr)
{
	struct control_mem unwanted[MEMORY_MAX_REGIONS];
	unsigned int nr_unwanted = 0;
	int ret = 0, err;

	for (unsigned int i = 0; i < dev->mem.nr_regions; i++) {
		const struct memory_region *r = &dev->mem.regions[i];

		if (!is_wanted(r, regions, fds, nr))
			unwanted[nr_unwanted++] = (struct control_mem){ r->gpa, r->size, r->uaddr,
									r->offset };
	}
	remove_regions(dev, unwanted, nr_unwanted);

	for (unsigned int i = 0; i < nr; i++) {
		err = device_add_region(dev, &regions[i], fds[i]);
		ret = ret ? ret : err;
	}
	/* Rings that the old table did not hold, and the new one does. */
	resume_queues(dev);
	return ret;
}

/* ---- The whole device ----------------------------------------------------------------------- */

void device_reset(struct device *dev)
{
	for (unsigned int i = 0; i < dev->opts.num_queues; i++) {
		device_stop_queue(dev, i);
		dev->queues[i].enabled = !dev->protocol_features;
	}
	reset_sessions(dev);
}

static void replace_area(struct device *dev, struct inflight_area *area, int fd)
{
	inflight_area_unmap(dev->area);
	close(dev->area_fd);
	dev->area = area;
	dev->area_fd = fd;
	dev->quota.counts = &area->counts;
	device_worker_set_area(dev);
}

int device_share_inflight(struct device *dev)
{
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		dev->queues[i].adopted = false;
	dev->area_shared = true;
	return dev->area_fd;
}

int device_adopt_inflight(struct device *dev, int fd)
{
	struct inflight_area *area;
	struct stat ours, theirs;
	int ret;

	if (fstat(fd, &theirs) == 0 && fstat(dev->area_fd, &ours) == 0 &&
	    theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) {
		close(fd);
		return 0;
	}
	pause_queues(dev);
	area = inflight_area_adopt(fd);
	if (!area) {
		ret = -errno;
		log_error("what the last vhost-user-accel had in flight cannot be taken over: %s",
			  ret == -EBUSY ? "its worker has not ended yet" :
			  ret == -EINVAL ? "it was of another version; reload the guest's driver" :
					   strerror(-ret));
		close(fd);
		return ret;
	}
	log_info("going on where the last vhost-user-accel was");
	replace_area(dev, area, fd);
	dev->area_shared = true;
	for (unsigned int i = 0; i < dev->opts.num_queues; i++)
		dev->queues[i].adopted = true;
	return 0;
}

/* The front end that is gone may still have the area: the next one shall not be at its mercy. */
static void renew_area(struct device *dev)
{
	struct inflight_area *area;
	int fd;

	if (!dev->area_shared)
		return;
	area = inflight_area_create(&fd);
	if (!area) {
		log_error("cannot make shared memory: %s", strerror(errno));
		return;
	}
	area->generation = dev->area->generation;
	memcpy(&area->counts, &dev->area->counts, sizeof(area->counts));
	for (unsigned int i = 0; i < dev->opts.num_queues; i++) {
		const struct inflight_queue *old = &dev->area->queues[i];

		atomic_store(&area->queues[i].requests, atomic_load(&old->requests));
		atomic_store(&area->queues[i].malformed, atomic_load(&old->malformed));
	}
	dev->area_shared = false;
	replace_area(dev, area, fd);
}

void device_disconnect(struct device *dev)
{
	/* What is never again as it is now */
	device_counters_update(dev);
	/* Its operations are not waited for: a worker that is killed for them is that of others, too. */
	if (device_worker_leave(dev))
		for (unsigned int i = 0; i < dev->opts.num_queues; i++)
			dev->queues[i].running = false;
	device_reset(dev);
	while (dev->mem.nr_regions) {
		const struct memory_region *r = &dev->mem.regions[0];
		const struct control_mem region = { r->gpa, r->size, r->uaddr, r->offset };

		remove_regions(dev, &region, 1);
	}
	for (unsigned int i = 0; i < dev->opts.num_queues; i++) {
		struct device_queue *q = &dev->queues[i];

		replace_fd(&q->call, -1);
		replace_fd(&q->err, -1);
		memset(q, 0, sizeof(*q));
		q->kick = -1;
		q->call = -1;
		q->err = -1;
	}
	dev->features = 0;
	dev->protocol_features = false;
	dev->failures = 0;
	renew_area(dev);
}

int device_init(struct device *dev, const struct device_options *opts)
{
	memset(dev, 0, sizeof(*dev));
	dev->opts = *opts;
	child_init(&dev->worker);
	for (unsigned int i = 0; i < VIRTIO_ACCEL_MAX_QUEUES; i++) {
		dev->queues[i].kick = -1;
		dev->queues[i].call = -1;
		dev->queues[i].err = -1;
	}
	return device_worker_init(dev);
}

void device_exit(struct device *dev)
{
	device_disconnect(dev);
	device_worker_exit(dev);
	counters_unmap(dev->counters, sizeof(*dev->counters));
}
