// SPDX-License-Identifier: Apache-2.0
#include "op.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/vop.h"
#include "plugin.h"
#include "vaccel/error.h"
#include "vaccel/log.h"
#include "vaccel/plugin_ext.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects regions */
static struct vaccel_prof_region regions[PROF_NR];	  /* of the backend "base" */
static char names[PROF_NR][VACCEL_ENUM_STR_MAX + 16];
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

const char *op_text(vaccel_op_type_t type)
{
	if (type < VACCEL_OP_MAX || !vop_is_op(type))
		return vaccel_op_type_to_str(type);
	return vop_find((uint16_t)type)->label;
}

int op_begin(struct vaccel_session *sess, vaccel_op_type_t type, void **func)
{
	if (!sess || sess->id <= 0 || !sess->plugin) {
		vaccel_error("Cannot run %s: no session, or one that is not in use",
			     op_text(type));
		return VACCEL_EINVAL;
	}
	*func = vaccel_plugin_op_func(sess, type);
	return *func ? VACCEL_OK : VACCEL_ENOTSUP;
}

int op_begin_resource(struct vaccel_session *sess, vaccel_op_type_t type,
		      struct vaccel_resource *res, vaccel_resource_type_t res_type, void **func)
{
	char need[VACCEL_ENUM_STR_MAX];

	if (!res || res->type != res_type) {
		vaccel_error("Cannot run %s: it takes a resource of type %s",
			     op_text(type),
			     vaccel_resource_type_name(res_type, need, sizeof(need)));
		return VACCEL_EINVAL;
	}
	if (sess && sess->id > 0 && !vaccel_session_has_resource(sess, res)) {
		vaccel_error("Cannot run %s: resource %" PRId64
			     " is not registered with session %" PRId64,
			     op_text(type), res->id, sess->id);
		return VACCEL_EPERM;
	}
	return op_begin(sess, type, func);
}

static void make_names(void)
{
	static const char *const others[PROF_NR] = {
		[PROF_SESSION_INIT] = "session_init",
		[PROF_SESSION_RELEASE] = "session_release",
		[PROF_RESOURCE_REGISTER] = "resource_register",
		[PROF_RESOURCE_UNREGISTER] = "resource_unregister",
	};

	for (unsigned int slot = 0; slot < PROF_NR; slot++) {
		char op[VACCEL_ENUM_STR_MAX];

		if (others[slot])
			strcpy(names[slot], others[slot]);
		else
			snprintf(names[slot], sizeof(names[slot]), "vaccel_%s_op", slot < VACCEL_OP_MAX ?
				 vaccel_op_type_name((vaccel_op_type_t)slot, op, sizeof(op)) :
				 op_text((vaccel_op_type_t)vop_of_slot(slot)));
	}
}

void op_prof_begin(struct op_prof *p, unsigned int slot)
{
	p->slot = slot;
	p->op_plugin = NULL;
	p->backend = prof_backend();
	if (p->backend == &prof_base) {
		p->start = prof_now();
		return;
	}
	pthread_once(&names_once, make_names);
	p->region = (struct vaccel_prof_region)VACCEL_PROF_REGION_INIT(names[slot]);
	p->backend->region_start(&p->region);
}

void op_prof_begin_op(struct op_prof *p, const struct vaccel_session *sess, vaccel_op_type_t type)
{
	if (!vop_is_op(type)) {
		p->backend = NULL;
		return;
	}
	op_prof_begin(p, vop_slot(type));
	/* Now: the session may be gone afterwards. */
	if (p->backend != &prof_base)
		p->op_plugin = vaccel_session_op_plugin(sess, type);
}

/* To one of the backend "base": a region of all calls */
static void add_sample(unsigned int slot, uint64_t start)
{
	const uint64_t end = prof_now();

	pthread_mutex_lock(&lock);
	/* Without memory the sample is missing in the report, which is all it is for. */
	prof_region_add(&regions[slot], start, end - start);
	pthread_mutex_unlock(&lock);
}

void op_prof_finish(struct op_prof *p)
{
	const struct vaccel_prof_backend *backend = p->backend;

	p->backend = NULL;
	if (backend == &prof_base) {
		add_sample(p->slot, p->start);
		return;
	}
	if (p->slot < VOP_NR_OPS && backend->region_stop_with_context)
		backend->region_stop_with_context(&p->region, (vaccel_op_type_t)vop_of_slot(p->slot), p->op_plugin);
	else
		backend->region_stop(&p->region);
	backend->region_release(&p->region);
}

void op_prof_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void op_prof_after_fork(bool child)
{
	for (int slot = 0; child && slot < PROF_NR; slot++) {
		free(regions[slot].samples);
		regions[slot] = (struct vaccel_prof_region){ 0 };
	}
	pthread_mutex_unlock(&lock);
}

void op_prof_flush(void)
{
	const bool enabled = vaccel_prof_enabled();

	pthread_once(&names_once, make_names);
	pthread_mutex_lock(&lock);
	for (unsigned int slot = 0; slot < PROF_NR; slot++) {
		regions[slot].name = names[slot];
		if (enabled)
			prof_base.region_print(&regions[slot]);
		prof_base.region_release(&regions[slot]);
	}
	pthread_mutex_unlock(&lock);
}
