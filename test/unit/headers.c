// SPDX-License-Identifier: Apache-2.0
/* The headers are usable from strict C11. */
#include "vaccel.h"

int main(void)
{
	return vaccel_is_initialized() || sizeof(struct vaccel_session) < PATH_MAX;
}
