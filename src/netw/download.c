// SPDX-License-Identifier: Apache-2.0
/* Files from the network, through libcurl. */

#define _GNU_SOURCE
#include "netw/download.h"

#include "vaccel/error.h"
#include "vaccel/log.h"

#ifdef HAVE_CURL

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "netw/curl.h"
#include "transport/fd.h"

#define CONNECT_TIMEOUT_S 10L
/* A transfer that stays below this speed for this long is given up. */
#define LOW_SPEED_BYTES_S 1024L
#define LOW_SPEED_TIME_S 30L
#define MAX_REDIRECTS 10L
#define PROTOCOLS "http,https,ftp"

struct sink {
	int fd;
	int error; /* code of a failed write */
};

static size_t write_chunk(char *data, size_t size, size_t nr, void *arg)
{
	struct sink *sink = arg;
	size_t left, total;

	if (__builtin_mul_overflow(size, nr, &total)) {
		sink->error = VACCEL_EIO;
		return 0;
	}
	for (left = total; left;) {
		ssize_t put = fs_write(sink->fd, data, left);

		if (put < 0) {
			if (errno == EINTR)
				continue;
			sink->error = fs_error(errno);
			return 0;
		}
		data += put;
		left -= put;
	}
	return total;
}

static CURLcode configure(const struct curl *curl, CURL *handle, const char *url, struct sink *sink,
			  char *message)
{
	CURLcode err = CURLE_OK;

#define SET(option, value)                                              \
	do {                                                            \
		if (!err)                                               \
			err = curl->easy_setopt(handle, option, value); \
	} while (0)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_ERRORBUFFER, message);
	SET(CURLOPT_WRITEFUNCTION, write_chunk);
	SET(CURLOPT_WRITEDATA, sink);
	SET(CURLOPT_FAILONERROR, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, MAX_REDIRECTS);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	SET(CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES_S);
	SET(CURLOPT_LOW_SPEED_TIME, LOW_SPEED_TIME_S);
	/* A server must not be able to redirect us to a local file or another protocol. */
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, PROTOCOLS);
	SET(CURLOPT_REDIR_PROTOCOLS_STR, PROTOCOLS);
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FTP));
	SET(CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FTP));
#endif
#undef SET
	return err;
}

static int fetch(const struct curl *curl, const char *url, int fd)
{
	char message[CURL_ERROR_SIZE] = "";
	struct sink sink = { .fd = fd };
	CURLcode err;
	CURL *handle;
	int ret = VACCEL_OK;

	handle = curl->easy_init();
	if (!handle)
		return VACCEL_ENOMEM;

	err = configure(curl, handle, url, &sink, message);
	if (!err)
		err = curl->easy_perform(handle);
	if (sink.error) {
		vaccel_error("Could not store %s: %s", url, strerror(sink.error));
		ret = sink.error;
	} else if (err) {
		vaccel_error("Could not download %s: %s", url,
			     *message ? message : curl->easy_strerror(err));
		ret = err == CURLE_OUT_OF_MEMORY ? VACCEL_ENOMEM : VACCEL_EREMOTEIO;
	}
	curl->easy_cleanup(handle);
	return ret;
}

int download(const char *url, const char *dir, const char *name, char **path)
{
	const struct curl *curl = curl_load();
	char *temp, *target;
	int fd, ret;

	if (!curl)
		return VACCEL_ENOTSUP;

	temp = fs_path_join(dir, ".download_XXXXXX");
	target = fs_path_join(dir, name);
	if (!temp || !target) {
		ret = VACCEL_ENOMEM;
		goto free_paths;
	}
	if (!access(target, F_OK)) {
		vaccel_error("File %s exists already", target);
		ret = VACCEL_EEXIST;
		goto free_paths;
	}
	fd = fd_above_stdio(mkostemp(temp, O_CLOEXEC));
	if (fd < 0) {
		ret = fs_error(errno);
		vaccel_error("Could not create a file in %s: %s", dir, strerror(errno));
		goto free_paths;
	}

	vaccel_debug("Downloading %s", url);
	ret = fetch(curl, url, fd);
	if (close(fd) && !ret)
		ret = fs_error(errno);
	if (!ret && rename(temp, target))
		ret = fs_error(errno);
	if (ret) {
		unlink(temp);
	} else {
		vaccel_debug("Downloaded %s to %s", url, target);
		*path = target;
		target = NULL;
	}

free_paths:
	free(temp);
	free(target);
	return ret;
}

#else /* HAVE_CURL */

int download(const char *url, const char *dir, const char *name, char **path)
{
	(void)dir;
	(void)name;
	(void)path;
	vaccel_error("Could not download %s: this library was built without libcurl", url);
	return VACCEL_ENOTSUP;
}

#endif /* HAVE_CURL */
