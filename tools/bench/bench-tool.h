/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of vaccel-bench. A side is something that can be called again and again and timed: an
 * operation of vAccel, or what it is compared with. compare.c runs the sides in small rounds, one
 * after the other, so that what disturbs the machine disturbs all of them.
 */
#ifndef TOOLS_BENCH_TOOL_H
#define TOOLS_BENCH_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "transport/clock.h"

#define MAX_LIST    32
#define MAX_THREADS 64
#define MAX_SIDES   10
#define SMALL_SIZE  64
/* What the machine's own speed is measured with */
#define MACHINE_COPY (1 << 20)

enum op { OP_NOOP, OP_TOUCH, OP_ECHO, OP_COPY, OP_SUM, OP_FILL, OP_COMPUTE, NR_OPS };
enum path { PATH_AUTO, PATH_INLINE, PATH_PINNED, PATH_REGISTERED, NR_PATHS };
enum peer {
	PEER_UNIX, PEER_VSOCK, PEER_EVENTFD, PEER_POLL, PEER_MEMCPY, PEER_LOCAL, PEER_SINGLE,
	PEER_SMALL, PEER_UNTRACED, NR_PEERS
};

extern const char *const op_names[NR_OPS];
extern const char *const path_names[NR_PATHS];
extern const char *const peer_names[NR_PEERS];

/* What the command line says */
struct bench_options {
	int ops[MAX_LIST], paths[MAX_LIST], threads[MAX_LIST], peers[MAX_LIST];
	uint64_t sizes[MAX_LIST];
	unsigned int nr_ops, nr_paths, nr_threads, nr_peers, nr_sizes;
	unsigned int rounds;
	unsigned int calls;	/* per round; 0: as many as fit into round_ns */
	uint64_t round_ns;
	uint64_t compute_ns;	/* how long an op "compute" is to take */
	int cpus[2];		/* -1: any */
	unsigned int vsock_cid, vsock_port;
	const char *serve;	/* socket to echo on, in place of a benchmark */
	unsigned int disturb_s;	/* > 0: measure how an operation of this length disturbs */
	const char *disk, *console;
	const char *label;
	bool json;
	bool machine;		/* also say how the machine does meanwhile */
};

/* One measurement: an op of a size, on a path, in some threads */
struct bench_case {
	enum op op;
	enum path path;
	uint64_t size;
	unsigned int threads;
};

struct side {
	const char *name;
	unsigned int threads;
	bool by_rate;	/* compared by calls per second, not by the time of a call */

	/*
	 * A round: calls in all threads until one of them has made nr. ns, which has room for nr
	 * times the threads, receives how long each took, and made how many there were. 0 or an
	 * errno value
	 */
	int (*run)(struct side *s, unsigned int nr, uint64_t *ns, size_t *made);
	/* Before a round, and after it: new contents, and whether they arrived. May be NULL. */
	void (*prepare)(struct side *s, uint64_t seed);
	bool (*verify)(struct side *s, uint64_t seed);
	/* What the user can do about an error of run(), after a semicolon; may be NULL */
	const char *(*hint)(int err);
	void (*close)(struct side *s);

	/* compare.c's */
	unsigned int calls;
	uint64_t *samples;
	size_t nr_samples;
	double *round_median;	/* ns of a call, per round */
	double *round_rate;	/* calls per second, per round */
	uint64_t ns_total;	/* of all rounds */
};

/* What came of a side */
struct summary {
	double min_us, median_us, p99_us, per_second;
};

/* ---- stats.c ---- */

/* sort_ns() - sorts in place; quantile() takes what is sorted, q from 0 to 1, nr > 0 */
void sort_ns(uint64_t *ns, size_t nr);
double quantile(const uint64_t *sorted, size_t nr, double q);

/* median() - of nr > 0 numbers, which it sorts */
double median(double *values, size_t nr);

/* bench_die() - says why and ends the program with a status of sysexits.h, or 1 */
void bench_die(int status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/* bench_alloc() - zeroed memory, or the end of the program; free() it */
void *bench_alloc(size_t size);

/* bench_data() - the same for a buffer of an operation, in the same kind of pages each time */
void *bench_data(size_t size);

/* ---- crew.c: the same work in several threads, the caller's being one of them ---- */

struct crew;
/* call() - the work, once, by the thread-th thread; 0 or an errno value */
typedef int (*crew_call)(void *arg, unsigned int thread);

struct crew *crew_new(unsigned int threads, crew_call call, void *arg);
/* crew_run() - a round, as run() of a side */
int crew_run(struct crew *crew, unsigned int nr, uint64_t *ns, size_t *made);
void crew_delete(struct crew *crew);

/* ---- Sides; each function ends the program when there is no such thing ---- */

/* call.c */
struct side *side_call(const struct bench_case *c);
/* One thread, in each round with the session and the data of another thread of that side */
struct side *side_single(struct side *call);
/* That side without its trace */
struct side *side_untraced(struct side *call);
struct side *side_local(unsigned int threads); /* compute, in this process */
void call_calibrate(uint64_t compute_ns);
/* One call of "compute" of about this length. 0 or an errno value. Any thread. */
int call_compute_for(uint64_t ns);
/* "noop" in a session of its own; as above */
int call_noop(void);

/* stream.c: echo of N bytes by a child (unix), or through vsock; and memcpy */
struct side *side_unix(uint64_t size, const int cpus[2]);
struct side *side_vsock(uint64_t size, unsigned int cid, unsigned int port);
struct side *side_memcpy(uint64_t size);
void stream_serve(const char *path) __attribute__((noreturn));

/* pingpong.c: two processes hand a turn to each other */
struct side *side_eventfd(const int cpus[2]);
struct side *side_poll(const int cpus[2]);
/* Copies what the other process has just written, MACHINE_COPY bytes */
struct side *side_handed_over(const int cpus[2]);

/* pin_to() - the calling thread to a processor; -1: leaves it */
void pin_to(int cpu);

/* ---- compare.c ---- */

/* Runs the sides against each other and prints the result; sides[0] is what is measured. */
void compare(const struct bench_options *o, const struct bench_case *c, struct side **sides,
	     unsigned int nr_sides);

/* ---- machine.c: nothing happens unless it was opened, before other threads are started ---- */

void machine_open(const struct bench_options *o);
/* Looks once more how the machine does: in every round of a benchmark. */
void machine_look(void);
/* Calls add() with a key for JSON and the median of all looks in microseconds, for each yardstick. */
void machine_print(void (*add)(void *arg, const char *key, double value), void *arg);
void machine_close(void);

/* ---- disturb.c ---- */

void disturb(const struct bench_options *o);

/* ---- print.c ---- */

void print_machine(const struct bench_options *o);
void print_case(const struct bench_options *o, const struct bench_case *c, const struct summary *s);
/* speedup: how many times faster the measured side is: median, lowest, highest of all rounds */
void print_peer(const struct bench_options *o, const struct bench_case *c, const struct summary *s,
		const char *name, const struct summary *peer, const double speedup[3]);
void print_probe(const struct bench_options *o, const char *name, const struct summary *idle,
		 const struct summary *busy);

#endif
