/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that reaches the accelerator without being copied: an extension of vAccel 0.8.
 *
 * What a program allocates here is used like any other memory. Operations recognise pointers into
 * it: arguments of C functions, data of tensors and of argument lists, and buffers that resources
 * are made from. In a virtual machine it is registered with the host once, so that a call passes
 * on where the bytes are, and not the bytes.
 *
 * Threads: all functions may be called from any thread. Memory must not be freed while another
 * thread passes it to an operation; an operation that runs already keeps what it uses.
 *
 * Results: functions returning int give VACCEL_OK or a positive code.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vaccel_plugin;
struct vaccel_session;

/*
 * What became of an allocation:
 *  VACCEL_MEM_ORDINARY    memory of the process: the plugin works in the same process
 *  VACCEL_MEM_PINNED      memory of the process that is made available again for each call: the
 *			   plugin could not register any, and the log says why
 *  VACCEL_MEM_REGISTERED  known to the host for as long as it exists
 */
typedef enum {
	VACCEL_MEM_ORDINARY = 0,
	VACCEL_MEM_PINNED = 1,
	VACCEL_MEM_REGISTERED = 2
} vaccel_mem_kind_t;

/*
 * An allocation.
 *  start      its first byte
 *  size       in bytes, as asked for
 *  kind       vaccel_mem_kind_t
 *  nr_blocks  physically contiguous blocks that registered memory consists of; few are better.
 *	       0: not known
 */
struct vaccel_mem_info {
	void *start;
	size_t size;
	vaccel_mem_kind_t kind;
	uint32_t nr_blocks;
};

/*
 * vaccel_mem_alloc - allocate the memory that suits the plugin of a session best
 * @sess: a live session; other sessions of its plugin may use the memory just as well
 * @size: bytes, at least 1
 * @ptr:  receives memory that is zeroed and starts on a page; pair with vaccel_mem_free
 *
 * It exists until it is freed, also when the session ends, or until vaccel_cleanup. After fork()
 * it is the parent's: a child must not use it.
 *
 * EINVAL: NULL, a size of 0, or a session that is not live. ENOMEM.
 */
int vaccel_mem_alloc(struct vaccel_session *sess, size_t size, void **ptr);

/*
 * vaccel_mem_free - free memory of vaccel_mem_alloc
 * @ptr: what vaccel_mem_alloc gave; nothing happens for NULL
 *
 * EINVAL: it was not allocated there, or is freed already.
 */
int vaccel_mem_free(void *ptr);

#ifdef __cplusplus
/* C++ takes it for a second constructor of the structure of this name. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
/*
 * vaccel_mem_info - say which allocation an address belongs to
 * @ptr:  any address in it
 * @info: receives the description
 *
 * EINVAL: NULL. ENOENT: it belongs to none.
 */
int vaccel_mem_info(const void *ptr, struct vaccel_mem_info *info);
#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

/*
 * For plugins that forward operations: how to allocate memory that can be registered.
 *  alloc  allocates info->size bytes, zeroed, and sets info->start, kind and nr_blocks. On failure
 *	   the library logs its code and gives memory of the process instead.
 *  free   frees what alloc gave
 */
struct vaccel_mem_ops {
	int (*alloc)(struct vaccel_mem_info *info);
	void (*free)(const struct vaccel_mem_info *info);
};

/*
 * vaccel_plugin_register_memory - offer memory; plugins call this from init
 * @plugin: the plugin, &vaccel_this_plugin
 * @ops:    must stay valid while the plugin is loaded
 *
 * When the plugin is unloaded, memory that is left is freed first. EINVAL: NULL. ENOMEM.
 */
int vaccel_plugin_register_memory(struct vaccel_plugin *plugin, const struct vaccel_mem_ops *ops);

/*
 * For plugins that prepare memory for their device, such as by pinning it for its DMA: they are
 * told of each range that may hold arguments of operations for long. One call at a time.
 *  mapped    the range has begun to exist
 *  unmapped  it ceases to exist when this returns; no operation uses it any more
 * Neither may call functions of this header.
 */
struct vaccel_mem_watcher {
	void (*mapped)(void *start, size_t size);
	void (*unmapped)(void *start, size_t size);
};

/*
 * vaccel_plugin_watch_memory - ask to be told of memory; plugins call this from init
 * @plugin:  the plugin, &vaccel_this_plugin
 * @watcher: must stay valid while the plugin is loaded
 *
 * What exists already is told at once: allocations of sessions of this plugin, and, in a host
 * process, the registered memory of its guests. EINVAL: NULL. ENOMEM.
 */
int vaccel_plugin_watch_memory(struct vaccel_plugin *plugin,
			       const struct vaccel_mem_watcher *watcher);

/*
 * For host processes: tell all plugins that watch memory of a range that is mapped for guests, and
 * that it is about to be unmapped. Ranges may overlap. EINVAL: NULL, a size of 0. ENOMEM. ENOENT:
 * vaccel_mem_withdraw of a range that was not announced like this.
 */
int vaccel_mem_announce(void *start, size_t size);
int vaccel_mem_withdraw(void *start, size_t size);

#ifdef __cplusplus
}
#endif
