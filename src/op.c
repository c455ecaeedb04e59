// SPDX-License-Identifier: Apache-2.0
#include "op.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/vop.h"
#include "plugin.h"
#include "prof.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects regions */
static struct vaccel_prof_region regions[VOP_NR_OPS];

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

uint64_t op_prof_start(void)
{
	return vaccel_prof_enabled() ? prof_now() : 0;
}

void op_prof_stop(vaccel_op_type_t type, uint64_t start)
{
	uint64_t end;

	if (!start || !vop_is_op(type))
		return;
	end = prof_now();
	pthread_mutex_lock(&lock);
	/* Without memory the sample is missing in the report, which is all it is for. */
	prof_region_add(&regions[vop_slot(type)], start, end - start);
	pthread_mutex_unlock(&lock);
}

void op_prof_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void op_prof_after_fork(bool child)
{
	for (int slot = 0; child && slot < VOP_NR_OPS; slot++) {
		free(regions[slot].samples);
		regions[slot] = (struct vaccel_prof_region){ 0 };
	}
	pthread_mutex_unlock(&lock);
}

void op_prof_flush(void)
{
	pthread_mutex_lock(&lock);
	for (unsigned int slot = 0; slot < VOP_NR_OPS; slot++) {
		char op[VACCEL_ENUM_STR_MAX];
		char name[VACCEL_ENUM_STR_MAX + 16];

		vaccel_op_type_name((vaccel_op_type_t)slot, op, sizeof(op));
		snprintf(name, sizeof(name), "vaccel_%s_op",
			 slot < VACCEL_OP_MAX ? op : op_text((vaccel_op_type_t)vop_of_slot(slot)));
		regions[slot].name = name;
		vaccel_prof_region_print(&regions[slot]);
		free(regions[slot].samples);
		regions[slot] = (struct vaccel_prof_region){ 0 };
	}
	pthread_mutex_unlock(&lock);
}
