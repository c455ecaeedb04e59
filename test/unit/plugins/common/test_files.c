// SPDX-License-Identifier: Apache-2.0
/* Memory that nobody can change is shared, everything else is copied. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin_util.h"

#include "files.h"

#define SIZE 100000

static char text[SIZE];

/* Return: a descriptor of memory that holds text */
static int make_memory(int seals)
{
	int fd = memfd_create("unit-files", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, SIZE), SIZE);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* As the host's process names it */
static void read_bytes(int fd, struct bytes *bytes)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(bytes_of_file(path, bytes), 0);
	assert_int_equal(bytes->size, SIZE);
	assert_memory_equal(bytes->data, text, SIZE);
}

static void sealed(void **state)
{
	struct bytes bytes;
	int fd = make_memory(F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);

	(void)state;
	read_bytes(fd, &bytes);
	assert_true(bytes.mapped);
	/* It lives as long as it is used. */
	close(fd);
	assert_memory_equal(bytes.data, text, SIZE);
	assert_int_equal(bytes_own(&bytes), 0);
	assert_true(bytes.mapped);
	bytes_release(&bytes);
	assert_null(bytes.data);
}

static void not_sealed(void **state)
{
	static const int seals[] = {0, F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW};

	(void)state;
	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
		int fd = make_memory(seals[i]);
		struct bytes bytes;

		read_bytes(fd, &bytes);
		assert_false(bytes.mapped);
		/* It may become shorter, and other bytes, now. */
		if (ftruncate(fd, 0))
			assert_true(seals[i] & F_SEAL_SHRINK || seals[i] & F_SEAL_WRITE);
		assert_memory_equal(bytes.data, text, SIZE);
		bytes_release(&bytes);
		close(fd);
	}
}

static uint64_t attributes; /* that the file system says files have */

int __real_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *st);
int __wrap_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *st);

int __wrap_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *st)
{
	int ret = __real_statx(dir, path, flags, mask, st);

	if (!ret)
		st->stx_attributes |= attributes;
	return ret;
}

/* A model of the operator's: all clients map it, if it is one that nobody can change. */
static void immutable(void **state)
{
	static const struct {
		uint64_t attributes;
		bool mapped;
	} cases[] = {
		{0, false},
		{STATX_ATTR_APPEND | STATX_ATTR_NODUMP | STATX_ATTR_ENCRYPTED, false},
		{STATX_ATTR_IMMUTABLE, true},
		{STATX_ATTR_VERITY, true},
	};
	char path[] = "/tmp/unit-files-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	struct bytes bytes;

	(void)state;
	assert_true(fd >= 0);
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, SIZE), SIZE);
	close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		attributes = cases[i].attributes;
		assert_int_equal(bytes_of_file(path, &bytes), 0);
		assert_int_equal(bytes.mapped, cases[i].mapped);
		assert_int_equal(bytes.size, SIZE);
		assert_memory_equal(bytes.data, text, SIZE);
		bytes_release(&bytes);
	}
	attributes = 0;
	assert_int_equal(unlink(path), 0);
}

static void of_a_program(void **state)
{
	char buf[] = "a program's";
	struct vaccel_blob blob = {.data = (uint8_t *)buf, .size = sizeof(buf)};
	struct bytes bytes;

	(void)state;
	assert_int_equal(bytes_of_blob(&blob, &bytes), 0);
	assert_ptr_equal(bytes.data, buf);
	assert_int_equal(bytes_own(&bytes), 0);
	buf[0] = 'b';
	assert_string_equal(bytes.data, "a program's");
	bytes_release(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed),
		cmocka_unit_test(not_sealed),
		cmocka_unit_test(immutable),
		cmocka_unit_test(of_a_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
