// SPDX-License-Identifier: Apache-2.0
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "store_client.h"
#include "wire/possession.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
/* How often others may bring something meanwhile */
#define MAX_ROUNDS 4

int shared_make(uint64_t size)
{
	int fd = memfd_create("vaccel-model", MFD_CLOEXEC | MFD_ALLOW_SEALING), ret;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, ALL_SEALS) ? -errno : 0;
}

/* The store has looked, too; but it is another process. */
static bool is_sealed(int fd, uint64_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS && !fstat(fd, &st) && (uint64_t)st.st_size == size;
}

/* An open file of its own for each worker, so that none has another one's position or flags. */
static int give(int fd, uint64_t id, struct shared *to)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*to = (struct shared){ open(path, O_RDONLY | O_CLOEXEC), id };
	if (to->fd >= 0)
		return 0;
	if (id)
		store_drop(id);
	to->id = 0;
	return -EIO;
}

/* ---- The same bytes ------------------------------------------------------------------------- */

struct comparison {
	int fd;
	uint8_t *room;
	size_t size;
};

static int compare_piece(void *arg, const uint8_t *data, size_t len, uint64_t at)
{
	struct comparison *c = arg;

	if (c->size < len) {
		free(c->room);
		c->room = malloc(len);
		c->size = c->room ? len : 0;
	}
	if (!c->room)
		return -ENOMEM;
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(c->fd, c->room + done, len - done, (off_t)(at + done));

		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return memcmp(c->room, data, len) ? -ENOENT : 0;
}

static bool is_same(int a, int b, uint64_t size)
{
	struct comparison c = { .fd = b };
	int ret = bytes_for_pieces(a, size, compare_piece, &c);

	free(c.room);
	return !ret;
}

/* ---- The same tag --------------------------------------------------------------------------- */

static int tag_piece(void *arg, const uint8_t *data, size_t len, uint64_t at)
{
	(void)at;
	return possession_add(arg, data, len) ? 0 : -EIO;
}

/* Return: 0, -ENOENT: it has another one, or a negative errno value. */
static int check_tag(int fd, const uint8_t *key, const uint8_t *tag, uint64_t size)
{
	struct possession *p = possession_begin(key);
	uint8_t is[POSSESSION_TAG_SIZE];
	int ret = p ? bytes_for_pieces(fd, size, tag_piece, p) : -ENOMEM;

	if (p && !possession_end(p, ret ? NULL : is) && !ret)
		ret = -EIO;
	return !ret && CRYPTO_memcmp(is, tag, sizeof(is)) ? -ENOENT : ret;
}

/* ---- Among what clients have ---------------------------------------------------------------- */

/* What is looked for: the same bytes as in @fd, or, with a tag, what has that */
struct want {
	int fd;
	const uint8_t *key, *tag;
};

static int check(const struct want *want, int found, uint64_t size)
{
	if (!is_sealed(found, size))
		return -ENOENT;
	if (want->tag)
		return check_tag(found, want->key, want->tag, size);
	return is_same(want->fd, found, size) ? 0 : -ENOENT;
}

/* Return: 0, -ENOENT: nobody has it, or another negative errno value. @time: receives when that was */
static int find(const struct want *want, uint64_t size, uint64_t *time, struct shared *to)
{
	uint64_t id;

	for (uint32_t i = 0; i < STORE_TRIES; i++) {
		int found = store_find(size, i, i ? NULL : time), ret;

		if (found < 0)
			return found;
		ret = check(want, found, size);
		if (!ret)
			ret = store_hold(found, size, STORE_ANY_TIME, &id);
		if (!ret)
			ret = give(found, id, to);
		close(found);
		if (ret != -ENOENT)
			return ret;
	}
	return -ENOENT;
}

static int copy_of(int from, uint64_t size)
{
	int fd = shared_make(size), ret = fd < 0 ? fd : bytes_for_pieces(from, size, bytes_copy_piece, &fd);

	if (!ret)
		ret = seal(fd);
	if (!ret || fd < 0)
		return fd;
	close(fd);
	return ret;
}

/* @copy: memory with these bytes that is the store's if nobody has them; -1: it is made when needed. Others may
 * bring the same at the same time: then theirs is taken. */
static int insert(int from, uint64_t size, int *copy, struct shared *to)
{
	const struct want want = { .fd = from };
	uint64_t time = 0, id;
	int ret = -EAGAIN;

	for (int round = 1; ret == -EAGAIN; round++) {
		ret = find(&want, size, &time, to);
		if (ret != -ENOENT)
			return ret;
		if (*copy < 0)
			*copy = copy_of(from, size);
		if (*copy < 0)
			return *copy;
		ret = store_hold(*copy, size, round < MAX_ROUNDS ? time : STORE_ANY_TIME, &id);
	}
	return ret ? ret : give(*copy, id, to);
}

int shared_insert(int from, uint64_t size, struct shared *to)
{
	int copy = -1, ret = insert(from, size, &copy, to);

	if (copy >= 0)
		close(copy);
	return ret;
}

int shared_finish(int fd, uint64_t size, struct shared *to)
{
	int ret = seal(fd);

	if (!ret && insert(fd, size, &fd, to))
		ret = give(fd, 0, to);
	close(fd);
	return ret;
}

int shared_claim(const uint8_t *key, const uint8_t *tag, uint64_t size, struct shared *to)
{
	const struct want want = { .fd = -1, .key = key, .tag = tag };
	uint64_t time;

	return find(&want, size, &time, to);
}
