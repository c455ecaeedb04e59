// SPDX-License-Identifier: Apache-2.0
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"
#include "transport/refusal.h"

/* Whether something listens at the address. */
static bool is_alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return false;
	ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	/* EAGAIN: its queue of connections is full. */
	ret = ret == 0 || errno == EAGAIN;
	close(fd);
	return ret;
}

int socket_listen(const char *option, const char *path, int backlog, int *listener)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	struct stat st;
	int fd;

	if (len + 1 >= sizeof(addr.sun_path)) {
		log_error("%s: a socket's path has at most %zu characters here", path,
			  sizeof(addr.sun_path) - 2);
		return EX_USAGE;
	}
	memcpy(addr.sun_path, path, len);
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			log_error("%s exists and is not a socket; choose another --%s", path, option);
			return EX_CANTCREAT;
		}
		if (is_alive(&addr)) {
			log_error("%s is used by another process; stop it or choose another --%s", path,
				  option);
			return EX_CANTCREAT;
		}
	}

	/* Made under another name: whoever sees the right one can connect. */
	addr.sun_path[len] = '~';
	unlink(addr.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, backlog) < 0 ||
	    rename(addr.sun_path, path) < 0) {
		log_error("%s: cannot make the socket: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		unlink(addr.sun_path);
		return EX_CANTCREAT;
	}
	*listener = fd;
	log_info("listening on %s", path);
	return 0;
}

int socket_use(int fd, bool *listening)
{
	int type, listens;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len)) {
		log_error("--fd=%d is not a stream socket", fd);
		return EX_USAGE;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	*listening = listens;
	return 0;
}

bool socket_is_exhausted(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

void socket_refuse(int fd, uint64_t reason, uint64_t number)
{
	const struct refusal refusal = {
		.request = REFUSAL_REQUEST,
		.flags = REFUSAL_FLAGS,
		.size = sizeof(refusal.reason) + sizeof(refusal.number),
		.reason = reason,
		.number = number,
	};

	/* If there is no room for it the other end has not listened. */
	(void)!send(fd, &refusal, sizeof(refusal), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}
