// SPDX-License-Identifier: Apache-2.0
#include "inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct inflight_area *map_area(int fd)
{
	void *area = mmap(NULL, sizeof(struct inflight_area), PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);

	if (area == MAP_FAILED)
		return NULL;
	/* A copy in a plugin's child could only do harm. */
	madvise(area, sizeof(struct inflight_area), MADV_DONTFORK);
	return area;
}

struct inflight_area *inflight_area_create(int *fd)
{
	struct inflight_area *area = NULL;
	int saved_errno;

	*fd = memfd_create("vaccel-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	/* Sealed, so that the worker cannot make the supervisor fault by truncating it. */
	if (ftruncate(*fd, sizeof(*area)) == 0 &&
	    fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		area = map_area(*fd);
	if (area) {
		area->layout = INFLIGHT_LAYOUT;
	} else {
		saved_errno = errno;
		close(*fd);
		*fd = -1;
		errno = saved_errno;
	}
	return area;
}

struct inflight_area *inflight_area_own(int fd)
{
	/* Goes away with the process, however that ends; other processes' do not exclude it. */
	struct flock held = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &held) < 0 ? NULL : map_area(fd);
}

struct inflight_area *inflight_area_adopt(int fd)
{
	struct flock held = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct inflight_area *area;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	/* Without the seal, whoever has the other descriptors could make us fault. */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    st.st_size != sizeof(*area)) {
		errno = EINVAL;
		return NULL;
	}
	if (fcntl(fd, F_GETLK, &held) < 0)
		return NULL;
	if (held.l_type != F_UNLCK) {
		errno = EBUSY;
		return NULL;
	}
	area = map_area(fd);
	if (area && area->layout != INFLIGHT_LAYOUT) {
		inflight_area_unmap(area);
		area = NULL;
		errno = EINVAL;
	}
	return area;
}

void inflight_area_unmap(struct inflight_area *area)
{
	if (area)
		munmap(area, sizeof(*area));
}

void inflight_queue_init(struct inflight_queue *q, uint16_t used_idx)
{
	for (unsigned int i = 0; i < QUEUE_MAX_SIZE; i++)
		atomic_store(&q->heads[i].state, INFLIGHT_FREE);
	/* As after a push that was finished. */
	atomic_store(&q->push, inflight_push_word((uint16_t)(used_idx - 1), 0, 0));
	atomic_store(&q->used_idx, used_idx);
}

unsigned int inflight_count(const struct inflight_queue *q, uint16_t size)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < size; i++)
		nr += atomic_load(&q->heads[i].state) != INFLIGHT_FREE;
	return nr;
}
