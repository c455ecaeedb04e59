// SPDX-License-Identifier: Apache-2.0
// The headers are usable from C++: this file compiles and links.
#include "vaccel.h"

int main()
{
	char name[VACCEL_ENUM_STR_MAX];
	struct vaccel_resource *res = nullptr;
	struct vaccel_op op = VACCEL_OP_INIT(op, VACCEL_OP_NOOP, vaccel_noop);

	vaccel_debug("%s", vaccel_op_type_name(op.type, name, sizeof(name)));
	if (vaccel_resource_refcount(res) != -(long)VACCEL_EINVAL)
		return 1;
	return vaccel_plugin_register_op(&op);
}

struct vaccel_plugin vaccel_this_plugin;
