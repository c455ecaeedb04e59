// SPDX-License-Identifier: Apache-2.0
/*
 * A 32-bit program uses the node of a 64-bit kernel. Built with -m32 and without any library, since
 * the build root has none of 32 bits. Status: 0, or the line that failed modulo 256.
 */
#include <stdint.h>

#include <asm/unistd_32.h>

#include "fake.h"
#include "uapi/linux/virtio_accel.h"

static int syscall3(int nr, uint32_t a, uint32_t b, uint32_t c)
{
	int r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

#define ADDRESS(x) ((uint32_t)(uintptr_t)(x))
#define MUST(cond) do { if (!(cond)) return __LINE__; } while (0)

static uint8_t memory[10000];

static int test(void)
{
	static const char path[] = "/dev/virtio-accel0";
	struct virtio_accel_info info;
	struct fake_message m = { .op = FAKE_SUM };
	struct virtio_accel_user_segment s = { ADDRESS(memory), sizeof(memory), 1, 0 };
	uint64_t sum = 0;
	struct virtio_accel_call c = {
		.message = ADDRESS(&m),
		.segments = ADDRESS(&s),
		.reply = ADDRESS(&sum),
		.message_len = sizeof(m),
		.nr_segments = 1,
		.reply_len = sizeof(sum),
		.status = 1,
	};
	int fd = syscall3(__NR_open, ADDRESS(path), 2, 0);

	MUST(fd >= 0);
	MUST(!syscall3(__NR_ioctl, (uint32_t)fd, VIRTIO_ACCEL_IOC_INFO, ADDRESS(&info)));
	MUST(info.version == VIRTIO_ACCEL_VERSION);
	for (uint32_t i = 0; i < sizeof(memory); i++)
		memory[i] = 3;
	MUST(!syscall3(__NR_ioctl, (uint32_t)fd, VIRTIO_ACCEL_IOC_CALL, ADDRESS(&c)));
	MUST(c.reply_len == sizeof(sum) && !c.status && sum == 3 * sizeof(memory));
	s.addr |= 1ULL << 32;
	MUST(syscall3(__NR_ioctl, (uint32_t)fd, VIRTIO_ACCEL_IOC_CALL, ADDRESS(&c)) == -14);
	return 0;
}

void _start(void)
{
	syscall3(__NR_exit, (uint32_t)test(), 0, 0);
	__builtin_unreachable();
}
