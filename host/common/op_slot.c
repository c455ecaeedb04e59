// SPDX-License-Identifier: Apache-2.0
#include "op_slot.h"

#include <stddef.h>

#include "ops/optable.h"
#include "policy.h"
#include "uapi/linux/virtio_accel.h"

#define HALF (OP_SLOTS / 2u)
#define BASE ((unsigned int)VIRTIO_ACCEL_OP_SESSION_INIT)

unsigned int op_slot(unsigned int op)
{
	if (op < HALF)
		return op;
	return op >= BASE && op - BASE < HALF ? HALF + op - BASE : OP_SLOTS - 1;
}

unsigned int op_slot_code(unsigned int slot)
{
	return slot < HALF ? slot : BASE + slot - HALF;
}

const char *op_name(unsigned int op)
{
#define X_NAME(NAME, number) { #NAME, number },
	static const struct {
		const char *name;
		unsigned int op;
	} control[] = { CONTROL_OPS(X_NAME) };
	const char *name = policy_op_name(op);

	for (size_t i = 0; !name && i < sizeof(control) / sizeof(control[0]); i++)
		if (control[i].op == op)
			name = control[i].name;
	return name;
}
