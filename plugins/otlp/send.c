// SPDX-License-Identifier: Apache-2.0
/* Spans as OTLP/JSON: lines of a file, or requests by HTTP. */
#define _GNU_SOURCE
#include "otlp.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/clock.h"
#include "vaccel.h"

#define ENV_FILE     "VACCEL_OTLP_FILE"
#define ENV_ENDPOINT "OTEL_EXPORTER_OTLP_ENDPOINT"
#define ENV_TRACES   "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
#define ENV_HEADERS  "OTEL_EXPORTER_OTLP_HEADERS"
#define ENV_TIMEOUT  "OTEL_EXPORTER_OTLP_TIMEOUT"

#define TIMEOUT_MS  2000
#define TIMEOUT_MAX 60000
#define ANSWER_MAX  (64u << 10)
#define REQUEST_MAX (256u << 10)

static char *path; /* of the file; NULL: to url */
static char *url;
static struct curl_slist *headers;
static unsigned int timeout_ms = TIMEOUT_MS;
static char *text; /* REQUEST_MAX bytes */
static struct trace_file file = { .fd = -1 };
static bool inherited; /* path is the parent's */
static CURL *curl;
static bool is_bad; /* so far; it has been said */

unsigned int send_timeout_ms(void)
{
	return timeout_ms;
}

/* Says why spans are lost, once until things go well again. */
static size_t fail(size_t nr, const char *to, const char *why)
{
	if (!is_bad)
		vaccel_warn("[" NAME "] Cannot hand spans on to %s: %s; they are lost, and the program goes on", to, why);
	is_bad = true;
	return nr;
}

/* ---- The file ---------------------------------------------------------------------------------------- */

static int open_file(void)
{
	char own[PATH_MAX];
	int err = EBUSY;

	file.is_otlp = true;
	if (!inherited)
		err = trace_file_open(&file, path);
	if (err != EBUSY)
		return err;
	if (snprintf(own, sizeof(own), "%s.%d", path, (int)getpid()) >= (int)sizeof(own))
		return ENAMETOOLONG;
	return trace_file_open(&file, own);
}

static size_t write_spans(const struct trace_record *spans, size_t nr)
{
	int err = file.fd < 0 ? open_file() : 0;

	if (!err)
		err = trace_file_add(&file, spans, nr);
	if (err)
		return fail(nr, path, err == ESPIPE ? "it has to be a regular file" : strerror(err));
	is_bad = false;
	return 0;
}

/* ---- The endpoint ------------------------------------------------------------------------------------ */

static size_t on_answer(char *data, size_t one, size_t size, void *arg)
{
	size_t *seen = arg;

	(void)data;
	(void)one;
	*seen += size;
	return *seen > ANSWER_MAX ? 0 : size;
}

static CURLcode configure(CURL *c, size_t *seen, char *why)
{
	CURLcode err = CURLE_OK;

#define SET(option, value)                                        \
	do {                                                      \
		if (!err)                                         \
			err = curl_easy_setopt(c, option, value); \
	} while (0)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_ERRORBUFFER, why);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_WRITEFUNCTION, on_answer);
	SET(CURLOPT_WRITEDATA, seen);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, text);
#undef SET
	return err;
}

/* Posts what is in text. Return: whether it was taken; @why: CURL_ERROR_SIZE bytes */
static bool post(uint64_t deadline, char *why)
{
	const uint64_t now = now_ms();
	size_t seen = 0;
	long status = 0;
	CURLcode err;

	*why = '\0';
	if (now >= deadline) {
		snprintf(why, CURL_ERROR_SIZE, "there is no time left");
		return false;
	}
	if (!curl)
		curl = curl_easy_init();
	err = curl ? configure(curl, &seen, why) : CURLE_OUT_OF_MEMORY;
	if (!err)
		err = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(deadline - now));
	if (!err)
		err = curl_easy_perform(curl);
	if (err) {
		if (!*why)
			snprintf(why, CURL_ERROR_SIZE, "%s", curl_easy_strerror(err));
		return false;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		snprintf(why, CURL_ERROR_SIZE, "it answers with HTTP status %ld", status);
	return status >= 200 && status <= 299;
}

static size_t post_spans(const struct trace_record *spans, size_t nr, uint64_t deadline)
{
	char why[CURL_ERROR_SIZE];

	while (nr) {
		const size_t part = trace_file_request(text, REQUEST_MAX, spans, nr);

		if (!post(deadline, why))
			return fail(nr, url, why);
		is_bad = false;
		spans += part;
		nr -= part;
	}
	return 0;
}

size_t send_spans(const struct trace_record *spans, size_t nr, uint64_t deadline)
{
	return path ? write_spans(spans, nr) : post_spans(spans, nr, deadline);
}

/* ---- Settings ---------------------------------------------------------------------------------------- */

static const char *get(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

static bool add_header(const char *line)
{
	struct curl_slist *more = curl_slist_append(headers, line);

	if (more)
		headers = more;
	return more;
}

/* "name=value,name=value", values as in URLs */
static bool add_headers(const char *list)
{
	char *copy = strdup(list), *rest = copy, *one, line[4096];
	bool ok = copy;

	while (ok && (one = strsep(&rest, ","))) {
		char *name = strsep(&one, "=");
		char *value = one ? curl_easy_unescape(NULL, one, 0, NULL) : NULL;

		if (value && *name && !strpbrk(value, "\r\n") &&
		    snprintf(line, sizeof(line), "%s: %s", name, value) < (int)sizeof(line))
			ok = add_header(line);
		else if (*name || one)
			vaccel_warn("[" NAME "] " ENV_HEADERS " has something that is not NAME=VALUE; it is left out");
		curl_free(value);
	}
	free(copy);
	return ok;
}

static bool set_url(void)
{
	const char *whole = get(ENV_TRACES), *base = get(ENV_ENDPOINT);
	int len;

	if (whole) {
		url = strdup(whole);
		return url;
	}
	base = base ? base : "http://localhost:4318";
	len = (int)strlen(base);
	if (base[len - 1] == '/')
		len--;
	if (asprintf(&url, "%.*s/v1/traces", len, base) >= 0)
		return true;
	url = NULL;
	return false;
}

static void set_timeout(void)
{
	const char *value = get(ENV_TIMEOUT);
	char *end;
	long ms;

	timeout_ms = TIMEOUT_MS;
	if (!value)
		return;
	ms = strtol(value, &end, 10);
	if (end == value || *end || ms < 1 || ms > TIMEOUT_MAX)
		vaccel_warn("[" NAME "] " ENV_TIMEOUT "=%s is not a number of 1 to %d ms: %d are used", value,
			    TIMEOUT_MAX, TIMEOUT_MS);
	else
		timeout_ms = (unsigned int)ms;
}

static bool set_endpoint(void)
{
	const char *list = get(ENV_HEADERS);

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return false;
	return set_url() && add_header("Content-Type: application/json") && add_header("Expect:") &&
	       (!list || add_headers(list));
}

int send_start(void)
{
	const char *name = get(ENV_FILE);
	bool ok;

	set_timeout();
	is_bad = inherited = false;
	text = malloc(REQUEST_MAX);
	path = name ? strdup(name) : NULL;
	ok = text && (name ? path != NULL : set_endpoint());
	if (ok)
		return VACCEL_OK;
	vaccel_error("[" NAME "] There is no memory for the settings");
	return VACCEL_ENOMEM;
}

void send_after_fork(void)
{
	trace_file_close(&file);
	inherited = true;
	/* Its connection is the parent's: it is left alone, at the cost of a little memory. */
	curl = NULL;
}

void send_stop(void)
{
	trace_file_close(&file);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	free(path);
	free(url);
	free(text);
	curl = NULL;
	headers = NULL;
	path = url = text = NULL;
}
