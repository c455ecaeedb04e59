// SPDX-License-Identifier: Apache-2.0
/*
 * vaccel-info --check names what is wrong: one fault at a time, each in a process of its own that is
 * given the fault and then becomes vaccel-info.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_backend.h"
#include "support.h"
#include "vaccel.h"

/* Status of a child that could not be given its fault */
#define CANNOT 77

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct fault {
	const char *name;
	const char *plugins;	/* VACCEL_PLUGINS */
	void (*make)(void);	/* in the child; NULL: the environment is all */
	const char *env;	/* "NAME=VALUE" for its environment, or NULL */
	const char *options;	/* of vaccel-info, beside --check */
	const char *line;	/* how the line of the result starts */
	const char *says;	/* what its text has */
	int status;
};

static struct daemon host, small_host; /* the latter for one client */
static char socket_path[108];

/* ---- In the child ---------------------------------------------------------------------------- */

static void must(bool ok)
{
	if (!ok)
		_exit(CANNOT);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	must(f && fputs(text, f) >= 0);
	must(!fclose(f));
}

/* Mounts of its own */
static void isolate(void)
{
	const unsigned int uid = getuid(), gid = getgid();
	char map[64];

	must(!unshare(uid ? CLONE_NEWNS | CLONE_NEWUSER : CLONE_NEWNS));
	if (uid) {
		snprintf(map, sizeof(map), "%u %u 1", uid, uid);
		write_file("/proc/self/uid_map", map);
		write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "%u %u 1", gid, gid);
		write_file("/proc/self/gid_map", map);
	}
	must(!mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL));
}

static void mount_empty(const char *dir, unsigned long flags, const char *options)
{
	must(!mount("tmpfs", dir, "tmpfs", flags, options));
}

/* Rights of anybody; files of other users, and modes, count. */
static void drop_rights(void)
{
	must(getuid() || (!setresgid(65534, 65534, 65534) && !setresuid(65534, 65534, 65534)));
}

static void no_library(void)
{
	isolate();
	mount_empty(LIBRARY_DIR, 0, NULL);
}

static void copy(const char *from, const char *to)
{
	char command[1024];

	snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	must(!system(command));
}

/* One that is found before ours */
static void other_library(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/libvaccel.so.0", test_dir());
	copy(OTHER_LIBRARY, path);
	setenv("LD_LIBRARY_PATH", test_dir(), 1);
}

static void damaged_library(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/libvaccel.so.0", test_dir());
	write_file(path, "no library");
	setenv("LD_LIBRARY_PATH", test_dir(), 1);
}

static void use_socket(const char *path)
{
	setenv("VACCEL_VIRTIO_SOCKET", path, 1);
}

static void limit_space(rlim_t bytes)
{
	const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

	must(!SANITIZED && sizeof(void *) > 4 && !setrlimit(RLIMIT_AS, &limit));
}

static void no_space(void)
{
	/* Enough for vaccel-info, and not for the library, too */
	limit_space(3100 << 10);
}

static void little_space(void)
{
	use_socket(host.socket);
	setenv("VACCEL_VIRTIO_MEMORY", "4096", 1);
	limit_space((rlim_t)2 << 30);
}

static void less_space(void)
{
	use_socket(host.socket);
	limit_space((rlim_t)2 << 30);
}

/* Where run directories are, with @options */
static void run_user(unsigned long flags, const char *options)
{
	isolate();
	mount_empty("/run", flags, options);
	if (!(flags & MS_RDONLY))
		must(!mkdir("/run/user", 0755));
}

static void no_rundir(void)
{
	run_user(MS_RDONLY, NULL);
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("TMPDIR");
	mount_empty("/tmp", MS_RDONLY, NULL);
}

static void full_rundir(void)
{
	run_user(0, "size=64k");
}

static void noexec_rundir(void)
{
	run_user(MS_NOEXEC, "size=64m");
}

static void noexec_plugin(void)
{
	char dir[128], path[256];

	isolate();
	snprintf(dir, sizeof(dir), "%s/noexec", test_dir());
	snprintf(path, sizeof(path), "%s/libvaccel-noop.so", dir);
	must(!mkdir(dir, 0700));
	mount_empty(dir, MS_NOEXEC, NULL);
	copy(NOOP_PLUGIN, path);
	setenv("VACCEL_PLUGINS", path, 1);
}

static void text_plugin(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/libvaccel-text.so", test_dir());
	write_file(path, "this is not a library, but a text that is as long as the header of one would have to be");
	setenv("VACCEL_PLUGINS", path, 1);
}

/* The directories that a path is in */
static void make_parents(const char *path)
{
	char dir[256];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		must(!mkdir(dir, 0755) || errno == EEXIST);
	}
}

/* A kernel's files, each "PATH TEXT", or a directory, "PATH/"; %s in a path is the kernel's release. */
static void fake_kernel(const char *const *files)
{
	char path[256];
	struct utsname own;

	isolate();
	must(!uname(&own));
	mount_empty("/sys", 0, NULL);
	mount_empty("/lib/modules", 0, NULL);
	for (; *files; files++) {
		const char *text = strchr(*files, ' '), *release = strstr(*files, "%s");
		size_t len = strcspn(*files, " ");

		if (release)
			snprintf(path, sizeof(path), "%.*s%s%.*s", (int)(release - *files), *files, own.release,
				 (int)(*files + len - release - 2), release + 2);
		else
			snprintf(path, sizeof(path), "%.*s", (int)len, *files);
		make_parents(path);
		if (text)
			write_file(path, text + 1);
	}
}

#define DEVICE "/sys/bus/virtio/devices/virtio0/device 0x0015"
#define DRIVER "/sys/bus/virtio/drivers/virtio_accel/", "/sys/module/virtio_accel/version 0.8.0"

static void no_device(void)
{
	fake_kernel((const char *const[]){ "/sys/bus/virtio/devices/virtio0/device 0x0001", NULL });
}

static void driver_without_device(void)
{
	fake_kernel((const char *const[]){ DRIVER, NULL });
}

static void module_not_loaded(void)
{
	fake_kernel((const char *const[]){ DEVICE, "/lib/modules/%s/updates/dkms/virtio_accel.ko.xz x", NULL });
}

static void module_for_another(void)
{
	fake_kernel((const char *const[]){ DEVICE, "/lib/modules/%s/kernel/virtio_net.ko x",
					   "/lib/modules/5.4.3-other/extra/virtio_accel.ko x", NULL });
}

static void no_module(void)
{
	fake_kernel((const char *const[]){ DEVICE, "/lib/modules/%s/kernel/virtio_net.ko x", NULL });
}

static void device_not_served(void)
{
	fake_kernel((const char *const[]){ DEVICE, DRIVER, NULL });
}

static void node_not_here(void)
{
	fake_kernel((const char *const[]){ DEVICE, DRIVER, "/sys/class/virtio-accel/virtio-accel7/", NULL });
	must(!symlink("/sys/bus/virtio/drivers/virtio_accel", "/sys/bus/virtio/devices/virtio0/driver"));
}

static void other_driver(void)
{
	fake_kernel((const char *const[]){ DEVICE, "/sys/module/virtio_accel/version 0.1.0", NULL });
	setenv("VACCEL_VIRTIO_DEVICE", "/dev/null", 1);
}

static void no_permission(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/node", test_dir());
	write_file(path, "");
	must(!chmod(path, 0) && !chmod(test_dir(), 0755));
	setenv("VACCEL_VIRTIO_DEVICE", path, 1);
	drop_rights();
}

static int listen_at(const char *path, bool really)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	must(fd >= 0 && !bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	must(!really || !listen(fd, 8));
	use_socket(path);
	return fd;
}

static void nobody_listens(void)
{
	listen_at(socket_path, false);
}

static void socket_of_others(void)
{
	must(!close(listen_at(socket_path, true)));
	must(!chmod(socket_path, 0) && !chmod(test_dir(), 0755));
	drop_rights();
}

static void ignore_children(void)
{
	must(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
}

/* A child that lives as long as vaccel-info. Return: whether this is it. */
static bool companion(void)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	return true;
}

/* Who accepts and hangs up */
static void other_service(void)
{
	int fd = listen_at(socket_path, true);

	if (!companion())
		return;
	for (;;)
		close(accept(fd, NULL, NULL));
}

/* Who is there and says nothing */
static void silent_service(void)
{
	listen_at(socket_path, true);
}

/* A device that is not what it ought to be, in a companion */
static void use_fake(const struct fake_options *options)
{
	static struct fake_backend fake;
	int ready[2];

	must(!pipe2(ready, O_CLOEXEC));
	if (!companion()) {
		close(ready[1]);
		must(read(ready[0], fake.path, sizeof(fake.path)) == sizeof(fake.path));
		use_socket(fake.path);
		return;
	}
	/* The name is the same in each companion. */
	snprintf(fake.path, sizeof(fake.path), "%s/fake-1.sock", test_dir());
	unlink(fake.path);
	fake_start(&fake, options);
	must(write(ready[1], fake.path, sizeof(fake.path)) == sizeof(fake.path));
	for (;;)
		pause();
}

static const struct virtio_accel_config good_config = {
	.magic = VIRTIO_ACCEL_MAGIC, .version = VIRTIO_ACCEL_VERSION, .num_queues = 1, .max_segments = 16,
	.max_message = 4096, .max_reply = 4096,
};

static void later_device(void)
{
	struct fake_options options = { .config = good_config };

	options.config.version = htole32(VIRTIO_ACCEL_VERSION + 1);
	use_fake(&options);
}

static void other_device(void)
{
	struct fake_options options = { .config = good_config };

	options.config.magic = 5;
	use_fake(&options);
}

/* It takes requests and does not answer, as where its worker is stopped. */
static void silent_device(void)
{
	use_fake(&(struct fake_options){ .hold = true });
}

static void used_host(void)
{
	struct vaccel_config config;
	int ready[2];
	char c;

	use_socket(small_host.socket);
	must(!pipe2(ready, O_CLOEXEC));
	if (!companion()) {
		close(ready[1]);
		must(read(ready[0], &c, 1) == 1);
		return;
	}
	must(!vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false));
	must(!vaccel_bootstrap_with_config(&config));
	must(write(ready[1], "", 1) == 1);
	for (;;)
		pause();
}

static void use_host(void)
{
	use_socket(host.socket);
}

static void forbid(int call, int err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	must(ctx && !seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)err), call, 0) && !seccomp_load(ctx));
	seccomp_release(ctx);
}

static void no_landlock(void)
{
	forbid(SCMP_SYS(landlock_create_ruleset), ENOSYS);
}

static void no_seccomp(void)
{
	forbid(SCMP_SYS(seccomp), ENOSYS);
}

static void no_namespaces(void)
{
	forbid(SCMP_SYS(unshare), EPERM);
}

static void no_kvm(void)
{
	isolate();
	must(access("/dev/kvm", F_OK) || !mount("/dev/null", "/dev/kvm", NULL, MS_BIND, NULL));
}

static void shared_cache(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/cache", test_dir());
	must(!mkdir(path, 0777) && !chmod(path, 0777));
}

static void wrong_config(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/config", test_dir());
	write_file(path, "[defaults]\nno-such-rule = 1\n");
}

/* ---- Containers -------------------------------------------------------------------------------- */

/* What containers lack that were made by hand, or too narrow. The files of this machine stay. */
static void no_dev(void)
{
	isolate();
	mount_empty("/dev", 0, NULL);
}

static void no_proc(void)
{
	/* Leaks are looked for in there. */
	must(!SANITIZED);
	isolate();
	mount_empty("/proc", 0, NULL);
}

static void no_sys(void)
{
	isolate();
	mount_empty("/sys", 0, NULL);
}

/* --read-only, with no directory that is not */
static void read_only(void)
{
	isolate();
	mount_empty("/tmp", MS_RDONLY, NULL);
	mount_empty("/run", MS_RDONLY, NULL);
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("TMPDIR");
}

/* A volume for the socket that the other container has not made */
static void empty_volume(void)
{
	isolate();
	mount_empty(test_dir(), 0, NULL);
	use_socket(host.socket);
}

/* Of the socket's own directory: the file is bound, and its service has been started again */
static void stale_socket(void)
{
	char path[108];
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(path, sizeof(path), "%s/stale.sock", test_dir());
	strcpy(addr.sun_path, path);
	unlink(path);
	must(sock >= 0 && !bind(sock, (struct sockaddr *)&addr, sizeof(addr)));
	close(sock);
	use_socket(path);
}

/* --ulimit nofile= */
static void few_descriptors(void)
{
	const struct rlimit few = { .rlim_cur = 4, .rlim_max = 4 };

	must(!setrlimit(RLIMIT_NOFILE, &few));
}

/* --user: somebody without a name and without a home */
static void nobody_user(void)
{
	drop_rights();
	setenv("HOME", "/nonexistent", 1);
	unsetenv("XDG_RUNTIME_DIR");
}

/* ---- The table -------------------------------------------------------------------------------- */

#define NOOP	NOOP_PLUGIN
#define VIRTIO	VIRTIO_PLUGIN
#define FAULTY	"plugin " FAULTY_PLUGIN
#define FAILS(step, text) "failed: " step, text, 1
#define WARNS(step, text) "warning: " step, text, 0
#define WORKS(step, text) "ok: " step, text, 0

/* "@" is the test's directory. */
static const struct fault faults[] = {
	{ "nothing", NOOP, NULL, NULL, "", WORKS("host", "starts workers") },
	{ "nothing, with a host", VIRTIO, use_host, NULL, "", WORKS("session", "on the host: noop") },
	/* The library */
	{ "no library", NOOP, no_library, NULL, "", FAILS("library", "libvaccel.so.0: ") },
	{ "another library", NOOP, other_library, NULL, "", FAILS("library", "has no function vaccel_") },
	{ "a damaged library", NOOP, damaged_library, NULL, "", FAILS("library", "libvaccel.so.0: ") },
	{ "no address space", NOOP, no_space, NULL, "", FAILS("library", "ulimit -v") },
	{ "a setting out of range", NOOP, NULL, "VACCEL_LOG_LEVEL=99999999999999999999", "",
	  FAILS("settings", "VACCEL_LOG_LEVEL=99999999999999999999 is not a number in range") },
	{ "a setting that is no number", NOOP, NULL, "VACCEL_VERSION_IGNORE=yes", "",
	  WARNS("settings", "VACCEL_VERSION_IGNORE=yes is not a number") },
	{ "a log file nowhere", NOOP, NULL, "VACCEL_LOG_FILE=/nowhere/log", "",
	  WARNS("settings", "Cannot open log file") },
	{ "no run directory", NOOP, no_rundir, NULL, "",
	  FAILS("run directory", "Cannot make a run directory") },
	{ "a full run directory", NOOP, full_rundir, NULL, "",
	  FAILS("run directory", "it must have room") },
	{ "a run directory without execution", NOOP, noexec_rundir, NULL, "",
	  WARNS("run directory", "noexec") },
	/* Plugins */
	{ "no plugins", "", NULL, NULL, "", FAILS("call", "No plugins registered") },
	{ "a plugin that is not there", "/nowhere.so", NULL, NULL, "",
	  FAILS("plugin /nowhere.so", "No such file or directory") },
	{ "the second plugin is not there", NOOP ":libvaccel-nowhere.so", NULL, NULL, "",
	  FAILS("plugin libvaccel-nowhere.so", "No such file or directory") },
	{ "a plugin that is a text", "", text_plugin, NULL, "", FAILS("plugin", "invalid ELF header") },
	{ "a plugin where nothing runs", "", noexec_plugin, NULL, "", FAILS("plugin", "(noexec)") },
	{ "a plugin that is none", OTHER_LIBRARY, NULL, NULL, "",
	  FAILS("plugin", "it is a library, but not a vAccel plugin") },
	{ "a plugin whose library is missing", LOST_PLUGIN, NULL, NULL, "",
	  FAILS("plugin", "libnowhere.so") },
#ifdef TF_PLUGIN
	{ "a plugin whose engine is missing", TF_PLUGIN, NULL, "VACCEL_TF_LIBRARY=/nowhere.so", "",
	  FAILS("plugin", "/nowhere.so") },
#endif
	{ "a plugin for another vAccel", FAULTY_1_PLUGIN, NULL, NULL, "",
	  FAILS("plugin", "was built for vAccel 1.0.0") },
	{ "a plugin for an older vAccel", FAULTY_0_PLUGIN, NULL, NULL, "",
	  WARNS("plugin", "was built for vAccel 0.7.0") },
	{ "a plugin that crashes", FAULTY_PLUGIN, NULL, "FAULT=crash", "",
	  FAILS(FAULTY, "it ends the process by signal 6") },
	{ "a plugin that hangs", FAULTY_PLUGIN, NULL, "FAULT=hang", "--timeout=1",
	  FAILS(FAULTY, "no end in 1 s") },
	{ "a plugin that ends the process", FAULTY_PLUGIN, NULL, "FAULT=exit", "",
	  FAILS(FAULTY, "it ends with status 3") },
	{ "a plugin that ends a process whose parent is told of no ends", FAULTY_PLUGIN, ignore_children,
	  "FAULT=exit", "", FAILS(FAULTY, "it ends with status 3") },
	{ "a plugin that does not start", FAULTY_PLUGIN, NULL, "FAULT=refuse", "",
	  FAILS(FAULTY, "Plugin faulty could not start: Permission denied") },
	{ "a call that fails", FAULTY_PLUGIN, NULL, "FAULT=call fails", "",
	  FAILS("call", "this was at the operation noop: Input/output error") },
	{ "a call that hangs", FAULTY_PLUGIN, NULL, "FAULT=call hangs", "--timeout=1",
	  FAILS("call", "this was at the operation noop") },
	/* A VM, or what it lacks */
	{ "no device", VIRTIO, no_device, NULL, "", FAILS("device", "this machine has no virtio accelerator") },
	{ "a driver without a device", VIRTIO, driver_without_device, NULL, "",
	  FAILS("device", "the driver virtio_accel is loaded, and") },
	{ "a module that is not loaded", VIRTIO, module_not_loaded, NULL, "",
	  FAILS("driver", "is not loaded: modprobe virtio_accel") },
	{ "a module for another kernel", VIRTIO, module_for_another, NULL, "",
	  FAILS("driver", "was built for Linux 5.4.3-other, and this is Linux ") },
	{ "no module", VIRTIO, no_module, NULL, "", FAILS("driver", "there is no module virtio_accel for Linux") },
	{ "a device that the driver does not take", VIRTIO, device_not_served, NULL, "",
	  FAILS("driver", "does not serve the device virtio0") },
	{ "no node in a container", VIRTIO, node_not_here, NULL, "",
	  FAILS("driver", "but the driver has /dev/virtio-accel7") },
	{ "a driver of another release", VIRTIO, other_driver, NULL, "",
	  "warning: driver", "virtio_accel is 0.1.0, this vaccel-info", 1 },
	{ "another node", VIRTIO, NULL, "VACCEL_VIRTIO_DEVICE=/dev/null", "",
	  FAILS("plugin", "/dev/null is not the node of a virtio accelerator") },
	{ "no permission for the node", VIRTIO, no_permission, NULL, "",
	  FAILS("plugin", "no permission to open ") },
	/* The socket of a host */
	{ "no socket", VIRTIO, NULL, "VACCEL_VIRTIO_SOCKET=/nowhere.sock", "",
	  FAILS("plugin", "nothing listens at /nowhere.sock") },
	{ "nobody listens", VIRTIO, nobody_listens, NULL, "", FAILS("plugin", "nothing listens at ") },
	{ "no permission for the socket", VIRTIO, socket_of_others, NULL, "",
	  FAILS("plugin", "no permission to connect to ") },
	{ "another service", VIRTIO, other_service, NULL, "",
	  FAILS("plugin", "closed or refused the connection") },
	{ "a service that is stopped", VIRTIO, silent_service, NULL, "--timeout=2",
	  FAILS("plugin", "no end in 2 s") },
	{ "a device of a later version", VIRTIO, later_device, NULL, "",
	  FAILS("plugin", "has version 2 and this plugin knows 1") },
	{ "a device of another kind", VIRTIO, other_device, NULL, "",
	  FAILS("plugin", "is not a virtio accelerator") },
	{ "a device that does not answer", VIRTIO, silent_device, NULL, "--timeout=2",
	  FAILS("call", "this was at a session: the host's process is stopped") },
	{ "a service with no room", VIRTIO, used_host, NULL, "",
	  FAILS("plugin", "serves 1 client already") },
	{ "a plugin that the host lacks", VIRTIO, use_host, "VACCEL_VIRTIO_PLUGIN=nobody", "",
	  FAILS("call", "The host has no plugin 'nobody'") },
	{ "too little address space", VIRTIO, little_space, NULL, "",
	  FAILS("plugin", "cannot reserve 4096 MiB of address space") },
	{ "little address space", VIRTIO, less_space, NULL, "",
	  WARNS("plugin", "MiB of address space are reserved") },
	{ "no room for registered memory", VIRTIO, use_host, "VACCEL_VIRTIO_MEMORY=2", "",
	  WARNS("call", "can be registered") },
	/* A container */
	{ "a container without /dev", NOOP, no_dev, NULL, "", FAILS("host", "/dev/null cannot be opened") },
	{ "a container without /proc", NOOP, no_proc, NULL, "", WORKS("host", "starts workers") },
	{ "a container without /sys", NOOP, no_sys, NULL, "", WORKS("host", "starts workers") },
	{ "a container that is read-only", NOOP, read_only, NULL, "",
	  FAILS("run directory", "Read-only file system; make one of them writable") },
	{ "a container's volume without the socket", VIRTIO, empty_volume, NULL, "",
	  FAILS("plugin", "nothing listens at ") },
	{ "a container with the socket of a service that has gone", VIRTIO, stale_socket, NULL, "",
	  FAILS("plugin", "nothing listens at ") },
	{ "a container with few descriptors", NOOP, few_descriptors, NULL, "", FAILS("library", "raise the limit of open files (ulimit -n)") },
	{ "a container of nobody", NOOP, nobody_user, NULL, "", WORKS("call", "was run") },
	/* A host */
	{ "no KVM", NOOP, no_kvm, NULL, "", WARNS("KVM", "VMs are emulated and slow") },
	{ "no host program", NOOP, NULL, "VHOST_USER_ACCEL=/nowhere", "",
	  FAILS("host", "/nowhere cannot be run") },
	{ "a library that may not start", NOOP, NULL, "VACCEL_BOOTSTRAP_ENABLED=0", "",
	  FAILS("host", "unset VACCEL_BOOTSTRAP_ENABLED") },
	{ "a socket that is used", NOOP, NULL, NULL, "-- --socket-path=@/accel-1.sock",
	  FAILS("host", "is used by another process") },
	{ "a socket that is a file", NOOP, wrong_config, NULL, "-- --socket-path=@/config",
	  FAILS("host", "exists and is not a socket") },
	{ "no Landlock", NOOP, no_landlock, NULL, "", WARNS("host", "access to listed files only (Landlock)") },
	{ "no Landlock, which must be", NOOP, no_landlock, NULL, "-- --sandbox=strict",
	  FAILS("host", "access to listed files only (Landlock)") },
	{ "no system call filters", NOOP, no_seccomp, NULL, "", WARNS("host", "plugins can start programs") },
	{ "no namespaces", NOOP, no_namespaces, NULL, "", WARNS("host", "sandbox lacks: namespaces") },
	{ "no control group", NOOP, NULL, NULL, "-- --cgroup=/nowhere",
	  FAILS("host", "limits that the policy asks for cannot be set: --cgroup") },
	{ "a path that is not there", NOOP, NULL, NULL, "-- --allow-path=/nowhere",
	  FAILS("host", "--allow-path=/nowhere: there is no such file") },
	{ "a cache directory for all", NOOP, shared_cache, NULL, "-- --cache-dir=@/cache",
	  FAILS("host", "others may use it") },
	{ "no control group, said in another way", NOOP, NULL, NULL, "-- --cgroup=/nowhere --log-format=json",
	  FAILS("host", "limits that the policy asks for cannot be set: --cgroup") },
	{ "a wrong rule", NOOP, wrong_config, NULL, "-- --config=@/config",
	  FAILS("host", "there is no rule 'no-such-rule'") },
};

/* ---- Running ---------------------------------------------------------------------------------- */

static void become_info(const struct fault *f, int out, const char *first)
{
	char *options = NULL, *save, *argv[16] = { VACCEL_INFO, "--check", (char *)first };
	size_t n = first ? 3 : 2;
	char with_dir[256], *at;

	snprintf(with_dir, sizeof(with_dir), "%s", f->options);
	at = strchr(with_dir, '@');
	if (at)
		snprintf(at, sizeof(with_dir) - (size_t)(at - with_dir), "%s%s", test_dir(),
			 strchr(f->options, '@') + 1);
	for (options = strtok_r(with_dir, " ", &save); options; options = strtok_r(NULL, " ", &save))
		argv[n++] = options;
	setenv("VACCEL_PLUGINS", f->plugins, 1);
	/* Of the tests' environment only the library's place is left. */
	setenv("LD_LIBRARY_PATH", LIBRARY_DIR, 1);
	unsetenv("VACCEL_BOOTSTRAP_ENABLED");
	if (f->env)
		putenv((char *)f->env);
	if (f->make)
		f->make();
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(126);
	execv(VACCEL_INFO, argv);
	_exit(127);
}

/* All that it prints. Return: its status. */
static int run(const struct fault *f, const char *first, char *text, size_t size)
{
	char path[256];
	int out, status;
	ssize_t n;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/output", test_dir());
	out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(out >= 0);
	fflush(NULL);
	pid = fork();
	if (!pid)
		become_info(f, out, first);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = pread(out, text, size - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A result is a line, and more that are indented. */
static bool has_result(const char *text, const char *line, const char *says)
{
	for (const char *p = strstr(text, line); p; p = strstr(p + 1, line)) {
		const char *end = p, *found = strstr(p, says);

		if (p != text && p[-1] != '\n')
			continue;
		do
			end = end + strcspn(end, "\n") + 1;
		while (end[-1] && *end == ' ');
		if (found && found < end)
			return true;
	}
	return false;
}

static void test_fault(void **state)
{
	const struct fault *f = *state;
	char text[32768];
	int status = run(f, NULL, text, sizeof(text));

	if (status == CANNOT) {
		print_message("%s: this fault cannot be made here\n", f->name);
		skip();
	}
	if (status != f->status || !has_result(text, f->line, f->says))
		fail_msg("%s: status %d instead of %d, or no result '%s: ...%s...' in:\n%s", f->name, status,
			 f->status, f->line, f->says, text);
	/* There is one failure at most, and nothing but what is not reached comes after it. */
	if (f->status) {
		const char *failed = strstr(text, "failed: ");

		assert_non_null(failed);
		assert_null(strstr(failed + 1, "\nok: "));
		assert_null(strstr(failed + 1, "\nfailed: "));
	} else {
		assert_null(strstr(text, "failed: "));
		assert_null(strstr(text, "not reached: "));
	}
}

static void test_json(void **state)
{
	static const struct fault no_plugin = { .plugins = "/nowhere.so", .options = "" },
				  odd = { .plugins = "/no\xe9\x1b[2J.so", .options = "" },
				  healthy = { .plugins = NOOP, .options = "", .env = "VHOST_USER_ACCEL=/nowhere" };
	char text[32768];

	(void)state;
	assert_int_equal(run(&no_plugin, "--json", text, sizeof(text)), 1);
	assert_non_null(strstr(text, "\"works\":false"));
	assert_non_null(strstr(text, "\"check\":\"plugin /nowhere.so\""));
	assert_non_null(strstr(text, "\"state\":\"failed\""));
	assert_non_null(strstr(text, "\"state\":\"not reached\""));
	/* A name that is no UTF-8, and steers a terminal */
	assert_int_equal(run(&odd, "--json", text, sizeof(text)), 1);
	assert_non_null(strstr(text, "\"check\":\"plugin /no\\\\xe9\\\\x1b[2J.so\""));
	assert_int_equal(run(&odd, NULL, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "failed: plugin /no\\xe9\\x1b[2J.so: "));
	assert_int_equal(run(&healthy, "--json", text, sizeof(text)), 1);
	assert_non_null(strstr(text, "\"check\":\"session\""));
}

static void test_wrong_options(void **state)
{
	struct fault f = { .plugins = NOOP, .options = "--timeout=0" };
	char text[4096];

	(void)state;
	assert_int_equal(run(&f, NULL, text, sizeof(text)), 64);
	f.options = "--timeout=x";
	assert_int_equal(run(&f, NULL, text, sizeof(text)), 64);
	f.options = "more";
	assert_int_equal(run(&f, NULL, text, sizeof(text)), 64);
}

static int stop(void **state)
{
	(void)state;
	return stop_daemon(&host) | stop_daemon(&small_host);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(faults) / sizeof(faults[0]) + 2] = {
		cmocka_unit_test(test_json), cmocka_unit_test(test_wrong_options),
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		tests[i + 2] = (struct CMUnitTest){
			.name = faults[i].name,
			.test_func = test_fault,
			.initial_state = (void *)&faults[i],
		};
	test_main_begin(280);
	snprintf(socket_path, sizeof(socket_path), "%s/other.sock", test_dir());
	start_daemon(&host, NOOP, (const char *const[]){ "--max-clients=8", NULL });
	start_daemon(&small_host, NOOP, NULL);
	return cmocka_run_group_tests(tests, NULL, stop);
}
