/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests that ask for more memory than there is, to see VACCEL_ENOMEM: the sanitizers end the
 * program there unless they are told to return NULL as malloc does.
 */
#pragma once

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}
