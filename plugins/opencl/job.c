// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels have their arguments in themselves and queues keep an order, so each call has its own of
 * both: a lane. Lanes are used again, and there are as many as there were calls at one time.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "opencl.h"

struct lane {
	struct lane *next;
	cl_command_queue queue;
	cl_kernel kernels[NR_KERNELS]; /* NULL: the device cannot run it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lane *idle;

static void lane_delete(struct lane *lane)
{
	for (int i = 0; i < NR_KERNELS; i++)
		if (lane->kernels[i])
			clReleaseKernel(lane->kernels[i]);
	if (lane->queue)
		clReleaseCommandQueue(lane->queue);
	free(lane);
}

static int lane_new(const struct device *device, struct lane **out)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	cl_int error;

	if (!lane)
		return VACCEL_ENOMEM;
	lane->queue = clCreateCommandQueue(device->context, device->id, 0, &error);
	for (int i = 0; !error && i < NR_KERNELS; i++) {
		if (i == KERNEL_MINMAX && !device->has_double)
			continue;
		lane->kernels[i] = clCreateKernel(device->program, kernel_infos[i].name, &error);
	}
	if (error) {
		lane_delete(lane);
		return opencl_failed("make a queue with kernels", error);
	}
	*out = lane;
	return VACCEL_OK;
}

static int lane_get(const struct device *device, struct lane **out)
{
	struct lane *lane;

	pthread_mutex_lock(&lock);
	lane = idle;
	if (lane)
		idle = lane->next;
	pthread_mutex_unlock(&lock);
	*out = lane;
	return lane ? VACCEL_OK : lane_new(device, out);
}

static void lane_put(struct lane *lane)
{
	pthread_mutex_lock(&lock);
	lane->next = idle;
	idle = lane;
	pthread_mutex_unlock(&lock);
}

static void check(struct job *job, const char *what, cl_int error)
{
	if (error && !job->ret)
		job->ret = opencl_failed(what, error);
}

void job_begin(struct job *job, enum kernel_id kernel)
{
	*job = (struct job){.device = device_get()};
	if (!job->device) {
		job->ret = VACCEL_ENOTSUP;
		return;
	}
	job->ret = lane_get(job->device, &job->lane);
	if (job->ret)
		return;
	job->kernel = job->lane->kernels[kernel];
	if (!job->kernel) {
		opencl_error("%s: the device has no numbers of double precision", job->device->name);
		job->ret = VACCEL_ENOTSUP;
	}
}

void job_value(struct job *job, const void *value, size_t size)
{
	if (!job->ret)
		check(job, "set an argument", clSetKernelArg(job->kernel, job->nr_args++, size, value));
}

/* OpenCL has no buffers without bytes. */
void job_buffer(struct job *job, const void *data, size_t size)
{
	cl_mem_flags flags = CL_MEM_READ_WRITE | (data ? CL_MEM_COPY_HOST_PTR : 0);
	cl_int error;
	cl_mem buffer;

	if (job->ret)
		return;
	if (size > job->device->max_buffer) {
		opencl_error("%s: %zu bytes are too many for one buffer, it can have %llu",
			     job->device->name, size, (unsigned long long)job->device->max_buffer);
		job->ret = VACCEL_ENOMEM;
		return;
	}
	buffer = clCreateBuffer(job->device->context, flags, size ? size : 1,
				(void *)(uintptr_t)data, &error);
	check(job, "make a buffer", error);
	if (job->ret)
		return;
	job->buffers[job->nr_buffers++] = buffer;
	job_value(job, &buffer, sizeof(buffer));
}

void job_matrix(struct job *job, size_t rows, size_t pitch, const struct rows *from)
{
	static const size_t origin[3] = {0, 0, 0};
	size_t size;

	if (job->ret)
		return;
	if (__builtin_mul_overflow(rows, pitch, &size))
		size = SIZE_MAX;
	job_buffer(job, NULL, size);
	if (job->ret || !from || !from->rows || !from->bytes)
		return;
	check(job, "copy a matrix to the device",
	      clEnqueueWriteBufferRect(job->lane->queue, job->buffers[job->nr_buffers - 1], CL_TRUE,
				       origin, origin, (size_t[]){from->bytes, from->rows, 1}, pitch,
				       0, from->pitch, 0, from->data, 0, NULL, NULL));
}

void job_run(struct job *job, size_t items)
{
	size_t group = job->ret ? 1 : job->device->group, all;

	if (job->ret || !items)
		return;
	if (__builtin_add_overflow(items, group - 1, &all)) {
		job->ret = VACCEL_EINVAL;
		return;
	}
	all -= all % group;
	check(job, "run a kernel",
	      clEnqueueNDRangeKernel(job->lane->queue, job->kernel, 1, NULL, &all, &group, 0, NULL, NULL));
}

void job_fetch(struct job *job, unsigned int buffer, void *data, size_t size)
{
	if (!job->ret && size)
		check(job, "fetch a result",
		      clEnqueueReadBuffer(job->lane->queue, job->buffers[buffer], CL_TRUE, 0, size, data,
					  0, NULL, NULL));
}

void job_fetch_matrix(struct job *job, unsigned int buffer, size_t pitch, const struct rows *to)
{
	static const size_t origin[3] = {0, 0, 0};

	if (!job->ret)
		check(job, "fetch a result",
		      clEnqueueReadBufferRect(job->lane->queue, job->buffers[buffer], CL_TRUE, origin,
					      origin, (size_t[]){to->bytes, to->rows, 1}, pitch, 0,
					      to->pitch, 0, to->data, 0, NULL, NULL));
}

int job_end(struct job *job)
{
	if (!job->lane)
		return job->ret;
	/* What a failure has left in the queue must not use the buffers any more. */
	if (job->ret)
		clFinish(job->lane->queue);
	for (unsigned int i = 0; i < job->nr_buffers; i++)
		clReleaseMemObject(job->buffers[i]);
	lane_put(job->lane);
	return job->ret;
}

/*
 * Implementations compile a kernel for its groups when it is run, and may do so once more for long
 * ranges. With arguments that are all zero the kernels touch nothing.
 */
static int try_kernel(const struct device *device, enum kernel_id id, size_t items)
{
	static const double zero = 0;
	struct job job;

	(void)device;
	job_begin(&job, id);
	for (const char *arg = kernel_infos[id].args; *arg; arg++) {
		if (*arg == 'b')
			job_buffer(&job, NULL, 0);
		else
			job_value(&job, &zero, *arg == 'f' ? sizeof(cl_float) : sizeof(zero));
	}
	job_run(&job, items);
	if (!job.ret)
		check(&job, "run a kernel", clFinish(job.lane->queue));
	return job_end(&job);
}

int lanes_start(const struct device *device)
{
	int ret = VACCEL_OK;

	for (int id = 0; id < NR_KERNELS && !ret; id++) {
		if (id == KERNEL_MINMAX && !device->has_double)
			continue;
		ret = try_kernel(device, id, 1);
		if (!ret)
			ret = try_kernel(device, id, 1u << 20);
	}
	return ret;
}
