// SPDX-License-Identifier: Apache-2.0
#include "netw/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "vaccel/log.h"

/* The interface that curl/curl.h describes has had this name since 2006. */
#define LIBRARY "libcurl.so.4"

static const struct {
	const char *name;
	size_t member;
} functions[] = {
#define CURL_X_FUNCTION(name) { "curl_" #name, offsetof(struct curl, name) },
	CURL_FUNCTIONS(CURL_X_FUNCTION)
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct curl curl;
static char problem[512]; /* empty: there is none */

static void set_problem(const char *why)
{
	snprintf(problem, sizeof(problem), "%s", why ? why : "no reason was given");
}

static void load(void)
{
	/* Its symbols stay its own: the program may have another one. */
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	CURLcode err;

	if (!handle) {
		set_problem(dlerror());
		return;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(handle, functions[i].name);

		if (!function) {
			set_problem(dlerror());
			return;
		}
		memcpy((char *)&curl + functions[i].member, &function, sizeof(function));
	}
	err = curl.global_init(CURL_GLOBAL_DEFAULT);
	if (err)
		set_problem(curl.easy_strerror(err));
}

const struct curl *curl_load(void)
{
	pthread_once(&once, load);
	if (!*problem)
		return &curl;
	vaccel_error("Could not load libcurl, which URLs need: %s; install libcurl.so.4", problem);
	return NULL;
}
