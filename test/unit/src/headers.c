// SPDX-License-Identifier: Apache-2.0
/* The headers are usable from strict C11. */
#include "vaccel.h"

/* Initialisers in the order of the members, without braces around those of unions */
static const struct vaccel_arg arg = { NULL, 0, VACCEL_ARG_RAW, 0, false };
static const struct vaccel_tf_status status = { 0, NULL };

int main(void)
{
	return arg.owned || status.code || vaccel_is_initialized() || sizeof(struct vaccel_session) < PATH_MAX;
}
