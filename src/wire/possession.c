// SPDX-License-Identifier: Apache-2.0
#include "wire/possession.h"

#include <openssl/evp.h>

struct possession *possession_begin(const uint8_t *key)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (ctx && !EVP_MAC_init(ctx, key, POSSESSION_KEY_SIZE, NULL)) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return (struct possession *)ctx;
}

bool possession_add(struct possession *p, const void *data, size_t size)
{
	return EVP_MAC_update((EVP_MAC_CTX *)p, data, size);
}

bool possession_end(struct possession *p, uint8_t *tag)
{
	size_t size = 0;
	bool made = tag && EVP_MAC_final((EVP_MAC_CTX *)p, tag, &size, POSSESSION_TAG_SIZE) &&
		    size == POSSESSION_TAG_SIZE;

	EVP_MAC_CTX_free((EVP_MAC_CTX *)p);
	return made;
}
