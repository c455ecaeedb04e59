// SPDX-License-Identifier: Apache-2.0
/* Memory that suits a plugin, and those who want to know of it. */
#include "memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session.h"
#include "vaccel.h"

/* What plugins have said, in the order in which they did. */
struct client {
	struct client *next;
	struct vaccel_plugin *plugin;
	const struct vaccel_mem_ops *ops;
	const struct vaccel_mem_watcher *watcher;
};

struct allocation {
	struct vaccel_mem_info info;
	struct vaccel_plugin *plugin;
	const struct vaccel_mem_ops *ops; /* NULL: mapped here */
};

/* A range of a host process. */
struct announced {
	struct announced *next;
	void *start;
	size_t size;
};

/*
 * events, the outer one, is held while watchers are told something, and while anything changes that
 * they have to know. lock protects the table and the list of clients, and is never held for long.
 */
static pthread_mutex_t events = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct client *clients;
static struct allocation *table; /* sorted by address */
static size_t nr_allocations, table_size;
static struct announced *announced;

/* ---- Clients -------------------------------------------------------------------------------- */

/* Under lock. NULL: out of memory. */
static struct client *get_client(struct vaccel_plugin *plugin, bool create)
{
	struct client **link = &clients;

	while (*link && (*link)->plugin != plugin)
		link = &(*link)->next;
	if (!*link && create) {
		*link = calloc(1, sizeof(**link));
		if (*link)
			(*link)->plugin = plugin;
	}
	return *link;
}

static const struct vaccel_mem_ops *ops_of(struct vaccel_plugin *plugin)
{
	const struct client *c;
	const struct vaccel_mem_ops *ops;

	pthread_mutex_lock(&lock);
	c = get_client(plugin, false);
	ops = c ? c->ops : NULL;
	pthread_mutex_unlock(&lock);
	return ops;
}

int vaccel_plugin_register_memory(struct vaccel_plugin *plugin, const struct vaccel_mem_ops *ops)
{
	struct client *c;

	if (!plugin || !ops || !ops->alloc || !ops->free)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&events);
	pthread_mutex_lock(&lock);
	c = get_client(plugin, true);
	if (c)
		c->ops = ops;
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&events);
	return c ? VACCEL_OK : VACCEL_ENOMEM;
}

/* Tells the watchers, of one plugin unless it is NULL. events is held: the list does not change. */
static void tell(const struct vaccel_plugin *plugin, bool mapped, void *start, size_t size)
{
	for (const struct client *c = clients; c; c = c->next) {
		if (!c->watcher || (plugin && c->plugin != plugin))
			continue;
		if (mapped)
			c->watcher->mapped(start, size);
		else
			c->watcher->unmapped(start, size);
	}
}

/* Tells a new watcher of what is there. events is held. */
static void tell_all(const struct client *c)
{
	for (const struct announced *a = announced; a; a = a->next)
		c->watcher->mapped(a->start, a->size);
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < nr_allocations; i++)
		if (table[i].plugin == c->plugin)
			c->watcher->mapped(table[i].info.start, table[i].info.size);
	pthread_mutex_unlock(&lock);
}

int vaccel_plugin_watch_memory(struct vaccel_plugin *plugin,
			       const struct vaccel_mem_watcher *watcher)
{
	struct client *c;

	if (!plugin || !watcher || !watcher->mapped || !watcher->unmapped)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&events);
	pthread_mutex_lock(&lock);
	c = get_client(plugin, true);
	if (c)
		c->watcher = watcher;
	pthread_mutex_unlock(&lock);
	if (c)
		tell_all(c);
	pthread_mutex_unlock(&events);
	return c ? VACCEL_OK : VACCEL_ENOMEM;
}

int vaccel_mem_announce(void *start, size_t size)
{
	struct announced *a;

	if (!start || !size)
		return VACCEL_EINVAL;
	a = malloc(sizeof(*a));
	if (!a)
		return VACCEL_ENOMEM;
	a->start = start;
	a->size = size;
	pthread_mutex_lock(&events);
	a->next = announced;
	announced = a;
	tell(NULL, true, start, size);
	pthread_mutex_unlock(&events);
	return VACCEL_OK;
}

int vaccel_mem_withdraw(void *start, size_t size)
{
	struct announced **link, *a;

	if (!start || !size)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&events);
	for (link = &announced; *link; link = &(*link)->next)
		if ((*link)->start == start && (*link)->size == size)
			break;
	a = *link;
	if (a) {
		*link = a->next;
		tell(NULL, false, start, size);
	}
	pthread_mutex_unlock(&events);
	free(a);
	return a ? VACCEL_OK : VACCEL_ENOENT;
}

/* ---- Allocations ---------------------------------------------------------------------------- */

/* Index of the first allocation that ends behind an address. Under lock. */
static size_t lower_bound(const void *ptr)
{
	size_t lo = 0, hi = nr_allocations;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if ((uintptr_t)table[mid].info.start + table[mid].info.size <= (uintptr_t)ptr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert(const struct allocation *a)
{
	size_t at;

	pthread_mutex_lock(&lock);
	if (nr_allocations == table_size) {
		size_t size = table_size ? 2 * table_size : 16;
		struct allocation *bigger = reallocarray(table, size, sizeof(*table));

		if (!bigger) {
			pthread_mutex_unlock(&lock);
			return VACCEL_ENOMEM;
		}
		table = bigger;
		table_size = size;
	}
	at = lower_bound(a->info.start);
	memmove(&table[at + 1], &table[at], (nr_allocations - at) * sizeof(*table));
	table[at] = *a;
	nr_allocations++;
	pthread_mutex_unlock(&lock);
	return VACCEL_OK;
}

/* Under lock. */
static void remove_at(size_t at)
{
	nr_allocations--;
	memmove(&table[at], &table[at + 1], (nr_allocations - at) * sizeof(*table));
	if (!nr_allocations) {
		free(table);
		table = NULL;
		table_size = 0;
	}
}

static int map_here(struct vaccel_mem_info *info, vaccel_mem_kind_t kind)
{
	void *start;

	if (info->size > PTRDIFF_MAX)
		return VACCEL_ENOMEM;
	start = mmap(NULL, info->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		return VACCEL_ENOMEM;
	/* Huge pages are few runs of guest memory. It does not matter where there are none. */
	(void)madvise(start, info->size, MADV_HUGEPAGE);
	info->start = start;
	info->kind = kind;
	info->nr_blocks = 0;
	return VACCEL_OK;
}

static void give_back(const struct allocation *a)
{
	if (a->ops)
		a->ops->free(&a->info);
	else
		munmap(a->info.start, a->info.size);
}

void memory_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void memory_after_fork(bool child)
{
	size_t kept = 0;

	/* What a plugin has allocated is not mapped in the child; other memory may come to be there. */
	for (size_t i = 0; child && i < nr_allocations; i++)
		if (!table[i].ops)
			table[kept++] = table[i];
	if (child) {
		nr_allocations = kept;
		pthread_mutex_init(&events, NULL);
	}
	pthread_mutex_unlock(&lock);
}

int vaccel_mem_alloc(struct vaccel_session *sess, size_t size, void **ptr)
{
	struct allocation a = { .info = { .size = size } };
	int ret = VACCEL_ENOTSUP;
	bool forwards;

	if (!ptr || !size || !sess || sess->id < 1 || !sess->plugin)
		return VACCEL_EINVAL;
	a.plugin = sess->plugin;
	a.ops = ops_of(a.plugin);
	forwards = a.ops || sess->is_virtio;
	if (a.ops)
		ret = a.ops->alloc(&a.info);
	if (ret) {
		if (forwards)
			vaccel_warn("No memory of %zu bytes can be registered (%s): calls will "
				    "have to describe its pages each time", size, strerror(ret));
		a.ops = NULL;
		ret = map_here(&a.info, forwards ? VACCEL_MEM_PINNED : VACCEL_MEM_ORDINARY);
		if (ret) {
			vaccel_error("Could not allocate %zu bytes: out of memory", size);
			return ret;
		}
	}
	pthread_mutex_lock(&events);
	ret = insert(&a);
	if (!ret)
		tell(a.plugin, true, a.info.start, a.info.size);
	pthread_mutex_unlock(&events);
	if (ret) {
		give_back(&a);
		return ret;
	}
	vaccel_debug("Allocated %zu bytes of memory, kind %d, in %u blocks", size, a.info.kind,
		     a.info.nr_blocks);
	*ptr = a.info.start;
	return VACCEL_OK;
}

int vaccel_mem_free(void *ptr)
{
	struct allocation a = { 0 };
	bool found;
	size_t at;

	if (!ptr)
		return VACCEL_OK;
	pthread_mutex_lock(&events);
	pthread_mutex_lock(&lock);
	at = lower_bound(ptr);
	found = at < nr_allocations && table[at].info.start == ptr;
	if (found) {
		a = table[at];
		remove_at(at);
	}
	pthread_mutex_unlock(&lock);
	if (found)
		tell(a.plugin, false, a.info.start, a.info.size);
	pthread_mutex_unlock(&events);
	if (!found) {
		vaccel_error("Could not free memory: it is not of vaccel_mem_alloc in this process, "
			     "or free already");
		return VACCEL_EINVAL;
	}
	give_back(&a);
	return VACCEL_OK;
}

int vaccel_mem_info(const void *ptr, struct vaccel_mem_info *info)
{
	bool found;
	size_t at;

	if (!ptr || !info)
		return VACCEL_EINVAL;
	pthread_mutex_lock(&lock);
	at = lower_bound(ptr);
	found = at < nr_allocations && (uintptr_t)table[at].info.start <= (uintptr_t)ptr;
	if (found)
		*info = table[at].info;
	pthread_mutex_unlock(&lock);
	return found ? VACCEL_OK : VACCEL_ENOENT;
}

/* An allocation of the plugin, taken out of the table. Return: false when there is none. */
static bool pop_of(const struct vaccel_plugin *plugin, struct allocation *a)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (size_t i = nr_allocations; i-- > 0 && !found;) {
		found = table[i].plugin == plugin;
		if (found) {
			*a = table[i];
			remove_at(i);
		}
	}
	pthread_mutex_unlock(&lock);
	return found;
}

void memory_forget_plugin(struct vaccel_plugin *plugin)
{
	struct client **link, *c;
	struct allocation a;

	pthread_mutex_lock(&events);
	while (pop_of(plugin, &a)) {
		tell(plugin, false, a.info.start, a.info.size);
		give_back(&a);
	}
	pthread_mutex_lock(&lock);
	for (link = &clients; *link && (*link)->plugin != plugin; link = &(*link)->next)
		;
	c = *link;
	if (c)
		*link = c->next;
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&events);
	free(c);
}
