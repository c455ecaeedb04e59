// SPDX-License-Identifier: Apache-2.0
/* The steps of --check on a host: a vhost-user-accel of its own is started, and says itself what it lacks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Not on 32-bit ARM, whose kernels have no KVM */
#if __has_include(<asm/kvm.h>)
#include <linux/kvm.h>
#else
#define KVM_GET_API_VERSION _IO(0xae, 0x00)
#define KVM_API_VERSION	    12
#endif

#include "check.h"

#define PROGRAM	     "vhost-user-accel"
#define MAX_OPTIONS  64
/* What it logs with -v when a worker can take calls, and then a client can come */
#define READY	     " is ready"
#define LISTENS	     " listening on "
/* A worker that serves has said all; the rest of the log is taken with it. */
#define END_TIMEOUT_S 10

static bool is_program(const char *path)
{
	return !access(path, X_OK);
}

const char *check_host_program(void)
{
	static char path[4096];
	const char *named = getenv("VHOST_USER_ACCEL"), *dirs = getenv("PATH");
	char *copy, *rest, *dir;

	if (named && *named)
		return named;
	copy = rest = strdup(dirs ? dirs : "");
	path[0] = '\0';
	while (copy && !*path && (dir = strsep(&rest, ":"))) {
		snprintf(path, sizeof(path), "%s/" PROGRAM, dir);
		if (!is_program(path))
			path[0] = '\0';
	}
	free(copy);
	return *path ? path : NULL;
}

void check_kvm(struct checks *c)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		check_add(c, CHECK_WARNING, "KVM", "no permission to open /dev/kvm: VMs of this user are "
			  "emulated and slow: add the user to the group kvm and log in again");
	else if (fd < 0)
		check_add(c, CHECK_WARNING, "KVM", "/dev/kvm cannot be opened (%m): VMs are emulated and slow: "
			  "switch virtualisation on in the firmware, or nested virtualisation, and load kvm_intel "
			  "or kvm_amd; without VMs nothing needs to be done");
	else if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		check_add(c, CHECK_WARNING, "KVM", "what is at /dev/kvm is not KVM: VMs are emulated and slow");
	else if (!access("/sys/module/kvm_pvm", F_OK))
		check_add(c, CHECK_WARNING, "KVM", "the KVM of this host (kvm_pvm) does not run ordinary guests: "
			  "VMs are emulated and slow; use a host with hardware virtualisation");
	else
		check_add(c, CHECK_OK, "KVM", "/dev/kvm can be used");
	if (fd >= 0)
		close(fd);
}

struct host {
	const char *program;
	char dir[64], socket[128];
	char **options;
};

/* Of two options of a kind the last one counts: the socket may be the operator's, which has to be free. */
static int run_host(void *arg)
{
	struct host *h = arg;
	char option[160], *argv[MAX_OPTIONS + 8] = { (char *)h->program, option };
	char *const own[] = { "--max-clients=1", "--log-format=text", "-v" };
	size_t n = 2;

	for (size_t i = 0; h->options[i] && i < MAX_OPTIONS; i++)
		argv[n++] = h->options[i];
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		argv[n++] = own[i];
	snprintf(option, sizeof(option), "--socket-path=%s", h->socket);
	execv(h->program, argv);
	fprintf(stderr, "%s cannot be run: %m: install the package vhost-user-accel\n", h->program);
	return 127;
}

/* What is not needed, since something else makes up for it, is no warning of the host's, but one here. */
static void add_warnings(struct checks *c)
{
	char text[CHECK_TEXT], *rest = text, *line;

	if (probe_lines(&c->probe, "ew", text, sizeof(text)))
		check_add(c, CHECK_WARNING, "host", "%s", text);
	probe_lines(&c->probe, "i", text, sizeof(text));
	while ((line = strsep(&rest, "\n")))
		if (strstr(line, "sandbox lacks: "))
			check_add(c, CHECK_WARNING, "host", "%s", line);
}

static void run(struct checks *c, struct host *h)
{
	char text[CHECK_TEXT];
	bool ready;

	if (!probe_start(&c->probe, run_host, h)) {
		check_no_process(c, "host");
		return;
	}
	ready = probe_wait(&c->probe, READY, c->timeout_s) && probe_wait(&c->probe, LISTENS, c->timeout_s);
	if (ready)
		probe_end(&c->probe, END_TIMEOUT_S);
	if (!ready) {
		if (!probe_lines(&c->probe, "e-", text, sizeof(text)))
			snprintf(text, sizeof(text), "%.2000s", c->probe.log);
		check_add(c, CHECK_FAILED, "host", "%s%s", c->probe.timed_out ? "no worker starts in time "
			  "(--timeout): " : "", text);
		return;
	}
	add_warnings(c);
	check_add(c, CHECK_OK, "host", "%s starts workers with these plugins", h->program);
}

void check_host(struct checks *c)
{
	static struct host h;

	h.program = check_host_program() ?: PROGRAM;
	h.options = c->host_options;
	snprintf(h.dir, sizeof(h.dir), "/tmp/vaccel-check.XXXXXX");
	if (!mkdtemp(h.dir)) {
		check_add(c, CHECK_FAILED, "host", "no directory can be made in /tmp: %m: make room there");
		return;
	}
	snprintf(h.socket, sizeof(h.socket), "%s/check.sock", h.dir);
	run(c, &h);
	unlink(h.socket);
	rmdir(h.dir);
}
