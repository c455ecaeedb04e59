/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the opencl plugin. Functions returning int give VACCEL_OK or a code and log what is wrong. */
#ifndef PLUGINS_OPENCL_OPENCL_H
#define PLUGINS_OPENCL_OPENCL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>

#include "vaccel.h"

#define opencl_debug(format, ...) vaccel_debug("[opencl] " format, ##__VA_ARGS__)
#define opencl_error(format, ...) vaccel_error("[opencl] " format, ##__VA_ARGS__)

#define ENV_DEVICE "VACCEL_OPENCL_DEVICE"

/* ---- Kernels (kernels.c) --------------------------------------------------------------------- */

enum kernel_id { KERNEL_COPY, KERNEL_ADD, KERNEL_PARALLEL, KERNEL_PRODUCT, KERNEL_MINMAX, NR_KERNELS };

/* Rows and columns of c that one work item of KERNEL_PRODUCT computes */
#define TILE_ROWS 4
#define TILE_COLS 16

/** A kernel: its arguments are b: a buffer, l: cl_ulong, f: float, d: double, one letter each. */
struct kernel_info {
	const char *name;
	const char *args;
};

extern const struct kernel_info kernel_infos[NR_KERNELS];
extern const char kernel_source[];

/* ---- The device (device.c) ------------------------------------------------------------------- */

/** Work items of a work group. */
#define GROUP 64

struct device {
	cl_device_id id;
	cl_context context;
	cl_program program;
	size_t group;	      /* work items of a work group: GROUP, or what the device can */
	cl_ulong max_buffer;  /* bytes of one buffer */
	bool has_double;
	char name[256];
};

/**
 * device_start() - choose the device, compile the kernels for it, and run each of them once
 *
 * That is done once in a process; what the implementation compiles late, or starts in threads of its
 * own, is there when this returns. ENODEV: no such device. ENOTSUP: what there is cannot be used.
 */
int device_start(void);

/** device_stop() - the end of the plugin; the device stays as it is, for the next device_start() */
void device_stop(void);

/** device_get() - the device; NULL, which was logged, in a child of the process that started it */
const struct device *device_get(void);

/** opencl_failed() - logs an error of OpenCL. Return: the code that a program gets for it */
int opencl_failed(const char *what, cl_int error);

/* ---- Running a kernel (job.c) ---------------------------------------------------------------- */

#define JOB_MAX_BUFFERS 4

/** A queue and a set of kernels, which one call at a time uses. */
struct lane;

/**
 * struct job - one run of a kernel, from its arguments to its results
 *
 * After the first failure all functions do nothing; job_end() says what it was.
 */
struct job {
	const struct device *device;
	struct lane *lane;
	cl_kernel kernel;
	cl_uint nr_args;
	cl_mem buffers[JOB_MAX_BUFFERS];
	unsigned int nr_buffers;
	int ret;
};

/** Rows of a matrix in the program's memory. */
struct rows {
	void *data;
	size_t rows, bytes; /* of a row */
	size_t pitch;	    /* bytes from a row to the next */
};

/** job_begin() - pair with job_end(), whatever it finds */
void job_begin(struct job *job, enum kernel_id kernel);

/** job_buffer() - the next argument: size bytes on the device, copies of those at data unless NULL */
void job_buffer(struct job *job, const void *data, size_t size);

/** job_matrix() - the next argument: rows of pitch bytes on the device; those of from in the first ones */
void job_matrix(struct job *job, size_t rows, size_t pitch, const struct rows *from);

/** job_value() - the next argument, a number */
void job_value(struct job *job, const void *value, size_t size);

/** job_run() - starts so many work items, or some more */
void job_run(struct job *job, size_t items);

/** job_fetch() - what the kernel has written to its buffer of this number, from 0 on */
void job_fetch(struct job *job, unsigned int buffer, void *data, size_t size);
void job_fetch_matrix(struct job *job, unsigned int buffer, size_t pitch, const struct rows *to);

int job_end(struct job *job);

/** lanes_start() - makes the first lane, and runs each kernel in it once */
int lanes_start(const struct device *device);

#endif
