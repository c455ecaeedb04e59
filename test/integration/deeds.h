/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does that has been taken over: the table of deeds. plugin_deeds.c does them, as
 * deed_NAME(); test_deeds.c asks for each, at --sandbox=strict, and looks at what came of it.
 *
 * A deed returns the errno value of the step that failed, or 0: it has reached its end. What may come
 * of it at --sandbox=strict, and at --sandbox=basic:
 *
 *   REFUSED  anything but 0
 *   HARMLESS anything: it may reach its end within the worker, or kill the worker
 *   SELF     anything: it harms the worker, and what comes next is for the next one
 *   OPEN     0: nothing keeps the worker from it. At basic only, where files and sockets are open
 *   OPEN_ALONE, OPEN_SHARED  the same where the worker has a PID namespace of its own, or has none;
 *            REFUSED otherwise
 *
 * But for these nobody else may notice: see expect_untouched() in test_deeds.c.
 */
#ifndef TEST_DEEDS_H
#define TEST_DEEDS_H

#define DEEDS(DEED)                                                      \
	/* signals */                                                    \
	DEED(kill, REFUSED, REFUSED)                                     \
	DEED(kill_stop, REFUSED, REFUSED)                                \
	DEED(kill_group, REFUSED, REFUSED)                               \
	DEED(kill_all, REFUSED, REFUSED)                                 \
	DEED(tkill, REFUSED, REFUSED)                                    \
	DEED(tgkill, REFUSED, REFUSED)                                   \
	DEED(sigqueue, REFUSED, REFUSED)                                 \
	DEED(tgsigqueue, REFUSED, REFUSED)                               \
	DEED(pidfd, REFUSED, REFUSED)                                    \
	DEED(pidfd_of_proc, REFUSED, REFUSED)                            \
	DEED(pidfd_of_peer, REFUSED, REFUSED)                            \
	DEED(owner_of_file, REFUSED, REFUSED)                            \
	DEED(owner_of_file_ex, REFUSED, REFUSED)                         \
	DEED(owner_by_ioctl, REFUSED, REFUSED)                           \
	/* limits and shares */                                          \
	DEED(limit_fsize, REFUSED, REFUSED)                              \
	DEED(limit_cpu, REFUSED, REFUSED)                                \
	DEED(limit_nofile, REFUSED, REFUSED)                             \
	DEED(limit_memory, REFUSED, REFUSED)                             \
	DEED(priority, REFUSED, REFUSED)                                 \
	DEED(priority_group, REFUSED, REFUSED)                           \
	DEED(priority_user, HARMLESS, HARMLESS)                          \
	DEED(scheduler, REFUSED, REFUSED)                                \
	DEED(sched_param, REFUSED, REFUSED)                              \
	DEED(sched_attr, REFUSED, REFUSED)                               \
	DEED(affinity, REFUSED, REFUSED)                                 \
	DEED(ioprio, REFUSED, REFUSED)                                   \
	DEED(ioprio_group, REFUSED, REFUSED)                             \
	DEED(ioprio_user, HARMLESS, HARMLESS)                            \
	DEED(sched_core, REFUSED, REFUSED)                               \
	DEED(autogroup, REFUSED, OPEN_SHARED)                            \
	DEED(oom_score, REFUSED, OPEN_SHARED)                            \
	/* memory and descriptors */                                     \
	DEED(ptrace, REFUSED, REFUSED)                                   \
	DEED(read_memory, REFUSED, REFUSED)                              \
	DEED(proc_memory, REFUSED, REFUSED)                              \
	DEED(proc_fds, REFUSED, REFUSED)                                 \
	DEED(take_fd, REFUSED, REFUSED)                                  \
	DEED(madvise_memory, REFUSED, REFUSED)                           \
	DEED(release_memory, REFUSED, REFUSED)                           \
	DEED(move_pages, REFUSED, REFUSED)                               \
	DEED(migrate_pages, REFUSED, REFUSED)                            \
	DEED(compare, REFUSED, REFUSED)                                  \
	DEED(shared_memory, REFUSED, REFUSED)                            \
	/* groups of processes, and new ones */                          \
	DEED(join_group, REFUSED, REFUSED)                               \
	DEED(sibling, REFUSED, REFUSED)                                  \
	DEED(user_namespace, REFUSED, REFUSED)                           \
	DEED(outlive, REFUSED, OPEN_ALONE)                               \
	/* files and sockets of others */                                \
	DEED(chmod_socket, REFUSED, OPEN)                                \
	DEED(unlink_socket, REFUSED, OPEN)                               \
	DEED(truncate_secret, REFUSED, OPEN)                             \
	DEED(send_to_socket, REFUSED, OPEN)                              \
	DEED(read_input, REFUSED, REFUSED)                               \
	/* the terminal, and the text of the log */                      \
	DEED(terminal, REFUSED, REFUSED)                                 \
	DEED(truncate_log, REFUSED, REFUSED)                             \
	DEED(silence_log, REFUSED, REFUSED)                              \
	DEED(forge_log, HARMLESS, HARMLESS)                              \
	/* its own things, which the next worker needs */                \
	DEED(remove_directory, REFUSED, SELF)                            \
	DEED(rename_directory, REFUSED, SELF)                            \
	DEED(close_directory, SELF, SELF)                                \
	DEED(close_control, HARMLESS, HARMLESS)                          \
	DEED(babble, HARMLESS, HARMLESS)                                 \
	DEED(abort, HARMLESS, HARMLESS)                                  \
	DEED(crash, HARMLESS, HARMLESS)                                  \
	DEED(kill_itself, HARMLESS, HARMLESS)                            \
	DEED(leave, HARMLESS, HARMLESS)                                  \
	/* memory that no limit of a process counts */                   \
	DEED(page_tables, HARMLESS, HARMLESS)                            \
	/* what it has to be able to do */                               \
	DEED(own_threads, HARMLESS, HARMLESS)

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

/** What stands in the log when a worker has forged a line */
#define DEED_FORGED "forged by a deed"

/** How many pages of page tables a deed takes: 192 MiB */
#define DEED_TABLES 49152u

#endif
