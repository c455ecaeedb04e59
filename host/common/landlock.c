// SPDX-License-Identifier: Apache-2.0
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers may be older than the kernel: everything up to ABI 6 by its number. */
#define FS_EXECUTE   (UINT64_C(1) << 0)
#define FS_WRITE     (UINT64_C(1) << 1)
#define FS_READ	     (UINT64_C(1) << 2)
#define FS_READ_DIR  (UINT64_C(1) << 3)
#define FS_RMDIR     (UINT64_C(1) << 4)
#define FS_UNLINK    (UINT64_C(1) << 5)
#define FS_MAKE_DIR  (UINT64_C(1) << 7)
#define FS_MAKE_REG  (UINT64_C(1) << 8)
#define FS_MAKE_SYM  (UINT64_C(1) << 12)
#define FS_REFER     (UINT64_C(1) << 13)
#define FS_TRUNCATE  (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND     (UINT64_C(1) << 0)
#define NET_CONNECT  (UINT64_C(1) << 1)
#define RULE_NET_PORT 2
#define FS_OF_ABI_1  ((UINT64_C(1) << 13) - 1)
/* What makes sense for something that is not a directory */
#define FS_OF_FILES  (FS_EXECUTE | FS_WRITE | FS_READ | FS_TRUNCATE | FS_IOCTL_DEV)

/* struct landlock_ruleset_attr as of ABI 6; older kernels take its beginning. */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};

int landlock_begin(struct landlock *l, bool connect, bool scoped)
{
	struct ruleset_attr attr = { .fs = FS_OF_ABI_1 };
	size_t size = offsetof(struct ruleset_attr, net);
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	l->fd = -1;
	if (abi < 0)
		return -errno;
	l->abi = (unsigned int)abi;
	if (abi >= 2)
		attr.fs |= FS_REFER;
	if (abi >= 3)
		attr.fs |= FS_TRUNCATE;
	if (abi >= 5)
		attr.fs |= FS_IOCTL_DEV;
	if (abi >= 4) {
		attr.net = connect ? 0 : NET_BIND | NET_CONNECT;
		size = offsetof(struct ruleset_attr, scoped);
	}
	if (abi >= 6) {
		attr.scoped = (connect ? 0u : 1u) | (scoped ? 2u : 0u);
		size = sizeof(attr);
	}
	l->known = attr.fs;
	l->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (l->fd < 0)
		return -errno;
#ifdef COVERAGE_DIR
	/* At exit each program notes there which of its lines ran. */
	(void)landlock_allow(l, COVERAGE_DIR, LANDLOCK_WRITE);
#endif
	return 0;
}

int landlock_allow(struct landlock *l, const char *path, unsigned int what)
{
	struct landlock_path_beneath_attr rule = { 0 };
	struct stat st;
	int ret = 0;

	if (what & LANDLOCK_READ)
		rule.allowed_access |= FS_READ | FS_READ_DIR;
	if (what & LANDLOCK_WRITE)
		rule.allowed_access |= FS_READ | FS_READ_DIR | FS_WRITE | FS_RMDIR | FS_UNLINK |
				       FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SYM | FS_REFER |
				       FS_TRUNCATE | FS_IOCTL_DEV;
	if (what & LANDLOCK_RUN)
		rule.allowed_access |= FS_EXECUTE;
	if (what & LANDLOCK_REMOVE)
		rule.allowed_access |= FS_READ_DIR | FS_RMDIR | FS_UNLINK | FS_MAKE_DIR | FS_REFER;
	if (what & LANDLOCK_UNLINK)
		rule.allowed_access |= FS_UNLINK;
	if (what & LANDLOCK_RMDIR)
		rule.allowed_access |= FS_RMDIR;
	if (what & LANDLOCK_ALL)
		rule.allowed_access = UINT64_MAX;
	rule.allowed_access &= l->known;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, l->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		ret = -errno;
	close(rule.parent_fd);
	return ret;
}

int landlock_allow_port(struct landlock *l, uint16_t port)
{
	const struct {
		uint64_t allowed, port;
	} rule = { NET_CONNECT, port };

	if (l->abi < 4)
		return 0;
	return syscall(SYS_landlock_add_rule, l->fd, RULE_NET_PORT, &rule, 0) ? -errno : 0;
}

int landlock_enforce(struct landlock *l)
{
	int ret = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, l->fd, 0))
		ret = -errno;
	close(l->fd);
	l->fd = -1;
	return ret;
}
