/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the operator's rules: the one place that describes each. The command line and its
 * help, the configuration file, --print-policy, the counters of refusals and the check of the
 * manual pages are made from it.
 *
 * POLICY_RULES(X): X(FIELD, "name", KIND, "default", min, max, refusal, "UNIT", "help")
 *   FIELD    member of struct policy, and POLICY_FIELD its index
 *   name     long option, and key in the file
 *   KIND     NUMBER  from min to max
 *            SIZE    bytes; K, M, G, T are understood
 *            FLAG    yes or no; as an option it needs no value
 *            LEVEL   a level of the sandbox, see sandbox.h
 *            CHOICE  one of the words that UNIT lists, as its number there
 *            OPS     names of operations, "url" and "all"; several, separated by commas
 *            TEXT    as it is; several are joined by the separator of their kind, a colon
 *   default  as it would be in the file
 *   refusal  status of a request that the rule refuses; 0: it refuses none
 *
 * Several lists on the command line, or in one section of the file, add up. A later layer (see
 * policy.h) replaces what an earlier one said.
 */
#ifndef HOST_POLICY_RULES_H
#define HOST_POLICY_RULES_H

/* clang-format off */
#define POLICY_RULES(X)                                                                            \
	X(num_queues, "num-queues", NUMBER, "8", 1, VIRTIO_ACCEL_MAX_QUEUES, 0, "N",               \
	  "Request queues; the front end may use fewer")                                           \
	X(poll_us, "poll-us", NUMBER, "50", 0, 1000000, 0, "N",                                    \
	  "Wait for the next request without sleeping for N microseconds")                         \
	X(strict_names, "strict-names", FLAG, "no", 0, 0, 0, "yes|no",                             \
	  "Refuse to start for a VM without a section in --config, if other VMs have one there")   \
	X(plugins, "plugins", TEXT, "", 0, 0, 0, "LIST",                                           \
	  "Plugins of the worker, separated by colons; instead of VACCEL_PLUGINS")                 \
	X(isolation, "isolation", CHOICE, "client", 0, 0, 0, "client|shared",                      \
	  "client: a worker for each client; shared: one for all clients that this policy is for, "  \
	  "which die with it")                                                                     \
	X(allow, "allow", OPS, "", 0, 0, VIRTIO_ACCEL_S_PERM, "LIST",                              \
	  "Allow these operations, and url: downloads by the host; exec, exec_with_resource "      \
	  "and url are refused by default, as is what --deny names")                               \
	X(deny, "deny", OPS, "", 0, 0, 0, "LIST",                                                  \
	  "Refuse these operations unless --allow names them; all: every operation")               \
	X(max_sessions, "max-sessions", NUMBER, "256", 1, 1000000, VIRTIO_ACCEL_S_USERS, "N",      \
	  "Sessions of the VM")                                                                    \
	X(max_resources, "max-resources", NUMBER, "1024", 0, 1000000, VIRTIO_ACCEL_S_USERS, "N",   \
	  "Resources of the VM")                                                                   \
	X(max_inflight, "max-inflight", NUMBER, "256", 1, 65536, VIRTIO_ACCEL_S_USERS, "N",        \
	  "Operations that may run at once")                                                       \
	X(max_resource_bytes, "max-resource-bytes", SIZE, "4G", 0, UINT64_MAX,                     \
	  VIRTIO_ACCEL_S_NOMEM, "SIZE", "Memory and files of all resources")                       \
	X(max_files, "max-files", NUMBER, "16384", 1, 1000000, VIRTIO_ACCEL_S_USERS, "N",          \
	  "Files and directories of all resources")                                                \
	X(max_staging_bytes, "max-staging-bytes", SIZE, "2G", 0, UINT64_MAX,                       \
	  VIRTIO_ACCEL_S_NOMEM, "SIZE",                                                            \
	  "Copies of arguments, and outputs that were not fetched yet")                            \
	X(cache_max_bytes, "cache-max-bytes", SIZE, "1G", 0, UINT64_MAX, 0, "SIZE",                \
	  "Memory for models that sessions share, and that are kept so that the guest need not "   \
	  "send them again; or size of --cache-dir; 0: none")                                      \
	X(cache_dir, "cache-dir", TEXT, "", 0, 0, 0, "DIR",                                        \
	  "Keep them in DIR, and share them with other VMs that prove to hold them")               \
	X(model_dir, "model-dir", TEXT, "", 0, 0, 0, "DIR",                                        \
	  "Offer what is in DIR to the guest as models host://NAME")                               \
	X(models, "models", TEXT, "", 0, 0, VIRTIO_ACCEL_S_PERM, "LIST",                           \
	  "Let the guest name these models of servers, model://NAME; patterns of the shell, "      \
	  "separated by commas: 'resnet*,bert/1'; '*' is any version, too")                        \
	X(log_lines, "log-lines", NUMBER, "20", 0, 1000000, 0, "N",                                \
	  "Lines of the log in a second that the VM may bring about, of 200 bytes on average; "    \
	  "50 times that after a silence; 0: all")                                                 \
	X(op_timeout, "op-timeout", NUMBER, "300", 0, 1000000, VIRTIO_ACCEL_S_SESS, "SECONDS",     \
	  "How long an operation may run before the worker is killed; 0: for ever")                \
	X(max_memory, "max-memory", SIZE, "0", 0, UINT64_MAX, 0, "SIZE",                           \
	  "Private memory of the worker, plugins included; 0: no limit")                           \
	X(max_cpus, "max-cpus", NUMBER, "0", 0, 1024, 0, "N",                                      \
	  "Processors that the worker may use at once; 0: all")                                    \
	X(cgroup, "cgroup", TEXT, "", 0, 0, 0, "DIR",                                              \
	  "Run the worker in this control group (version 2), with --max-memory and --max-cpus "    \
	  "as its limits")                                                                         \
	X(sandbox, "sandbox", LEVEL, "auto", 0, 0, 0, "LEVEL",                                     \
	  "auto: the strictest that works; strict: that, or do not start; basic: for plugins "     \
	  "that read any file, use the network and start programs; none")                          \
	X(allow_path, "allow-path", TEXT, "", 0, 0, 0, "PATH[:rw]",                                \
	  "Let plugins read (rw: and write) this file, device or directory; patterns of the "      \
	  "shell are understood")                                                                  \
	X(network, "network", FLAG, "no", 0, 0, 0, "yes|no",                                       \
	  "Let plugins use the network and other sockets; --allow=url implies it")                 \
	X(processes, "processes", FLAG, "no", 0, 0, 0, "yes|no",                                   \
	  "Let plugins start programs")
/* clang-format on */

#endif
