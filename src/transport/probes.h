/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static probes (USDT) at the points that traces have times of, for bpftrace, perf and systemtap: provider "vaccel".
 * A probe that nobody looks at is one instruction that does nothing. Without sys/sdt.h there are none.
 *
 * In libvaccel:         op__begin(op, session)        op__end(op, session, result)
 * In the plugin virtio: call__sent(op, session, message bytes)  call__answered(op, session, result)
 * In the worker:        request__taken(op, context)   engine__begin(op, context)   engine__end(op, context, result)
 *                       request__replied(op, context, reply bytes)
 *
 * Asynchronous calls have no op__begin and op__end, and may be answered in another thread than they were sent in. A
 * request that is taken may end without an engine, if it is refused. op is the code of docs/virtio-accel.md, appendix A.
 * What has no session gives 0.
 */
#ifndef TRANSPORT_PROBES_H
#define TRANSPORT_PROBES_H

#ifdef HAVE_SDT
#include <sys/sdt.h>
#define PROBE2(name, a, b) DTRACE_PROBE2(vaccel, name, a, b)
#define PROBE3(name, a, b, c) DTRACE_PROBE3(vaccel, name, a, b, c)
#else
#define PROBE2(name, a, b) ((void)(a), (void)(b))
#define PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
