/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debian's ONNX Runtime registers each operator of its ONNX library a second time when it starts,
 * and ONNX complains about each on stderr: over a thousand lines that mean nothing. Between
 * quiet_start() and quiet_stop() stderr is collected; what is not such a complaint is written to it
 * afterwards. stderr is the whole process's: use this around the one call that needs it.
 */
#ifndef PLUGINS_COMMON_QUIET_H
#define PLUGINS_COMMON_QUIET_H

struct quiet {
	int stderr_fd; /* where stderr went, -1: nothing is collected */
	int file;
};

void quiet_start(struct quiet *quiet);
void quiet_stop(struct quiet *quiet);

#endif
