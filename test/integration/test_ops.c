// SPDX-License-Identifier: Apache-2.0
/*
 * Every op of the table, through the transport plugin and vhost-user-accel, against the same call to
 * the same plugin in this process: results and output bytes must be equal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SMALL 300u	    /* travels in the message */
#define LARGE 300001u	    /* travels in a segment; not a multiple of anything */

static struct daemon host;
static struct vaccel_session local, remote;

/* Starts the host with @plugin and one session on each side of it. */
static void start(const char *plugin, const char *const *args)
{
	struct vaccel_config config;
	char plugins[1024];

	start_daemon(&host, plugin, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	snprintf(plugins, sizeof(plugins), "%s:%s", plugin, VIRTIO_PLUGIN);
	assert_int_equal(vaccel_config_init(&config, plugins, VACCEL_LOG_ERROR, NULL, false, false),
			 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&local, 0), 0);
	assert_int_equal(vaccel_session_init(&remote, VACCEL_PLUGIN_REMOTE), 0);
	assert_true(remote.is_virtio);
	assert_false(local.is_virtio);
}

/* Ends both, and checks that nothing is left on the host. */
static void finish(void)
{
	assert_int_equal(vaccel_session_release(&remote), 0);
	assert_int_equal(vaccel_session_release(&local), 0);
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(daemon_stat(&host, "inflight"), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

static const char *const allow_exec[] = {"--allow=exec,exec_with_resource", NULL};

static int setup_noop(void **state)
{
	(void)state;
	start(NOOP_PLUGIN, allow_exec);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	finish();
	return 0;
}

static void fill(void *data, size_t size, unsigned int seed)
{
	unsigned char *p = data;

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (unsigned char)(seed >> 24);
	}
}

static void *filled(size_t size, unsigned int seed)
{
	void *p = malloc(size);

	assert_non_null(p);
	fill(p, size, seed);
	return p;
}

static void noop(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(vaccel_noop(&remote), 0);
}

static void images(void **state)
{
	static const size_t sizes[] = {1, SMALL, 4096, 4097, LARGE};
	int (*const ops[])(struct vaccel_session *, const void *, unsigned char *, size_t,
			   size_t) = {vaccel_image_detection, vaccel_image_segmentation,
				      vaccel_image_pose, vaccel_image_depth};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char text[2][512], name[2][512];
		unsigned char *img = filled(sizes[i], 7);

		for (int r = 0; r < 2; r++) {
			memset(text[r], 0, sizeof(text[r]));
			memset(name[r], 0, sizeof(name[r]));
			assert_int_equal(vaccel_image_classification(r ? &remote : &local, img,
								     text[r], name[r], sizes[i],
								     sizeof(text[r]),
								     sizeof(name[r])),
					 0);
		}
		assert_memory_equal(text[0], text[1], sizeof(text[0]));
		assert_memory_equal(name[0], name[1], sizeof(name[0]));
		assert_string_equal((char *)text[1], "This is a dummy classification tag!");

		for (size_t op = 0; op < 4; op++) {
			for (int r = 0; r < 2; r++) {
				memset(name[r], 0, sizeof(name[r]));
				assert_int_equal(ops[op](r ? &remote : &local, img, name[r],
							 sizes[i], sizeof(name[r])),
						 0);
			}
			assert_memory_equal(name[0], name[1], sizeof(name[0]));
		}
		/* Without text buffers */
		assert_int_equal(vaccel_image_classification(&remote, img, NULL, name[0], sizes[i],
							     0, sizeof(name[0])),
				 0);
		assert_int_equal(vaccel_image_classification(&remote, NULL, text[0], name[0], 0,
							     sizeof(text[0]), sizeof(name[0])),
				 VACCEL_EINVAL);
		free(img);
	}
}

/* A result does not travel to the plugin: what the plugin leaves alone are zeroes, however large it is. */
static void results_only(void **state)
{
	static const size_t sizes[] = {512, 4096, LARGE};
	unsigned char img[100] = "a picture";

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *text = malloc(sizes[i]), *rest;

		assert_non_null(text);
		for (int again = 0; again < 3; again++) {
			memset(text, 'x', sizes[i]);
			assert_int_equal(vaccel_image_classification(&remote, img, text, NULL,
								     sizeof(img), sizes[i], 0),
					 0);
			rest = memchr(text, 0, sizes[i]);
			assert_non_null(rest);
			for (; rest < text + sizes[i]; rest++)
				assert_int_equal(*rest, 0);
		}
		free(text);
	}
}

static void fpga_and_minmax(void **state)
{
	static const size_t counts[] = {1, 64, 2000, LARGE};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		size_t n = counts[i];
		int *ints = filled(n * sizeof(int), 3);
		float *a = malloc(n * sizeof(float)), *b = malloc(n * sizeof(float));
		double *in = malloc(n * sizeof(double)), min[2], max[2];
		void *out[2], *out2[2];

		for (size_t k = 0; k < n; k++) {
			a[k] = (float)k;
			b[k] = 0.5f * (float)k;
			in[k] = (double)k - 17;
		}
		for (int r = 0; r < 2; r++) {
			out[r] = calloc(n, sizeof(double));
			out2[r] = calloc(n, sizeof(double));
		}
#define BOTH(call)                                                                                \
	for (int r = 0; r < 2; r++) {                                                             \
		struct vaccel_session *s = r ? &remote : &local;                                  \
		memset(out[r], 0, n * sizeof(double));                                            \
		memset(out2[r], 0, n * sizeof(double));                                           \
		assert_int_equal(call, 0);                                                        \
	}                                                                                         \
	assert_memory_equal(out[0], out[1], n * sizeof(double));                                  \
	assert_memory_equal(out2[0], out2[1], n * sizeof(double))

		BOTH(vaccel_fpga_arraycopy(s, ints, out[r], n));
		assert_memory_equal(out[1], ints, n * sizeof(int));
		BOTH(vaccel_fpga_mmult(s, a, b, out[r], n));
		BOTH(vaccel_fpga_parallel(s, a, b, out[r], out2[r], n));
		BOTH(vaccel_fpga_vadd(s, a, b, out[r], n, n));
		BOTH(vaccel_minmax(s, in, (int)n, 10, 20, out[r], &min[r], &max[r]));
		assert_true(min[0] == min[1] && max[0] == max[1]);
#undef BOTH
		for (int r = 0; r < 2; r++) {
			free(out[r]);
			free(out2[r]);
		}
		free(ints);
		free(a);
		free(b);
		free(in);
	}
}

static void exec_and_opencv(void **state)
{
	static const size_t sizes[] = {8, SMALL * 4, LARGE * 4};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *in = filled(sizes[i], 5), *out[2], *same;
		struct vaccel_arg read[2], write;

		memset(read, 0, sizeof(read));
		read[0] = (struct vaccel_arg){.buf = in, .size = sizes[i],
					      .type = VACCEL_ARG_INT32_ARRAY};
		read[1] = (struct vaccel_arg){.buf = in, .size = 5, .type = VACCEL_ARG_CUSTOM,
					      .custom_type_id = 100};
		for (int r = 0; r < 2; r++) {
			out[r] = filled(sizes[i], 9);
			memset(&write, 0, sizeof(write));
			write = (struct vaccel_arg){.buf = out[r], .size = sizes[i],
						    .type = VACCEL_ARG_INT32_ARRAY};
			assert_int_equal(vaccel_exec(r ? &remote : &local, "lib.so", "symbol", read,
						     2, &write, 1),
					 0);
		}
		assert_memory_equal(out[0], out[1], sizes[i]);
		assert_memory_equal(out[1], in, sizes[i]);

		for (int r = 0; r < 2; r++) {
			fill(out[r], sizes[i], 9);
			write.buf = out[r];
			assert_int_equal(vaccel_opencv_unpack(r ? &remote : &local, read, 1, &write,
							      1),
					 0);
		}
		assert_memory_equal(out[0], out[1], sizes[i]);
		/* What a plugin leaves alone comes back as it was. */
		same = filled(sizes[i], 9);
		assert_memory_equal(out[1] + 8, same + 8, sizes[i] - 8);
		free(same);
		free(out[0]);
		free(out[1]);
		free(in);
	}
	assert_int_equal(vaccel_exec(&remote, NULL, "symbol", NULL, 0, NULL, 0), VACCEL_EINVAL);
}

static char *make_file(const char *dir, const char *name, size_t size)
{
	char *path;
	void *data = filled(size, 21);
	int fd;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
	free(data);
	return path;
}

static void resources(void **state)
{
	struct vaccel_session second;
	struct vaccel_resource res;
	char *big = make_file(test_dir(), "big.bin", 9u << 20), *dir, *sub, *a, *b;
	unsigned char buf[SMALL], same[SMALL];

	(void)state;
	/* One file, larger than a request; two sessions share it. */
	assert_int_equal(vaccel_session_init(&second, VACCEL_PLUGIN_REMOTE), 0);
	assert_int_equal(vaccel_resource_init(&res, big, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	assert_true(res.remote_id > 0);
	assert_int_equal(vaccel_resource_register(&res, &second), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 1);
	assert_int_equal(vaccel_resource_unregister(&res, &remote), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 1);
	assert_int_equal(vaccel_resource_unregister(&res, &second), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(vaccel_resource_register(&res, &second), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
	assert_int_equal(daemon_stat(&host, "resources"), 0);
	assert_int_equal(vaccel_session_release(&second), 0);

	/* A directory with a tree in it */
	assert_true(asprintf(&dir, "%s/tree", test_dir()) > 0);
	assert_true(asprintf(&sub, "%s/sub", dir) > 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	a = make_file(dir, "same", 10);
	b = make_file(sub, "same", 5000);
	assert_int_equal(vaccel_resource_init(&res, dir, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);

	/* Two files of the same name */
	assert_int_equal(vaccel_resource_init_multi(&res, (const char *[]){a, b}, 2,
						    VACCEL_RESOURCE_LIB),
			 0);
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);

	/* Memory, brought back by sync */
	fill(buf, sizeof(buf), 1);
	memcpy(same, buf, sizeof(buf));
	assert_int_equal(vaccel_resource_init_from_buf(&res, buf, sizeof(buf), VACCEL_RESOURCE_DATA,
						       "buf", true),
			 0);
	assert_int_equal(vaccel_resource_register(&res, &remote), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(vaccel_resource_sync(&res, &remote), 0);
	assert_memory_equal(buf, same, sizeof(buf));
	assert_int_equal(vaccel_resource_release(&res), 0);
	free(big);
	free(dir);
	free(sub);
	free(a);
	free(b);
}

static void tf_and_friends(void **state)
{
	static const int64_t counts[] = {1, 64, 2000, LARGE};
	struct vaccel_resource model;
	struct vaccel_tf_status status = {0};
	char *path = make_file(test_dir(), "model.pb", LARGE);

	(void)state;
	assert_int_equal(vaccel_resource_init(&model, path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_tf_model_load(&remote, &model, &status), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_register(&model, &remote), 0);
	assert_int_equal(vaccel_tf_model_load(&remote, &model, &status), 0);
	assert_string_equal(status.message, "Operation handled by noop plugin");
	vaccel_tf_status_release(&status);

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int64_t dims[] = {1, counts[i]};
		int32_t dims32[] = {1, (int32_t)counts[i]};
		size_t bytes = (size_t)counts[i] * sizeof(float);
		float *data = filled(bytes, 4);
		struct vaccel_tf_tensor *tf_in[2], *tf_out[2];
		struct vaccel_tflite_tensor *lite_in, *lite_out;
		struct vaccel_torch_tensor *torch_in, *torch_out;
		struct vaccel_tf_node in_nodes[2] = {{(char *)"in", 0}, {(char *)"in2", 1}};
		struct vaccel_tf_node out_nodes[2] = {{(char *)"out", 0}, {(char *)"out2", 1}};
		struct vaccel_tf_buffer options = {data, bytes < SMALL ? bytes : SMALL};
		uint8_t code;

		for (int k = 0; k < 2; k++) {
			assert_int_equal(vaccel_tf_tensor_new(&tf_in[k], 2, dims, VACCEL_TF_FLOAT),
					 0);
			vaccel_tf_tensor_set_data(tf_in[k], data, bytes);
		}
		vaccel_tflite_tensor_new(&lite_in, 2, dims32, VACCEL_TFLITE_FLOAT32);
		vaccel_tflite_tensor_set_data(lite_in, data, bytes);
		vaccel_torch_tensor_new(&torch_in, 2, dims, VACCEL_TORCH_FLOAT);
		vaccel_torch_tensor_set_data(torch_in, data, bytes);

		/* The first run learns the size of the outputs, the others use it. */
		for (int run = 0; run < 3; run++) {
			assert_int_equal(vaccel_tf_model_run(&remote, &model, &options, in_nodes,
							     tf_in, 2, out_nodes, tf_out, 2,
							     &status),
					 0);
			assert_int_equal(status.code, 0);
			vaccel_tf_status_release(&status);
			for (int k = 0; k < 2; k++) {
				assert_int_equal(tf_out[k]->size, bytes);
				assert_int_equal(tf_out[k]->nr_dims, 2);
				assert_int_equal(tf_out[k]->dims[1], counts[i]);
				assert_int_equal(tf_out[k]->data_type, VACCEL_TF_FLOAT);
				assert_true(tf_out[k]->owned);
				assert_memory_equal(tf_out[k]->data, data, bytes);
				vaccel_tf_tensor_delete(tf_out[k]);
			}

			assert_int_equal(vaccel_tflite_model_run(&remote, &model, &lite_in, 1,
								 &lite_out, 1, &code),
					 0);
			assert_int_equal(code, 0);
			assert_int_equal(lite_out->dims[1], counts[i]);
			assert_memory_equal(lite_out->data, data, bytes);
			vaccel_tflite_tensor_delete(lite_out);

			assert_int_equal(vaccel_torch_model_run(&remote, &model, NULL, &torch_in, 1,
								&torch_out, 1),
					 0);
			assert_memory_equal(torch_out->data, data, bytes);
			vaccel_torch_tensor_delete(torch_out);
		}
		for (int k = 0; k < 2; k++)
			vaccel_tf_tensor_delete(tf_in[k]);
		vaccel_tflite_tensor_delete(lite_in);
		vaccel_torch_tensor_delete(torch_in);
		free(data);
	}

	assert_int_equal(vaccel_tflite_model_load(&remote, &model), 0);
	assert_int_equal(vaccel_tflite_model_unload(&remote, &model), 0);
	assert_int_equal(vaccel_torch_model_load(&remote, &model), 0);
	assert_int_equal(vaccel_tf_model_unload(&remote, &model, &status), 0);
	vaccel_tf_status_release(&status);
	assert_int_equal(vaccel_resource_release(&model), 0);
	free(path);
}

/* Programs that have no options and do not want to know the status, on both sides */
static void nothing_to_say(void **state)
{
	struct vaccel_session *const sides[] = {&local, &remote};
	const int64_t dims[] = {1, 4};
	float data[] = {1, 2, 3, 4};
	struct vaccel_tf_node in_node = {(char *)"in", 0}, out_node = {(char *)"out", 0};
	struct vaccel_tf_buffer *options;
	struct vaccel_torch_buffer torch_options;
	struct vaccel_tf_tensor *in, *out;
	struct vaccel_torch_tensor *torch_in, *torch_out;
	char *path = make_file(test_dir(), "model.pb", SMALL);
	struct vaccel_resource model;

	(void)state;
	assert_int_equal(vaccel_tf_buffer_new(&options, NULL, 0), 0);
	assert_int_equal(vaccel_torch_buffer_init(&torch_options, NULL, 0), 0);
	assert_int_equal(vaccel_tf_tensor_new(&in, 2, dims, VACCEL_TF_FLOAT), 0);
	vaccel_tf_tensor_set_data(in, data, sizeof(data));
	assert_int_equal(vaccel_torch_tensor_new(&torch_in, 2, dims, VACCEL_TORCH_FLOAT), 0);
	vaccel_torch_tensor_set_data(torch_in, data, sizeof(data));
	assert_int_equal(vaccel_resource_init(&model, path, VACCEL_RESOURCE_MODEL), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vaccel_resource_register(&model, sides[i]), 0);
		assert_int_equal(vaccel_tf_model_load(sides[i], &model, NULL), 0);
		assert_int_equal(vaccel_tf_model_run(sides[i], &model, options, &in_node, &in, 1,
						     &out_node, &out, 1, NULL), 0);
		assert_memory_equal(out->data, data, sizeof(data));
		vaccel_tf_tensor_delete(out);
		assert_int_equal(vaccel_tf_model_unload(sides[i], &model, NULL), 0);
		assert_int_equal(vaccel_torch_model_run(sides[i], &model, &torch_options, &torch_in,
							1, &torch_out, 1), 0);
		assert_memory_equal(torch_out->data, data, sizeof(data));
		vaccel_torch_tensor_delete(torch_out);
	}
	assert_int_equal(vaccel_resource_release(&model), 0);
	vaccel_torch_tensor_delete(torch_in);
	vaccel_tf_tensor_delete(in);
	assert_int_equal(vaccel_tf_buffer_delete(options), 0);
	free(path);
}

/* The hint is what the program gave. */
static void session_hints(void **state)
{
	static const uint32_t hints[] = {0, VACCEL_PLUGIN_CPU, VACCEL_PLUGIN_REMOTE,
					 VACCEL_PLUGIN_REMOTE | VACCEL_PLUGIN_GPU};

	(void)state;
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		assert_int_equal(vaccel_session_update(&remote, hints[i]), 0);
		assert_int_equal(remote.hint, hints[i]);
		assert_true(remote.is_virtio);
		assert_int_equal(vaccel_noop(&remote), 0);
	}
}

static void sgemm_and_genop(void **state)
{
	int64_t m = 30, n = 40, k = 50;
	float alpha = 1, beta = 0;
	float *a = filled((size_t)(m * k) * 4, 1), *b = filled((size_t)(k * n) * 4, 2);
	float *c = filled((size_t)(m * n) * 4, 3), *same = filled((size_t)(m * n) * 4, 3);
	struct vaccel_arg_array read, write;
	uint8_t op = VACCEL_OP_BLAS_SGEMM;

	(void)state;
	/* noop leaves the result alone. */
	assert_int_equal(vaccel_sgemm(&remote, m, n, k, alpha, a, k, b, n, beta, c, n), 0);
	assert_memory_equal(c, same, (size_t)(m * n) * 4);
	assert_int_equal(vaccel_sgemm(&remote, m, n, k, alpha, a, k - 1, b, n, beta, c, n),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_sgemm(&remote, -1, n, k, alpha, a, k, b, n, beta, c, n),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_sgemm(&remote, INT64_MAX, n, k, alpha, a, INT64_MAX, b, n, beta, c,
				      n),
			 VACCEL_EINVAL);

	assert_int_equal(vaccel_arg_array_init(&read, 0), 0);
	assert_int_equal(vaccel_arg_array_init(&write, 0), 0);
	vaccel_arg_array_add_uint8(&read, &op);
	vaccel_arg_array_add_int64(&read, &m);
	vaccel_arg_array_add_int64(&read, &n);
	vaccel_arg_array_add_int64(&read, &k);
	vaccel_arg_array_add_float(&read, &alpha);
	vaccel_arg_array_add_float_array(&read, a, (size_t)(m * k));
	vaccel_arg_array_add_int64(&read, &k);
	vaccel_arg_array_add_float_array(&read, b, (size_t)(k * n));
	vaccel_arg_array_add_int64(&read, &n);
	vaccel_arg_array_add_float(&read, &beta);
	vaccel_arg_array_add_int64(&read, &n);
	vaccel_arg_array_add_float_array(&write, c, (size_t)(m * n));
	assert_int_equal(vaccel_genop(&remote, vaccel_arg_array_raw(&read),
				      (int)vaccel_arg_array_count(&read),
				      vaccel_arg_array_raw(&write),
				      (int)vaccel_arg_array_count(&write)),
			 0);
	vaccel_arg_array_release(&read);
	vaccel_arg_array_release(&write);

	for (int bad = 0; bad < 2; bad++) {
		struct vaccel_torch_tensor *in, *out = NULL;
		int64_t dims[] = {4, 4};
		float data[16] = {0};

		vaccel_torch_tensor_new(&in, 2, dims, VACCEL_TORCH_FLOAT);
		vaccel_torch_tensor_set_data(in, data, bad ? sizeof(data) - 1 : sizeof(data));
		assert_int_equal(vaccel_torch_sgemm(&remote, &in, &in, &in, 4, 4, 4, &out),
				 bad ? VACCEL_EINVAL : 0);
		if (out)
			vaccel_torch_tensor_delete(out);
		vaccel_torch_tensor_delete(in);
	}
	free(a);
	free(b);
	free(c);
	free(same);
}

/* ---- Threads -------------------------------------------------------------------------------- */

static atomic_int wrong;

static void *hammer(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	struct vaccel_session sess;

	if (vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE)) {
		atomic_fetch_add(&wrong, 1);
		return NULL;
	}
	for (unsigned int i = 0; i < 300; i++) {
		size_t n = 1 + (i * 7919u + seed) % 20000u;
		int *a = filled(n * sizeof(int), seed + i), *b = calloc(n, sizeof(int));

		if (vaccel_fpga_arraycopy(&sess, a, b, n) || memcmp(a, b, n * sizeof(int)))
			atomic_fetch_add(&wrong, 1);
		free(a);
		free(b);
	}
	if (vaccel_session_release(&sess))
		atomic_fetch_add(&wrong, 1);
	return NULL;
}

static void threads(void **state)
{
	pthread_t t[6];

	(void)state;
	for (uintptr_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, (void *)i), 0);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(wrong, 0);
}

/* ---- Failures ------------------------------------------------------------------------------- */

static void limits(void **state)
{
	struct vaccel_session more[8];
	int n = 0, ret = 0;

	(void)state;
	start(NOOP_PLUGIN, (const char *[]){"--max-sessions=4", NULL});
	while (n < 8 && !(ret = vaccel_session_init(&more[n], VACCEL_PLUGIN_REMOTE)))
		n++;
	assert_int_equal(ret, VACCEL_EUSERS);
	assert_int_equal(n, 3);
	while (n--)
		assert_int_equal(vaccel_session_release(&more[n]), 0);
	/* exec is not allowed by default */
	assert_int_equal(vaccel_exec(&remote, "lib.so", "symbol", NULL, 0, NULL, 0), VACCEL_EPERM);
	finish();
}

static atomic_int mbench_result;

static void *run_mbench(void *arg)
{
	char time[] = "60000";
	struct vaccel_arg read[2];

	memset(read, 0, sizeof(read));
	read[0] = (struct vaccel_arg){.buf = time, .size = sizeof(time), .type = VACCEL_ARG_STRING};
	read[1] = (struct vaccel_arg){.buf = time, .size = sizeof(time), .type = VACCEL_ARG_STRING};
	mbench_result = vaccel_exec(arg, "mbench", "mbench", read, 2, NULL, 0);
	return NULL;
}

static bool op_is_in_flight(void *arg)
{
	return daemon_stat(arg, "inflight") > 0;
}

static void worker_killed_in_an_op(void **state)
{
	struct vaccel_session fresh;
	pid_t supervisor, worker;
	pthread_t thread;

	(void)state;
	start(MBENCH_PLUGIN, allow_exec);
	supervisor = host.pid;
	worker = daemon_worker(&host);
	assert_int_equal(pthread_create(&thread, NULL, run_mbench, &remote), 0);
	assert_true(test_wait(op_is_in_flight, &host, 10000));
	assert_int_equal(kill(worker, SIGKILL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(mbench_result, VACCEL_ESESS);
	/* The session is lost for good, the next one works. */
	assert_int_equal(vaccel_exec(&remote, "mbench", "mbench", NULL, 0, NULL, 0), VACCEL_ESESS);
	assert_int_equal(vaccel_session_init(&fresh, VACCEL_PLUGIN_REMOTE), 0);
	assert_int_equal(vaccel_exec(&fresh, "mbench", "mbench", NULL, 0, NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_session_release(&fresh), 0);
	assert_true(daemon_alive(&host));
	assert_int_equal(host.pid, supervisor);
	assert_int_equal(daemon_stat(&host, "restarts"), 1);
	finish();
}

/* Other calls, of the same queue and of others, go on while an op takes its time. */
static void long_op_blocks_nobody(void **state)
{
	struct vaccel_session other;
	pthread_t thread;

	(void)state;
	start(MBENCH_PLUGIN, allow_exec);
	assert_int_equal(pthread_create(&thread, NULL, run_mbench, &remote), 0);
	assert_true(test_wait(op_is_in_flight, &host, 10000));
	for (int i = 0; i < 100; i++) {
		assert_int_equal(vaccel_session_init(&other, VACCEL_PLUGIN_REMOTE), 0);
		assert_int_equal(vaccel_session_release(&other), 0);
	}
	assert_int_equal(mbench_result, -1);
	kill(daemon_worker(&host), SIGKILL);
	pthread_join(thread, NULL);
	assert_int_equal(mbench_result, VACCEL_ESESS);
	finish();
}

static int reset_mbench(void **state)
{
	(void)state;
	mbench_result = -1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest with_noop[] = {
		cmocka_unit_test(noop),		   cmocka_unit_test(images),
		cmocka_unit_test(results_only),
		cmocka_unit_test(fpga_and_minmax), cmocka_unit_test(exec_and_opencv),
		cmocka_unit_test(resources),	   cmocka_unit_test(tf_and_friends),
		cmocka_unit_test(nothing_to_say),  cmocka_unit_test(session_hints),
		cmocka_unit_test(sgemm_and_genop), cmocka_unit_test(threads),
	};
	const struct CMUnitTest failures[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test_setup(worker_killed_in_an_op, reset_mbench),
		cmocka_unit_test_setup(long_op_blocks_nobody, reset_mbench),
	};
	int failed;

	test_main_begin(240);
	failed = cmocka_run_group_tests_name("ops with noop", with_noop, setup_noop, teardown);
	failed += cmocka_run_group_tests_name("failures", failures, NULL, NULL);
	return failed != 0;
}
