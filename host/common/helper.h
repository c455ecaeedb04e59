/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that help a supervisor or the listener, and are nobody's children: who waits for workers never sees them. */
#ifndef HOST_HELPER_H
#define HOST_HELPER_H

/**
 * helper_start() - starts a process that ends by itself when the other end of its socket is closed
 * @run: what it does, in the new process, in which all that the caller has is still open; does not return
 * @arg: for run()
 *
 * The caller is single-threaded.
 *
 * Return: the caller's end of the pair (SOCK_SEQPACKET), or -errno.
 */
int helper_start(void (*run)(int sock, void *arg), void *arg);

#endif
