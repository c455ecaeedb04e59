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

static int make_tag(const uint8_t *key, const uint8_t *data, uint64_t size, uint8_t *tag)
{
	struct possession *p = possession_begin(key);
	bool good = p;

	if (!p)
		return VACCEL_ENOMEM;
	for (uint64_t done = 0; done < size && good; done += PIECE)
		good = possession_add(p, data + done, size - done < PIECE ? size - done : PIECE);
	return possession_end(p, good ? tag : NULL) ? VACCEL_OK : VACCEL_EIO;
}

int remote_claim(int64_t resource, uint32_t index, const uint8_t *data, uint64_t size)
{
	uint8_t key[POSSESSION_KEY_SIZE], tag[POSSESSION_TAG_SIZE];
	int ret;

	if (size < VIRTIO_ACCEL_CACHE_MIN || !atomic_load(&wanted))
		return VACCEL_ENOENT;
	ret = remote_RESOURCE_CHALLENGE(NULL, resource, index, key);
	if (ret == VACCEL_ENOTSUP)
		atomic_store(&wanted, false);
	if (!ret)
		ret = make_tag(key, data, size, tag);
	return ret ? ret : remote_RESOURCE_CLAIM(NULL, resource, index, tag);
}
