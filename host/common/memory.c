// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Index of the first region that ends behind gpa. */
static unsigned int lower_bound(const struct memory *mem, uint64_t gpa)
{
	unsigned int lo = 0, hi = mem->nr_regions;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;
		const struct memory_region *r = &mem->regions[mid];

		if (gpa >= r->gpa && gpa - r->gpa >= r->size)
			lo = mid + 1;
		else if (gpa >= r->gpa)
			return mid;
		else
			hi = mid;
	}
	return lo;
}

/*
 * The size of a file's pages. That of huge pages is st_blksize, but a tmpfs says the same when it may take
 * huge pages where they fit: then single pages can be mapped.
 */
static uint64_t page_of(int fd, uint64_t block)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *map;

	if (block <= page || (block & (block - 1)))
		return page;
	map = mmap(NULL, page, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)page);
	if (map == MAP_FAILED)
		return block;
	munmap(map, page);
	return page;
}

static int map_region(struct memory_region *r)
{
	uint64_t end, align, skip;
	struct stat st;

	if (fstat(r->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (__builtin_add_overflow(r->offset, r->size, &end))
		return -EINVAL;
	/* Memory behind the file's end raises SIGBUS. Truncation later: see guard.h. */
	if (st.st_size < 0 || end > (uint64_t)st.st_size)
		return -EFBIG;

	align = r->page = page_of(r->fd, st.st_blksize > 0 ? (uint64_t)st.st_blksize : 0);
	skip = r->offset & (align - 1);
	if (__builtin_add_overflow(r->size, skip, &r->map_len) ||
	    __builtin_add_overflow(r->map_len, align - 1, &r->map_len))
		return -EINVAL;
	r->map_len &= ~(align - 1);

	r->map = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->fd,
		      (off_t)(r->offset - skip));
	if (r->map == MAP_FAILED)
		return -errno;
	/* Guest memory has no business in a core file, nor in the children of an operation. */
	madvise(r->map, r->map_len, MADV_DONTDUMP);
	madvise(r->map, r->map_len, MADV_DONTFORK);
	r->base = (uint8_t *)r->map + skip;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	return 0;
}

static bool is_huge(const struct memory_region *r)
{
	return r->page > (uint64_t)sysconf(_SC_PAGESIZE);
}

int memory_add(struct memory *mem, uint64_t gpa, uint64_t size, uint64_t uaddr, uint64_t offset,
	       int fd)
{
	struct memory_region r = { gpa, size, uaddr, offset, .fd = fd };
	uint64_t end;
	unsigned int at;
	int ret = -EINVAL;

	if (fd < 0)
		return -EINVAL;
	if (!size || size > SIZE_MAX / 2 || __builtin_add_overflow(gpa, size - 1, &end) ||
	    __builtin_add_overflow(uaddr, size - 1, &end))
		goto fail;
	ret = -ENOSPC;
	if (mem->nr_regions == MEMORY_MAX_REGIONS)
		goto fail;
	at = lower_bound(mem, gpa);
	ret = -EEXIST;
	if (at < mem->nr_regions && mem->regions[at].gpa <= gpa + (size - 1))
		goto fail;
	ret = map_region(&r);
	if (ret)
		goto fail;

	memmove(&mem->regions[at + 1], &mem->regions[at],
		(mem->nr_regions - at) * sizeof(mem->regions[0]));
	mem->regions[at] = r;
	mem->nr_regions++;
	/* They do not overlap, so the sum fits. */
	mem->size += size;
	mem->nr_huge += is_huge(&r);
	return 0;
fail:
	close(fd);
	return ret;
}

static void drop(struct memory *mem, unsigned int at)
{
	struct memory_region *r = &mem->regions[at];

	munmap(r->map, r->map_len);
	close(r->fd);
	mem->size -= r->size;
	mem->nr_regions--;
	mem->nr_huge -= is_huge(r);
	memmove(r, r + 1, (mem->nr_regions - at) * sizeof(*r));
}

int memory_remove(struct memory *mem, uint64_t gpa, uint64_t size, uint64_t uaddr)
{
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct memory_region *r = &mem->regions[i];

		if (r->gpa == gpa && r->size == size && r->uaddr == uaddr) {
			drop(mem, i);
			return 0;
		}
	}
	return -ENOENT;
}

void memory_clear(struct memory *mem)
{
	while (mem->nr_regions)
		drop(mem, mem->nr_regions - 1);
}

static const struct memory_region *region_at(const struct memory *mem, const void *addr)
{
	uintptr_t at = (uintptr_t)addr;

	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct memory_region *r = &mem->regions[i];

		if (at >= (uintptr_t)r->map && at - (uintptr_t)r->map < r->map_len)
			return r;
	}
	return NULL;
}

uint64_t memory_page(const struct memory *mem, const void *addr)
{
	const struct memory_region *r = addr ? region_at(mem, addr) : NULL;

	return r ? r->page : (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Huge pages are mapped from their file: the kernel does not duplicate their mappings. */
static bool map_file_again(const struct memory_region *r, const void *start, size_t len, void *at)
{
	off_t offset = (off_t)(r->offset - (uint64_t)(r->base - (uint8_t *)r->map)) +
		       ((const uint8_t *)start - (const uint8_t *)r->map);

	if (mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, r->fd,
		 offset) == MAP_FAILED)
		return false;
	/* As the region itself */
	madvise(at, len, MADV_DONTDUMP);
	madvise(at, len, MADV_DONTFORK);
	return true;
}

bool memory_map_again(const struct memory *mem, const void *start, size_t len, void *at)
{
	const struct memory_region *r = mem->nr_huge ? region_at(mem, start) : NULL;

	if (r && is_huge(r))
		return map_file_again(r, start, len, at);
	/* An old size of 0 makes a second mapping of what is shared. */
	return mremap((void *)(uintptr_t)start, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED;
}

uint64_t memory_size(const struct memory *mem)
{
	return mem->size;
}

void *memory_at_uaddr(const struct memory *mem, uint64_t uaddr, uint64_t len)
{
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct memory_region *r = &mem->regions[i];

		if (uaddr >= r->uaddr && uaddr - r->uaddr < r->size)
			return len <= r->size - (uaddr - r->uaddr) ? r->base + (uaddr - r->uaddr) :
								     NULL;
	}
	return NULL;
}

ssize_t memory_translate(const struct memory *mem, uint64_t gpa, uint64_t len, struct iovec *iov,
			 size_t nr, size_t max)
{
	struct iovec *last = nr ? &iov[nr - 1] : NULL;
	size_t last_len = last ? last->iov_len : 0;
	ssize_t ret = -EFAULT;

	for (unsigned int at = lower_bound(mem, gpa); len; at++) {
		const struct memory_region *r = &mem->regions[at];
		uint64_t skip, here;
		uint8_t *addr;

		/* Behind the first region the next one must start right where it ended. */
		if (at == mem->nr_regions || gpa < r->gpa || gpa - r->gpa >= r->size)
			goto fail;
		skip = gpa - r->gpa;
		here = r->size - skip < len ? r->size - skip : len;
		addr = r->base + skip;

		if (nr && (uint8_t *)iov[nr - 1].iov_base + iov[nr - 1].iov_len == addr) {
			iov[nr - 1].iov_len += here;
		} else {
			ret = -ENOBUFS;
			if (nr == max)
				goto fail;
			ret = -EFAULT;
			iov[nr].iov_base = addr;
			iov[nr++].iov_len = here;
		}
		len -= here;
		/* Wraps to 0 behind the last byte of the address space; nothing may follow that. */
		if (__builtin_add_overflow(gpa, here, &gpa) && len)
			goto fail;
	}
	return (ssize_t)nr;
fail:
	if (last)
		last->iov_len = last_len;
	return ret;
}

/* Whether all of [gpa, gpa + len) is mapped. */
static bool is_mapped(const struct memory *mem, uint64_t gpa, uint64_t len)
{
	for (unsigned int at = lower_bound(mem, gpa); len; at++) {
		const struct memory_region *r = &mem->regions[at];
		uint64_t here;

		if (at == mem->nr_regions || gpa < r->gpa || gpa - r->gpa >= r->size)
			return false;
		here = r->size - (gpa - r->gpa);
		if (here >= len)
			return true;
		len -= here;
		if (__builtin_add_overflow(gpa, here, &gpa))
			return false;
	}
	return true;
}

static int copy(const struct memory *mem, uint64_t gpa, uint8_t *buf, size_t len, bool write)
{
	if (!is_mapped(mem, gpa, len))
		return -EFAULT;
	for (unsigned int at = lower_bound(mem, gpa); len; at++) {
		const struct memory_region *r = &mem->regions[at];
		uint64_t skip = gpa - r->gpa;
		size_t here = r->size - skip < len ? r->size - skip : len;

		if (write)
			memcpy(r->base + skip, buf, here);
		else
			memcpy(buf, r->base + skip, here);
		buf += here;
		gpa += here;
		len -= here;
	}
	return 0;
}

int memory_read(const struct memory *mem, uint64_t gpa, void *to, size_t len)
{
	return copy(mem, gpa, to, len, false);
}

int memory_write(const struct memory *mem, uint64_t gpa, const void *from, size_t len)
{
	return copy(mem, gpa, (uint8_t *)(uintptr_t)from, len, true);
}
