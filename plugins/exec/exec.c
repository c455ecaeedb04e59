// SPDX-License-Identifier: Apache-2.0
/*
 * The exec plugin: calls a function of a shared library that the program names, or brings along as
 * a resource. It runs the caller's code: hosts offer it only to guests that they trust.
 *
 * Environment, read when the plugin is loaded:
 *  VACCEL_EXEC_DLOPEN_MODE      now (default) or lazy
 *  VACCEL_EXEC_DLCLOSE_ENABLED  whether libraries are closed after use; default: no after exec,
 *                               yes when a resource is unregistered
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <string.h>

#include "exec.h"

typedef int (*exec_fn)(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		       size_t nr_write);

static struct exec_settings settings;

static int call(void *handle, const char *symbol, struct vaccel_arg *read, size_t nr_read,
		struct vaccel_arg *write, size_t nr_write)
{
	exec_fn fn;
	int ret;

	dlerror();
	fn = (exec_fn)dlsym(handle, symbol);
	if (!fn) {
		const char *reason = dlerror();

		exec_error("No function %s: %s", symbol, reason ? reason : "its address is 0");
		return VACCEL_ENOSYS;
	}

	ret = fn(read, nr_read, write, nr_write);
	if (ret) {
		exec_error("Function %s failed with %d", symbol, ret);
		return VACCEL_EBACKEND;
	}
	return VACCEL_OK;
}

static bool args_missing(const struct vaccel_arg *read, size_t nr_read,
			 const struct vaccel_arg *write, size_t nr_write)
{
	return (!read && nr_read) || (!write && nr_write);
}

static int op_noop(struct vaccel_session *sess)
{
	if (!sess)
		return VACCEL_EINVAL;
	exec_debug("Calling no-op for session %" PRId64, sess->id);
	return VACCEL_OK;
}

static int op_exec(struct vaccel_session *sess, const char *library, const char *symbol,
		   struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		   size_t nr_write)
{
	void *handle;
	int ret;

	if (!sess || !library || !symbol || args_missing(read, nr_read, write, nr_write)) {
		exec_error("A session, library, function or array of arguments is missing");
		return VACCEL_EINVAL;
	}
	exec_debug("Calling exec for session %" PRId64, sess->id);
	exec_debug("library: %s", library);
	exec_debug("symbol: %s", symbol);

	handle = dlopen(library, settings.dlopen_mode);
	if (!handle) {
		exec_error("Could not open library: %s%s", dlerror(), exec_hint(library));
		return VACCEL_EINVAL;
	}
	ret = call(handle, symbol, read, nr_read, write, nr_write);
	if (settings.close_after_exec)
		dlclose(handle);
	return ret;
}

static int op_exec_with_resource(struct vaccel_session *sess, struct vaccel_resource *resource,
				 const char *symbol, struct vaccel_arg *read, size_t nr_read,
				 struct vaccel_arg *write, size_t nr_write)
{
	struct exec_libs *libs;
	int ret;

	if (!sess || !resource || !symbol || args_missing(read, nr_read, write, nr_write)) {
		exec_error("A session, resource, function or array of arguments is missing");
		return VACCEL_EINVAL;
	}
	exec_debug("Calling exec_with_resource for session %" PRId64, sess->id);
	exec_debug("symbol: %s", symbol);

	ret = exec_libs_get(resource, &settings, &libs);
	if (ret)
		return ret;
	ret = call(exec_libs_main(libs), symbol, read, nr_read, write, nr_write);
	exec_libs_put(libs);
	return ret;
}

static int resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)sess;
	exec_libs_forget(res);
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, op_noop),
	VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, op_exec),
	VACCEL_OP_INIT(exec_with_resource, VACCEL_OP_EXEC_WITH_RESOURCE, op_exec_with_resource),
};

static int init(void)
{
	exec_settings_read(&settings);
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "exec", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_GENERIC | VACCEL_PLUGIN_CPU,
	      .init = init, .fini = fini, .resource_unregister = resource_unregister)
