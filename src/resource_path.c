// SPDX-License-Identifier: Apache-2.0
/* What the path of a resource is: a file, a directory, or a URL. */

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "fs.h"
#ifdef HAVE_CURL
#include "netw/curl.h"
#endif
#include "resource_priv.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

#define SCHEME_END "://"
/* Of the name of a model, and of its version; as the metadata has room for */
#define MODEL_NAME_MAX 255

static bool has_scheme(const char *path, const char *scheme)
{
	size_t len = strlen(scheme);

	return !strncasecmp(path, scheme, len) &&
	       !strncmp(path + len, SCHEME_END, strlen(SCHEME_END));
}

/* Without libcurl nothing here can tell; who downloads it, perhaps another host, will. */
static bool url_valid(const char *url)
{
#ifdef HAVE_CURL
	const struct curl *curl = curl_load();
	CURLU *parsed = curl ? curl->url() : NULL;
	bool valid;

	if (!parsed)
		return !curl;
	valid = curl->url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
	curl->url_cleanup(parsed);
	return valid;
#else
	(void)url;
	return true;
#endif
}

static int parse_local(const char *path, vaccel_path_type_t *type)
{
	struct stat st;

	if (strlen(fs_basename(path)) > FS_NAME_MAX)
		return VACCEL_ENAMETOOLONG;
	if (stat(path, &st)) {
		int ret = errno == ENAMETOOLONG ? VACCEL_ENAMETOOLONG : VACCEL_EINVAL;

		vaccel_error("Could not find path %s: %s", path, strerror(errno));
		return ret;
	}
	if (S_ISREG(st.st_mode)) {
		*type = VACCEL_PATH_LOCAL_FILE;
	} else if (S_ISDIR(st.st_mode)) {
		*type = VACCEL_PATH_LOCAL_DIR;
	} else {
		vaccel_error("Path %s is neither a regular file nor a directory", path);
		return VACCEL_EINVAL;
	}
	return VACCEL_OK;
}

bool resource_path_on_host(const char *path)
{
	return has_scheme(path, "host");
}

bool resource_path_by_name(const char *path)
{
	return has_scheme(path, "model");
}

/* A part of the name of a model: it becomes one of a URL, where others would mean something else. */
static bool model_part_valid(const char *part, size_t len)
{
	if (!len || len > MODEL_NAME_MAX || *part == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)part[i]) && !strchr("._-+@~", part[i]))
			return false;
	return true;
}

/* NAME, or NAME/VERSION */
static bool model_name_valid(const char *name)
{
	size_t len = strcspn(name, "/");

	return model_part_valid(name, len) &&
	       (!name[len] || (!strchr(name + len + 1, '/') &&
			       model_part_valid(name + len + 1, strlen(name + len + 1))));
}

int resource_path_parse(const char *path, vaccel_path_type_t *type, const char **bare)
{
	int ret;

	if (!path || !*path) {
		vaccel_error("A resource needs a path");
		return VACCEL_EINVAL;
	}
	if (strlen(path) >= PATH_MAX) {
		vaccel_error("A path of %zu bytes is too long", strlen(path));
		return VACCEL_ENAMETOOLONG;
	}

	*bare = path;
	if (resource_path_on_host(path)) {
		if (!path[strlen("host" SCHEME_END)]) {
			vaccel_error("%s lacks the name of a model", path);
			return VACCEL_EINVAL;
		}
		*type = VACCEL_PATH_REMOTE_FILE;
		return VACCEL_OK;
	}
	if (resource_path_by_name(path)) {
		if (!model_name_valid(path + strlen("model" SCHEME_END))) {
			vaccel_error("%s is no model's name: model://NAME or model://NAME/VERSION are, of letters, "
				     "digits and . _ - + @ ~, which do not begin with a dot", path);
			return VACCEL_EINVAL;
		}
		*type = VACCEL_PATH_REMOTE_FILE;
		return VACCEL_OK;
	}
	if (has_scheme(path, "http") || has_scheme(path, "https") || has_scheme(path, "ftp")) {
		if (!url_valid(path)) {
			vaccel_error("%s is not a valid URL", path);
			return VACCEL_EINVAL;
		}
		*type = VACCEL_PATH_REMOTE_FILE;
		return VACCEL_OK;
	}

	if (has_scheme(path, "file")) {
		*bare = path + strlen("file" SCHEME_END);
	} else if (strstr(path, SCHEME_END)) {
		vaccel_error("Path %s has an unknown scheme; use file, http, https, ftp, host or model", path);
		return VACCEL_EINVAL;
	} else {
		vaccel_warn("Path %s has no scheme", path);
		vaccel_warn("Assuming file://%s", path);
	}

	ret = parse_local(*bare, type);
	if (ret == VACCEL_ENAMETOOLONG)
		vaccel_error("Path %s is too long", *bare);
	return ret;
}

char *resource_url_name(const char *url)
{
	size_t len = strcspn(url, "?#");
	const char *end = url + len, *host = strstr(url, SCHEME_END), *start = end;
	char *name;

	host = host ? host + strlen(SCHEME_END) : url;
	while (start > host && start[-1] != '/')
		start--;
	/* Without a path, what follows the last '/' is the host. */
	if (start <= host)
		return NULL;

	name = strndup(start, end - start);
	if (name && fs_name_check(name)) {
		free(name);
		return NULL;
	}
	return name;
}
