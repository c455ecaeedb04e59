// SPDX-License-Identifier: Apache-2.0
/* Files that the host has already are proven to be held here instead of being sent. */
#include "remote.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "wire/possession.h"

/* Bytes between two looks at the memory: small beside a cache, large beside a call */
#define PIECE ((uint64_t)1 << 20)

/* Whether the host is asked at all; hosts that do not know how are asked once. */
static atomic_bool wanted;

void claim_init(void)
{
	const char *env = getenv("VACCEL_VIRTIO_CACHE");

	atomic_store(&wanted, !env || strcmp(env, "0") != 0);
}

static int make_tag(const uint8_t *key, struct remote_file *c, uint8_t *tag)
{
	const uint8_t *data;
	struct possession *p = possession_begin(key);
	bool good = p;

	if (!p)
		return VACCEL_ENOMEM;
	for (uint64_t done = 0; done < c->size && good; done += PIECE) {
		uint64_t len = c->size - done < PIECE ? c->size - done : PIECE;

		good = !remote_file_get(c, done, len, &data) && possession_add(p, data, len);
	}
	return possession_end(p, good ? tag : NULL) ? VACCEL_OK : VACCEL_EIO;
}

int remote_claim(struct vaccel_session *sess, int64_t resource, uint32_t index, struct remote_file *file)
{
	uint8_t key[POSSESSION_KEY_SIZE], tag[POSSESSION_TAG_SIZE];
	int ret;

	if (file->size < VIRTIO_ACCEL_CACHE_MIN || !atomic_load(&wanted))
		return VACCEL_ENOENT;
	ret = remote_RESOURCE_CHALLENGE(sess, resource, index, key);
	if (ret == VACCEL_ENOTSUP)
		atomic_store(&wanted, false);
	if (!ret)
		ret = make_tag(key, file, tag);
	return ret ? ret : remote_RESOURCE_CLAIM(sess, resource, index, tag);
}
