/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors over unix sockets: the one place that makes ancillary data and takes it apart. The other
 * end may be hostile: whatever comes, as much as is wanted is taken and the rest is closed.
 */
#ifndef HOST_FDPASS_H
#define HOST_FDPASS_H

#include <sys/types.h>
#include <sys/uio.h>

/** Descriptors of one message, at most */
#define FDPASS_MAX 16

/**
 * fdpass_send() - sends a message
 * @fds:   stay the caller's
 * @flags: of sendmsg(); a dead other end never raises SIGPIPE
 *
 * Return: bytes that were sent; -EINVAL: too many descriptors; -EPIPE: the other end is gone; or
 * another -errno.
 */
ssize_t fdpass_send(int sock, const struct iovec *iov, size_t nr_iov, const int *fds,
		    unsigned int nr_fds, int flags);

/**
 * fdpass_recv() - receives a message, or what has come of a stream
 * @iov:    where the bytes go
 * @fds:    @max entries: receives the descriptors, close-on-exec and the caller's; -1 behind them
 * @nr_fds: receives how many there are
 * @flags:  of recvmsg()
 *
 * Return: bytes, 0 at the end; -EPROTO: there was more than the room for bytes or descriptors, or
 * this process can have no more of them; -EPIPE: the other end is gone; or another -errno. With
 * an error no descriptor is open that was not before.
 */
ssize_t fdpass_recv(int sock, struct iovec iov, int *fds, unsigned int max, unsigned int *nr_fds,
		    int flags);

#endif
