// SPDX-License-Identifier: Apache-2.0
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "log.h"
#include "wire/possession.h"

/* Each content has a file descriptor; plugins and queues need some, too. */
#define MAX_CONTENTS 256
/* How many contents of the right size one claim is tried on. */
#define MAX_TRIES 8
#define PIECE ((size_t)256 << 10)

struct content {
	struct content *next; /* of those that are published, the last used first */
	int fd;
	uint64_t size;
	unsigned int users;
	bool charged;
	bool published;
	uint64_t shared; /* the keeper's id of memory that others have, too; 0: it is this process's own */
	bool from_keeper;
};

struct content_cache {
	uint64_t max_bytes;
	int keeper;
	pthread_mutex_t lock; /* guards all below, and what changes in contents */
	struct content *published;
	unsigned int nr;      /* contents that exist */
	uint64_t bytes;	      /* of those that are charged */
	uint64_t kept;	      /* bytes of published contents without users */
	bool warned;
};

struct content_cache *content_cache_new(uint64_t max_bytes, int keeper)
{
	struct content_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->max_bytes = max_bytes;
	cache->keeper = keeper;
	pthread_mutex_init(&cache->lock, NULL);
	/* Plugins get at the memory by its name there. */
	if (max_bytes && access("/proc/self/fd", X_OK)) {
		log_warn("there is no /proc: models are not kept for later sessions");
		cache->max_bytes = 0;
	}
	return cache;
}

static bool has_keeper(const struct content_cache *cache)
{
	return cache->keeper >= 0 && !keeper_is_silent();
}

static void content_free(struct content_cache *cache, struct content *c)
{
	close(c->fd);
	if (c->shared)
		keeper_drop(cache->keeper, c->shared);
	free(c);
}

void content_cache_delete(struct content_cache *cache)
{
	if (!cache)
		return;
	content_limit(cache, 0);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* Return: a descriptor, or -1. */
static int make_memory(uint64_t size)
{
	int fd = memfd_create("vaccel-resource", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, (off_t)size)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

struct content *content_new(struct content_cache *cache, uint64_t size)
{
	struct content *c = NULL;
	bool full;

	if (size < 1 || size > cache->max_bytes || size > INT64_MAX)
		return NULL;
	pthread_mutex_lock(&cache->lock);
	full = cache->nr >= MAX_CONTENTS;
	if (!full)
		cache->nr++;
	pthread_mutex_unlock(&cache->lock);
	if (full)
		return NULL;

	c = calloc(1, sizeof(*c));
	if (!c)
		goto fail;
	c->size = size;
	c->users = 1;
	c->fd = make_memory(size);
	if (c->fd >= 0)
		return c;
fail:
	free(c);
	pthread_mutex_lock(&cache->lock);
	cache->nr--;
	pthread_mutex_unlock(&cache->lock);
	return NULL;
}

int content_fd(const struct content *c)
{
	return c->fd;
}

/* With the lock held. */
static void unlink_published(struct content_cache *cache, const struct content *c)
{
	struct content **link = &cache->published;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
}

/* With the lock held: makes it the last used one. */
static void to_front(struct content_cache *cache, struct content *c)
{
	c->next = cache->published;
	cache->published = c;
}

static struct content *oldest_unused(struct content_cache *cache)
{
	struct content *found = NULL;

	for (struct content *c = cache->published; c; c = c->next)
		if (!c->users)
			found = c;
	return found;
}

/* With the lock held: it exists no more, and is to be freed. */
static void forget(struct content_cache *cache, struct content *c)
{
	if (c->published)
		unlink_published(cache, c);
	if (c->charged)
		cache->bytes -= c->size;
	cache->nr--;
}

/* Drops the oldest content that is not used. Return: false when there is none. */
static bool drop_one(struct content_cache *cache)
{
	struct content *victim;

	pthread_mutex_lock(&cache->lock);
	victim = oldest_unused(cache);
	if (victim) {
		cache->kept -= victim->size;
		forget(cache, victim);
	}
	pthread_mutex_unlock(&cache->lock);
	if (victim)
		content_free(cache, victim); /* takes a while for a large one */
	return victim;
}

void content_limit(struct content_cache *cache, uint64_t bytes)
{
	while (content_kept(cache) > bytes && drop_one(cache))
		;
}

bool content_charge(struct content_cache *cache, struct content *c)
{
	do {
		pthread_mutex_lock(&cache->lock);
		/* Neither sum overflows: no content is larger than the limit. */
		if (!c->charged && cache->bytes <= cache->max_bytes - c->size) {
			cache->bytes += c->size;
			c->charged = true;
		}
		pthread_mutex_unlock(&cache->lock);
	} while (!c->charged && drop_one(cache));
	return c->charged;
}

uint64_t content_kept(struct content_cache *cache)
{
	uint64_t kept;

	pthread_mutex_lock(&cache->lock);
	kept = cache->kept;
	pthread_mutex_unlock(&cache->lock);
	return kept;
}

void content_put(struct content_cache *cache, struct content *c)
{
	bool last, kept = false;

	if (!c)
		return;
	pthread_mutex_lock(&cache->lock);
	last = --c->users == 0;
	/* What is in the directory need not be in memory as well. */
	if (last && c->published && !has_keeper(cache)) {
		unlink_published(cache, c);
		to_front(cache, c);
		cache->kept += c->size;
		kept = true;
	} else if (last) {
		forget(cache, c);
	}
	pthread_mutex_unlock(&cache->lock);
	if (last && !kept)
		content_free(cache, c);
}

/* Under the same descriptor, for its links. What it had is nobody's any more. */
static int take_memory(struct content_cache *cache, struct content *c, const struct keeper_memory *memory)
{
	int ret = dup3(memory->fd, c->fd, O_CLOEXEC) < 0 ? EIO : 0;

	close(memory->fd);
	if (!ret)
		c->shared = memory->id;
	else if (memory->id)
		keeper_drop(cache->keeper, memory->id);
	return ret;
}

static void store(struct content_cache *cache, struct content *c)
{
	struct keeper_memory same;
	int ret = keeper_insert(cache->keeper, c->fd, c->size, &same);
	bool warned;

	if (same.fd >= 0)
		(void)take_memory(cache, c, &same);
	/* That it does not answer was logged. */
	if (!ret || ret == -EFBIG || ret == -ETIMEDOUT)
		return;
	pthread_mutex_lock(&cache->lock);
	warned = cache->warned;
	cache->warned = true;
	pthread_mutex_unlock(&cache->lock);
	if (!warned)
		log_warn("models are not put into the cache directory: %s", strerror(-ret));
}

void content_publish(struct content_cache *cache, struct content *c)
{
	bool fresh;

	if (fcntl(c->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) &&
	    errno != EPERM) { /* EPERM: sealed already */
		log_warn("a model could not be sealed: %s", strerror(errno));
		return;
	}
	pthread_mutex_lock(&cache->lock);
	fresh = !c->published;
	pthread_mutex_unlock(&cache->lock);
	if (!fresh)
		return;
	/* Before others of this process use it: it may be in other memory then. */
	if (has_keeper(cache) && !c->from_keeper)
		store(cache, c);
	pthread_mutex_lock(&cache->lock);
	c->published = true;
	to_front(cache, c);
	pthread_mutex_unlock(&cache->lock);
}

/* ---- Claims --------------------------------------------------------------------------------- */

bool content_may_claim(struct content_cache *cache, uint64_t size)
{
	bool found = false;

	if (!cache->max_bytes)
		return false;
	if (has_keeper(cache))
		return true;
	pthread_mutex_lock(&cache->lock);
	for (struct content *c = cache->published; c && !found; c = c->next)
		found = c->size == size;
	pthread_mutex_unlock(&cache->lock);
	return found;
}

/* Whether the content has this tag. Return: 0, ENOENT, ENOMEM, EIO. */
static int check(const struct content *c, const uint8_t *key, const uint8_t *tag)
{
	struct possession *p = possession_begin(key);
	uint8_t *piece = malloc(PIECE), is[POSSESSION_TAG_SIZE];
	int ret = p && piece ? 0 : ENOMEM;

	for (uint64_t done = 0; done < c->size && !ret;) {
		ssize_t n = pread(c->fd, piece, PIECE, (off_t)done);

		if (n > 0 && possession_add(p, piece, (size_t)n))
			done += (uint64_t)n;
		else if (n >= 0 || errno != EINTR)
			ret = EIO;
	}
	free(piece);
	if (p && !possession_end(p, ret ? NULL : is) && !ret)
		ret = EIO;
	if (!ret && CRYPTO_memcmp(is, tag, sizeof(is)))
		ret = ENOENT;
	return ret;
}

/* Contents of this size, the last used first, each with a use of the caller's. */
static unsigned int candidates(struct content_cache *cache, uint64_t size,
			       struct content *found[MAX_TRIES])
{
	unsigned int nr = 0;

	pthread_mutex_lock(&cache->lock);
	for (struct content *c = cache->published; c && nr < MAX_TRIES; c = c->next) {
		if (c->size != size)
			continue;
		if (!c->users++)
			cache->kept -= size;
		found[nr++] = c;
	}
	pthread_mutex_unlock(&cache->lock);
	return nr;
}

int content_challenge(struct content_cache *cache, uint64_t size, struct content_challenge *ch)
{
	int ret;

	if (!content_may_claim(cache, size))
		return ENOENT;
	if (!has_keeper(cache))
		return getrandom(ch->key, sizeof(ch->key), 0) == sizeof(ch->key) ? 0 : EIO;
	if (getrandom(ch->nonce, sizeof(ch->nonce), 0) != sizeof(ch->nonce))
		return EIO;
	ret = keeper_key(cache->keeper, ch->nonce, ch->key);
	/* The guest then sends what it has. */
	return ret == -ETIMEDOUT ? ENOENT : ret ? EIO : 0;
}

int content_claim(struct content_cache *cache, struct content **c,
		  const struct content_challenge *ch, const uint8_t *tag)
{
	struct content *found[MAX_TRIES], *match = NULL;
	struct keeper_memory memory;
	unsigned int nr = candidates(cache, (*c)->size, found);
	int ret = ENOENT;

	for (unsigned int i = 0; i < nr && !match && ret == ENOENT; i++) {
		ret = check(found[i], ch->key, tag);
		if (!ret)
			match = found[i];
	}
	for (unsigned int i = nr; i-- > 0;)
		if (found[i] != match)
			content_put(cache, found[i]);
	if (match) {
		content_put(cache, *c);
		*c = match;
		return 0;
	}
	if (ret != ENOENT || !has_keeper(cache))
		return ret;
	if (!content_charge(cache, *c))
		return ENOENT;
	ret = -keeper_claim(cache->keeper, ch->nonce, tag, (*c)->size, &memory);
	if (!ret)
		ret = take_memory(cache, *c, &memory);
	(*c)->from_keeper = !ret;
	/* The guest then sends what it has. */
	return ret == ETIMEDOUT ? ENOENT : ret;
}
