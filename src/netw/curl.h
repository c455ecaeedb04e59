/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, which is loaded when it is needed: it comes with some thirty libraries, in which the loader writes half a
 * MiB, and most programs and workers never see a URL.
 */
#pragma once

/* Calls through pointers: its checks of types are for its own functions. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define CURL_FUNCTIONS(X)   \
	X(global_init)      \
	X(easy_init)        \
	X(easy_setopt)      \
	X(easy_perform)     \
	X(easy_strerror)    \
	X(easy_cleanup)     \
	X(url)              \
	X(url_set)          \
	X(url_cleanup)

#define CURL_X_MEMBER(name) __typeof__(curl_##name) *name;

struct curl {
	CURL_FUNCTIONS(CURL_X_MEMBER)
};

/*
 * curl_load - libcurl's functions, as curl/curl.h has them
 *
 * It is loaded and initialised at the first call and stays. NULL: it cannot be, and each call logs why. Any thread.
 */
const struct curl *curl_load(void);
