/* SPDX-License-Identifier: Apache-2.0 */
/* Operations in tables of a fixed size: those of the table, and the device's own. */
#ifndef HOST_OP_SLOT_H
#define HOST_OP_SLOT_H

/** Operations of the table (codes below 64) and the device's own (from 0x8000 on) */
#define OP_SLOTS 128

/** op_slot() - the place of an operation. Unknown ones share the last. */
unsigned int op_slot(unsigned int op);

/** op_slot_code() - the operation of a place; of the last, one that there is not */
unsigned int op_slot_code(unsigned int slot);

/** op_name() - the name of an operation, as in lists; of the device's own in capitals. NULL: unknown */
const char *op_name(unsigned int op);

#endif
