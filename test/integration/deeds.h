/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does that has been taken over: the table of deeds. plugin_deeds.c does them, as
 * deed_NAME(); test_deeds.c asks for each, at --sandbox=strict, and looks at what came of it.
 *
 * A deed returns the errno value of the step that failed, or 0: it has reached its end. What may come
 * of it:
 *
 *   REFUSED  anything but 0
 *   HARMLESS anything: it may reach its end within the worker, or kill the worker
 *
 *   SELF     anything: it harms the worker, and what comes next is for the next one
 *
 * In all cases nobody else may notice: see expect_untouched() in test_deeds.c.
 */
#ifndef TEST_DEEDS_H
#define TEST_DEEDS_H

#define DEEDS(DEED)                                                      \
	/* signals */                                                    \
	DEED(kill, REFUSED)                                              \
	DEED(kill_stop, REFUSED)                                         \
	DEED(kill_group, REFUSED)                                        \
	DEED(kill_all, REFUSED)                                          \
	DEED(tkill, REFUSED)                                             \
	DEED(tgkill, REFUSED)                                            \
	DEED(sigqueue, REFUSED)                                          \
	DEED(tgsigqueue, REFUSED)                                        \
	DEED(pidfd, REFUSED)                                             \
	DEED(pidfd_of_proc, REFUSED)                                     \
	DEED(pidfd_of_peer, REFUSED)                                     \
	DEED(owner_of_file, REFUSED)                                     \
	DEED(owner_of_file_ex, REFUSED)                                  \
	DEED(owner_by_ioctl, REFUSED)                                    \
	/* limits and shares */                                          \
	DEED(limit_fsize, REFUSED)                                       \
	DEED(limit_cpu, REFUSED)                                         \
	DEED(limit_nofile, REFUSED)                                      \
	DEED(limit_memory, REFUSED)                                      \
	DEED(priority, REFUSED)                                          \
	DEED(priority_group, REFUSED)                                    \
	DEED(priority_user, HARMLESS)                                    \
	DEED(scheduler, REFUSED)                                         \
	DEED(sched_param, REFUSED)                                       \
	DEED(sched_attr, REFUSED)                                        \
	DEED(affinity, REFUSED)                                          \
	DEED(ioprio, REFUSED)                                            \
	DEED(ioprio_group, REFUSED)                                      \
	DEED(ioprio_user, HARMLESS)                                      \
	DEED(sched_core, REFUSED)                                        \
	DEED(autogroup, REFUSED)                                         \
	DEED(oom_score, REFUSED)                                         \
	/* memory and descriptors */                                     \
	DEED(ptrace, REFUSED)                                            \
	DEED(read_memory, REFUSED)                                       \
	DEED(proc_memory, REFUSED)                                       \
	DEED(proc_fds, REFUSED)                                          \
	DEED(take_fd, REFUSED)                                           \
	DEED(madvise_memory, REFUSED)                                    \
	DEED(release_memory, REFUSED)                                    \
	DEED(move_pages, REFUSED)                                        \
	DEED(migrate_pages, REFUSED)                                     \
	DEED(compare, REFUSED)                                           \
	DEED(shared_memory, REFUSED)                                     \
	/* groups of processes, and new ones */                          \
	DEED(join_group, REFUSED)                                        \
	DEED(sibling, REFUSED)                                           \
	DEED(user_namespace, REFUSED)                                    \
	DEED(outlive, REFUSED)                                           \
	/* files and sockets of others */                                \
	DEED(chmod_socket, REFUSED)                                      \
	DEED(unlink_socket, REFUSED)                                     \
	DEED(truncate_secret, REFUSED)                                   \
	DEED(send_to_socket, REFUSED)                                    \
	DEED(read_input, REFUSED)                                        \
	/* its own things, which the next worker needs */                \
	DEED(remove_directory, REFUSED)                                  \
	DEED(rename_directory, REFUSED)                                  \
	DEED(close_directory, SELF)                                      \
	DEED(close_control, HARMLESS)                                    \
	DEED(babble, HARMLESS)                                           \
	DEED(abort, HARMLESS)                                            \
	DEED(crash, HARMLESS)                                            \
	DEED(kill_itself, HARMLESS)                                      \
	DEED(leave, HARMLESS)                                            \
	/* what it has to be able to do */                               \
	DEED(own_threads, HARMLESS)

/** Where to find the others; travels as the second argument of the op exec */
struct deed_targets {
	int pids[8]; /* of other processes; 0: no more */
	int segment; /* of System V, of the bystander's */
	char socket[108];  /* the supervisor's */
	char listener[104]; /* of datagrams, the bystander's */
	char secret[104];  /* a file that the test's user may write */
};

#define DEED_TARGETS_PRINT "%d,%d,%d,%d,%d,%d,%d,%d,%d,%107[^,],%103[^,],%103[^,]"

/** Name of a variable: a process of this name is started while plugins load, and hides */
#define DEED_STRAY "VACCEL_TEST_STRAY"

#endif
