// SPDX-License-Identifier: Apache-2.0
/* Helpers of the tests in driver-test. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "driver-test.h"

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int try_open(void)
{
	glob_t g;
	int fd = -1;

	errno = ENOENT;
	if (glob("/dev/virtio-accel[0-9]*", 0, NULL, &g))
		return -1;
	for (size_t i = 0; i < g.gl_pathc && fd < 0; i++)
		fd = open(g.gl_pathv[i], O_RDWR | O_CLOEXEC);
	globfree(&g);
	return fd;
}

int must_open(void)
{
	int fd = try_open();

	for (int i = 0; i < 500 && fd < 0; i++) {
		sleep_ms(10);
		fd = try_open();
	}
	if (fd < 0) {
		printf("not ok - %s: no device node\n", test_name);
		exit(1);
	}
	return fd;
}

long long counter(const char *name)
{
	char path[128];
	long long value = -1;
	glob_t g;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/virtio-accel/virtio-accel*/%s", name);
	if (glob(path, 0, NULL, &g))
		return -1;
	f = fopen(g.gl_pathv[0], "r");
	if (f) {
		if (fscanf(f, "%lld", &value) != 1)
			value = -1;
		fclose(f);
	}
	globfree(&g);
	return value;
}

/* Waits up to 20 s. */
bool counter_becomes(const char *name, long long want)
{
	for (int i = 0; i < 2000; i++) {
		if (counter(name) == want)
			return true;
		sleep_ms(10);
	}
	printf("# %s is %lld, not %lld\n", name, counter(name), want);
	return false;
}

/*
 * Waits up to 20 s for the device to hold so many requests. The counter "inflight" does not tell that:
 * it also counts the closes of contexts, and what was answered and not yet noticed.
 */
bool device_holds(int fd, uint64_t want)
{
	uint64_t held = 0;

	for (int i = 0; i < 2000; i++) {
		held = ask(fd, FAKE_HELD, NULL, 0);
		if (held == want)
			return true;
		sleep_ms(10);
	}
	printf("# the device holds %llu requests, not %llu\n", (unsigned long long)held,
	       (unsigned long long)want);
	return false;
}

/* Waits until nothing is left of the files that were closed; nothing is when there is no device. */
bool settled(void)
{
	return counter("contexts") < 0 ||
	       (counter_becomes("contexts", 0) && counter_becomes("inflight", 0) &&
		counter_becomes("pinned_pages", 0) && counter_becomes("memory_pages", 0));
}

/* Return: 0 or an errno value. */
int call(int fd, const void *message, uint32_t message_len,
		struct virtio_accel_user_segment *segments, uint32_t nr, void *reply,
		uint32_t *reply_len, uint32_t *status)
{
	struct virtio_accel_call c = {
		.message = (uintptr_t)message,
		.segments = (uintptr_t)segments,
		.reply = (uintptr_t)reply,
		.message_len = message_len,
		.nr_segments = nr,
		.reply_len = reply_len ? *reply_len : 0,
	};

	if (ioctl(fd, VIRTIO_ACCEL_IOC_CALL, &c))
		return errno;
	if (reply_len)
		*reply_len = c.reply_len;
	if (status)
		*status = c.status;
	return 0;
}

int simple(int fd, uint32_t op, uint32_t value)
{
	struct fake_message m = { .op = op, .value = value };

	return call(fd, &m, sizeof(m), NULL, 0, NULL, NULL, NULL);
}

uint64_t ask(int fd, uint32_t op, struct virtio_accel_user_segment *segments, uint32_t nr)
{
	struct fake_message m = { .op = op };
	uint64_t value = UINT64_MAX;
	uint32_t len = sizeof(value);
	int e = call(fd, &m, sizeof(m), segments, nr, &value, &len, NULL);

	if (e || len != sizeof(value)) {
		errno = e;
		return UINT64_MAX;
	}
	return value;
}

int on_segment(int fd, uint32_t op, uint32_t value, void *p, size_t len, uint32_t flags)
{
	struct virtio_accel_user_segment s = { (uintptr_t)p, len, flags, 0 };
	struct fake_message m = { .op = op, .value = value };

	return call(fd, &m, sizeof(m), &s, 1, NULL, NULL, NULL);
}

uint8_t *map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		printf("not ok - %s: no memory\n", test_name);
		exit(1);
	}
	return p;
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("# cannot write %s to %s: %s\n", text, path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

bool file_has(const char *path, const char *text)
{
	char line[256] = "";
	FILE *f = fopen(path, "r");

	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		fclose(f);
	}
	return strstr(line, text);
}

/* Name of our device on the virtio bus; static buffer. */
const char *bus_name(void)
{
	static char name[64];
	DIR *dir = opendir("/sys/bus/virtio/drivers/virtio_accel");
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (!strncmp(d->d_name, "virtio", 6))
			snprintf(name, sizeof(name), "%.60s", d->d_name);
	if (dir)
		closedir(dir);
	return name;
}

static int load(void)
{
	int fd = open(module_path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -1 : (int)syscall(SYS_finit_module, fd, "", 0);
	int e = errno;

	if (fd >= 0)
		close(fd);
	return r ? e : 0;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "virtio_accel", O_NONBLOCK) ? errno : 0;
}

bool reload(void)
{
	int e = EAGAIN;

	for (int i = 0; i < 6000 && e; i++) {
		e = unload();
		if (e)
			sleep_ms(10);
	}
	if (e) {
		printf("# rmmod: %s\n", strerror(e));
		return false;
	}
	e = load();
	if (e)
		printf("# insmod: %s\n", strerror(e));
	return !e;
}
