/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSPORT_CPU_H
#define TRANSPORT_CPU_H

/** cpu_relax() - tells the processor that the caller polls */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield" : : : "memory");
#endif
}

#endif
