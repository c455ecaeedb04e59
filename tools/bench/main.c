// SPDX-License-Identifier: Apache-2.0
/* vaccel-bench: options, and the measurements that they ask for. */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "bench-tool.h"
#include "wire/codec.h"

#define MAX_SIZE (UINT64_C(1) << 40)

const char *argp_program_version = "vaccel-bench " VACCEL_PROJECT_VERSION;

const char *const op_names[NR_OPS] = {"noop", "touch", "echo", "copy", "sum", "fill", "compute"};
const char *const path_names[NR_PATHS] = {"auto", "inline", "pinned", "registered"};
const char *const peer_names[NR_PEERS] = {
	"unix", "vsock", "eventfd", "poll", "memcpy", "local", "single", "small", "untraced",
};

static const char doc[] =
	"Measures how long operations take on their way through vAccel, and what else takes how "
	"long.\v"
	"Each combination of the lists is measured. Operations run in the plugin that "
	"VACCEL_PLUGINS names: libvaccel-bench.so, or libvaccel-virtio.so with libvaccel-bench.so "
	"on a host that allows exec.\n\n"
	"  noop     nothing, without arguments\n"
	"  touch    SIZE bytes each way that nobody looks at\n"
	"  echo     SIZE bytes each way, copied once; what is written also travels to the plugin\n"
	"  copy     the same as an array copy, whose results are results only\n"
	"  sum      SIZE bytes to the plugin, all read and checked\n"
	"  fill     SIZE bytes from the plugin, all written and checked\n"
	"  compute  only work for a processor\n\n"
	"Comparators, which take turns with the operation in small rounds:\n\n"
	"  unix     SIZE bytes each way through a unix socket to a process that echoes\n"
	"  vsock    the same through vsock\n"
	"  eventfd  two processes wake each other\n"
	"  poll     two processes look at shared memory\n"
	"  memcpy   one copy of SIZE bytes\n"
	"  local    compute in this program, in as many threads (by operations per second)\n"
	"  single   the operation in one thread (by operations per second)\n"
	"  small    touch with 64 bytes\n"
	"  untraced the operation without the trace that VACCEL_TRACE asks for\n\n"
	"Exit status: 0 all was measured, 1 an operation failed or its result was wrong, 64 wrong "
	"options, 66 a file cannot be opened, 69 there is no accelerator or no vsock, 71 a failure "
	"of the system, 73 the socket of --serve cannot be made.";

enum {
	OPT_CALLS = 0x100,
	OPT_COMPUTE_US,
	OPT_CONSOLE,
	OPT_CPUS,
	OPT_DISK,
	OPT_DISTURB,
	OPT_LABEL,
	OPT_MACHINE,
	OPT_ROUND_MS,
	OPT_SERVE,
	OPT_VSOCK,
};

static const struct argp_option options[] = {
	{"op", 'o', "LIST", 0, "Operations (default: touch)", 1},
	{"size", 's', "LIST", 0, "Bytes each way; K, M, G are understood (default: 64,4K,64K,1M)", 1},
	{"path", 'p', "LIST", 0,
	 "How the bytes travel: inline (up to 1K), pinned, registered, or auto (default): inline if "
	 "they fit, else pinned", 1},
	{"threads", 't', "LIST", 0, "Threads that call at once (default: 1)", 1},
	{"compare", 'c', "LIST", 0, "What to compare with (default: nothing)", 1},
	{"rounds", 'r', "N", 0, "Rounds (default 11)", 2},
	{"round-ms", OPT_ROUND_MS, "N", 0, "Length of a round in milliseconds (default 20)", 2},
	{"calls", OPT_CALLS, "N", 0, "Calls of a round, in place of a length", 2},
	{"compute-us", OPT_COMPUTE_US, "N", 0, "Length of an op compute (default 2000)", 2},
	{"cpus", OPT_CPUS, "A,B", 0,
	 "Run on processor A, and the comparators' other ends on B (default: anywhere)", 2},
	{"vsock", OPT_VSOCK, "CID:PORT", 0, "Where the echo of vsock is (default 2:5201)", 2},
	{"label", OPT_LABEL, "TEXT", 0, "Name of the results, with --json", 3},
	{"json", 'j', NULL, 0, "Print a JSON object per line, not a table", 3},
	{"machine", OPT_MACHINE, NULL, 0,
	 "With --json: also how long the machine takes for copies of 1 MiB and for a wake-up", 3},
	{"disturb", OPT_DISTURB, "SECONDS", 0,
	 "Instead: how an operation of this length disturbs timers and other operations", 4},
	{"disk", OPT_DISK, "FILE", 0, "With --disturb: also reads of this disk", 4},
	{"console", OPT_CONSOLE, "FILE", 0, "With --disturb: also writes to this terminal", 4},
	{"serve", OPT_SERVE, "PATH", 0,
	 "Instead: listen on this unix socket, and echo for comparator vsock", 4},
	{0},
};

static uint64_t number(struct argp_state *state, const char *name, const char *arg, uint64_t min,
		       uint64_t max)
{
	static const char suffixes[] = "KMG";
	const char *at;
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (max == MAX_SIZE && *end && (at = strchr(suffixes, *end))) {
		unsigned int shift = 10 * (unsigned int)(at - suffixes + 1);

		if (value > UINT64_MAX >> shift)
			errno = ERANGE;
		value <<= shift;
		end++;
	}
	if (errno || *end || *arg < '0' || *arg > '9' || value < min || value > max)
		argp_error(state, "--%s: %s is not a number from %llu to %llu", name, arg,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

/* Splits a list in place. Return: how many words there are; ends the program if too many. */
static unsigned int split(struct argp_state *state, const char *name, char *list,
			  char *words[MAX_LIST])
{
	unsigned int nr = 0;
	char *save;

	for (char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (nr == MAX_LIST)
			argp_error(state, "--%s: more than %d entries", name, MAX_LIST);
		words[nr++] = word;
	}
	if (!nr)
		argp_error(state, "--%s: the list is empty", name);
	return nr;
}

static unsigned int names(struct argp_state *state, const char *name, char *list,
			  const char *const *known, int nr_known, int *values)
{
	char *words[MAX_LIST];
	unsigned int nr = split(state, name, list, words);

	for (unsigned int i = 0; i < nr; i++) {
		int at = 0;

		while (at < nr_known && strcmp(words[i], known[at]))
			at++;
		if (at == nr_known)
			argp_error(state, "--%s: %s is unknown; see --help", name, words[i]);
		values[i] = at;
	}
	return nr;
}

static void pair(struct argp_state *state, const char *name, char *arg, char separator,
		 uint64_t max, uint64_t values[2])
{
	char *second = strchr(arg, separator);

	if (!second)
		argp_error(state, "--%s: two numbers with %c between them are expected", name,
			   separator);
	*second++ = '\0';
	values[0] = number(state, name, arg, 0, max);
	values[1] = number(state, name, second, 0, max);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bench_options *o = state->input;
	char *words[MAX_LIST];
	uint64_t two[2];

	switch (key) {
	case 'o':
		o->nr_ops = names(state, "op", arg, op_names, NR_OPS, o->ops);
		break;
	case 's':
		o->nr_sizes = split(state, "size", arg, words);
		for (unsigned int i = 0; i < o->nr_sizes; i++)
			o->sizes[i] = number(state, "size", words[i], 1, MAX_SIZE);
		break;
	case 'p':
		o->nr_paths = names(state, "path", arg, path_names, NR_PATHS, o->paths);
		break;
	case 't':
		o->nr_threads = split(state, "threads", arg, words);
		for (unsigned int i = 0; i < o->nr_threads; i++)
			o->threads[i] = (int)number(state, "threads", words[i], 1, MAX_THREADS);
		break;
	case 'c':
		o->nr_peers = names(state, "compare", arg, peer_names, NR_PEERS, o->peers);
		break;
	case 'r':
		o->rounds = (unsigned int)number(state, "rounds", arg, 1, 1000);
		break;
	case OPT_ROUND_MS:
		o->round_ns = number(state, "round-ms", arg, 1, 60000) * 1000000;
		break;
	case OPT_CALLS:
		o->calls = (unsigned int)number(state, "calls", arg, 1, 1000000);
		break;
	case OPT_COMPUTE_US:
		o->compute_ns = number(state, "compute-us", arg, 1, 10000000) * 1000;
		break;
	case OPT_CPUS:
		pair(state, "cpus", arg, ',', 1023, two);
		o->cpus[0] = (int)two[0];
		o->cpus[1] = (int)two[1];
		break;
	case OPT_VSOCK:
		pair(state, "vsock", arg, ':', UINT32_MAX, two);
		o->vsock_cid = (unsigned int)two[0];
		o->vsock_port = (unsigned int)two[1];
		break;
	case OPT_LABEL:
		o->label = arg;
		break;
	case 'j':
		o->json = true;
		break;
	case OPT_MACHINE:
		o->machine = true;
		break;
	case OPT_DISTURB:
		o->disturb_s = (unsigned int)number(state, "disturb", arg, 1, 250);
		break;
	case OPT_DISK:
		o->disk = arg;
		break;
	case OPT_CONSOLE:
		o->console = arg;
		break;
	case OPT_SERVE:
		o->serve = arg;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument %s", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* What the case is, if it can be; false when the op has no use for it. */
static bool plan(const struct bench_options *o, struct bench_case *c)
{
	if (c->op == OP_NOOP || c->op == OP_COMPUTE) {
		/* These have no data; one size and one path stand for all. */
		c->path = PATH_AUTO;
		if (c->size != o->sizes[0] || (int)c->path != o->paths[0])
			return false;
		c->size = 0;
		return true;
	}
	if (c->op == OP_COPY && c->size % sizeof(int))
		return false;
	if (c->path == PATH_AUTO)
		c->path = c->size <= VOP_INLINE_MAX ? PATH_INLINE : PATH_PINNED;
	if (c->path == PATH_INLINE && c->size > VOP_INLINE_MAX)
		return false;
	if (c->path == PATH_PINNED && c->size <= VOP_INLINE_MAX)
		return false;
	return true;
}

static struct side *peer_side(const struct bench_options *o, enum peer peer,
			      const struct bench_case *c)
{
	const struct bench_case small = {OP_TOUCH, PATH_INLINE, SMALL_SIZE, 1};
	uint64_t size = c->size ? c->size : SMALL_SIZE;
	struct side *s = NULL;

	switch (peer) {
	case PEER_UNIX:
		return side_unix(size, o->cpus);
	case PEER_VSOCK:
		return side_vsock(size, o->vsock_cid, o->vsock_port);
	case PEER_EVENTFD:
		return side_eventfd(o->cpus);
	case PEER_POLL:
		return side_poll(o->cpus);
	case PEER_MEMCPY:
		return side_memcpy(size);
	case PEER_LOCAL:
		return side_local(c->threads);
	case PEER_SMALL:
		s = side_call(&small);
		s->name = peer_names[peer];
		break;
	case PEER_SINGLE:
	case PEER_UNTRACED:
	case NR_PEERS:
		break;
	}
	return s;
}

static bool run_case(const struct bench_options *o, struct bench_case *c)
{
	struct side *sides[MAX_SIDES];

	if (!plan(o, c))
		return false;
	if (c->op == OP_COMPUTE)
		call_calibrate(o->compute_ns);
	/* First those that start a process; two use what the measured side has. */
	for (unsigned int i = 0; i < o->nr_peers; i++)
		if (o->peers[i] != PEER_SINGLE && o->peers[i] != PEER_UNTRACED)
			sides[1 + i] = peer_side(o, (enum peer)o->peers[i], c);
	sides[0] = side_call(c);
	for (unsigned int i = 0; i < o->nr_peers; i++)
		if (o->peers[i] == PEER_SINGLE)
			sides[1 + i] = side_single(sides[0]);
		else if (o->peers[i] == PEER_UNTRACED)
			sides[1 + i] = side_untraced(sides[0]);
	compare(o, c, sides, o->nr_peers + 1);
	return true;
}

static void run_all(const struct bench_options *o)
{
	struct bench_case c;
	bool any = false;

	for (unsigned int i = 0; i < o->nr_ops; i++)
		for (unsigned int p = 0; p < o->nr_paths; p++)
			for (unsigned int s = 0; s < o->nr_sizes; s++)
				for (unsigned int t = 0; t < o->nr_threads; t++) {
					c = (struct bench_case){
						(enum op)o->ops[i], (enum path)o->paths[p],
						o->sizes[s], (unsigned int)o->threads[t],
					};
					any |= run_case(o, &c);
				}
	if (!any)
		bench_die(EX_USAGE, "no size fits a path: inline is for up to %d bytes, pinned for "
				    "more; copy takes a multiple of %zu", VOP_INLINE_MAX,
			  sizeof(int));
}

int main(int argc, char **argv)
{
	const struct argp argp = {options, parse, NULL, doc, NULL, NULL, NULL};
	struct bench_options o = {
		.ops = {OP_TOUCH}, .nr_ops = 1,
		.paths = {PATH_AUTO}, .nr_paths = 1,
		.threads = {1}, .nr_threads = 1,
		.sizes = {64, 4 << 10, 64 << 10, 1 << 20}, .nr_sizes = 4,
		.rounds = 11,
		.round_ns = 20000000,
		.compute_ns = 2000000,
		.cpus = {-1, -1},
		.vsock_cid = 2, .vsock_port = 5201,
	};

	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.nr_peers >= MAX_SIDES)
		bench_die(EX_USAGE, "--compare: at most %d comparators", MAX_SIDES - 1);
	if (o.serve)
		stream_serve(o.serve);
	pin_to(o.cpus[0]);
	print_machine(&o);
	if (o.machine)
		machine_open(&o);
	if (o.disturb_s) {
		call_calibrate(o.compute_ns);
		disturb(&o);
	} else {
		run_all(&o);
	}
	machine_close();
	return 0;
}
