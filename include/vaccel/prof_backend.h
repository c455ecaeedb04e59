/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extension: profiling backends, which decide what becomes of profiling regions. vAccel 0.8 does not have this.
 *
 * The functions of vaccel/prof.h, and the library for what it measures itself, call the backend whose name is
 * in VACCEL_PROFILING_BACKEND. The library has one, "base": it adds up times, and logs them. A plugin can
 * bring another; if that is all it does, its type is VACCEL_PLUGIN_PROFILING, and no session uses it:
 *
 *	static int init(void)
 *	{
 *		return vaccel_plugin_register_prof_backend("mine", &backend);
 *	}
 *
 *	static int fini(void)
 *	{
 *		return vaccel_plugin_unregister_prof_backend("mine");
 *	}
 *
 * Threads: any function may be called from any thread. A backend's functions are called from any thread at
 * any time, for different regions at once; a backend is unregistered when nobody profiles any more, as in fini.
 *
 * Results: VACCEL_OK or a positive code.
 */
#pragma once

#include <stddef.h>

#include "vaccel/op.h"
#include "vaccel/prof.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a backend does. Each function has the arguments and results of the vaccel_prof_* function of its name,
 * which has checked that profiling is on and that no argument is NULL which must not be.
 *  region_stop_with_context  as region_stop, of an operation: which, and the plugin that served it (NULL: not
 *                            known). May be NULL: region_stop is called
 *  flush                     hands on what has been kept, in bounded time; may be NULL. Called at the beginning of
 *                            vaccel_cleanup(), and when the process ends
 * An operation is measured in a region of its own, which is started, stopped and released: what is to be kept of
 * it is the backend's to keep. So are starts and ends of sessions ("session_init", "session_release") and
 * registrations of resources ("resource_register", "resource_unregister"). A backend runs no operations.
 */
struct vaccel_prof_backend {
	int (*region_start)(struct vaccel_prof_region *region);
	int (*region_stop)(const struct vaccel_prof_region *region);
	int (*region_stop_with_context)(const struct vaccel_prof_region *region, vaccel_op_type_t op_type,
					const char *plugin_name);
	int (*region_init)(struct vaccel_prof_region *region, const char *name);
	int (*region_release)(struct vaccel_prof_region *region);
	int (*region_print)(const struct vaccel_prof_region *region);
	int (*regions_start_by_name)(struct vaccel_prof_region *regions, int nregions, const char *name);
	int (*regions_stop_by_name)(struct vaccel_prof_region *regions, int nregions, const char *name);
	int (*regions_init)(struct vaccel_prof_region *regions, int nregions);
	int (*regions_release)(struct vaccel_prof_region *regions, int nregions);
	int (*regions_print_all)(struct vaccel_prof_region *regions, int nregions);
	int (*regions_print_all_to_buf)(char **tbuf, size_t tbuf_len, struct vaccel_prof_region *regions, int size);
	int (*flush)(void);
};

/*
 * vaccel_plugin_register_prof_backend - offer a backend; plugins call this from init
 * @name: what VACCEL_PROFILING_BACKEND is to be for it
 * @backend: its functions
 *
 * Both must stay valid until it is unregistered. EINVAL: NULL, a function is missing, or the name is "base".
 * EBACKEND: the library is not initialised. EEXIST: there is one of this name. ENOMEM: there are four,
 * with "base".
 */
int vaccel_plugin_register_prof_backend(const char *name, const struct vaccel_prof_backend *backend);

/* Takes it back. EINVAL: NULL or "base". EBACKEND: not initialised. ENOENT: there is none of this name. */
int vaccel_plugin_unregister_prof_backend(const char *name);

/* Has the backend hand on what it has kept; its result, or VACCEL_OK when there is nothing to flush. */
int vaccel_prof_flush(void);

#ifdef __cplusplus
}
#endif
