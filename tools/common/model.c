// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include <err.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What a code of the library means for whoever started the program. */
static int status_of(int code)
{
	switch (code) {
	case VACCEL_OK:
		return 0;
	case VACCEL_EINVAL:
	case VACCEL_ERANGE:
	case VACCEL_ENAMETOOLONG:
		return EX_DATAERR;
	case VACCEL_ENOENT:
		return EX_NOINPUT;
	case VACCEL_ENOTSUP:
	case VACCEL_ENODEV:
	case VACCEL_ESESS:
	case VACCEL_EPERM:
	case VACCEL_EAGAIN:
	case VACCEL_EUSERS:
	case VACCEL_EREMOTEIO:
		return EX_UNAVAILABLE;
	default:
		return EX_SOFTWARE;
	}
}

int fail(const char *what, int code)
{
	warnx("%s: %s (%d)", what, strerror(code), code);
	return status_of(code);
}

static int load(struct vaccel_session *sess, struct vaccel_resource **model, const char *path)
{
	int ret;

	if (!strstr(path, "://") && access(path, R_OK)) {
		warn("%s", path);
		return EX_NOINPUT;
	}
	ret = vaccel_resource_new(model, path, VACCEL_RESOURCE_MODEL);
	if (ret)
		return fail(path, ret);
	ret = vaccel_resource_register(*model, sess);
	if (!ret)
		ret = vaccel_infer_load(sess, *model);
	if (!ret)
		return 0;
	ret = fail(path, ret);
	vaccel_resource_delete(*model);
	return ret;
}

int model_open(struct vaccel_session *sess, struct vaccel_resource **model, const char *path, const char *plugin)
{
	int ret = plugin ? vaccel_session_init_with_plugin(sess, plugin) : vaccel_session_init(sess, 0);

	if (ret) {
		fail("there is no session, see VACCEL_PLUGINS", ret);
		return EX_UNAVAILABLE;
	}
	ret = load(sess, model, path);
	if (ret)
		vaccel_session_release(sess);
	return ret;
}

void model_close(struct vaccel_session *sess, struct vaccel_resource *model)
{
	vaccel_infer_unload(sess, model);
	vaccel_resource_delete(model);
	vaccel_session_release(sess);
}
