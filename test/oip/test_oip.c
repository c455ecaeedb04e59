// SPDX-License-Identifier: Apache-2.0
/*
 * The plugin oip in this process, and behind the strict sandbox, which has no network: right answers of a server in
 * both forms, which servers are asked, and what the operator says.
 */
#include "servers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct engines e;
static struct test_server server, other;

static int end(void **state)
{
	(void)state;
	engines_stop(&e);
	e.host.pid = 0;
	server_stop(&server);
	server_stop(&other);
	unsetenv("VACCEL_OIP_TIMEOUT");
	unsetenv("VACCEL_OIP_TOKEN_FILE");
	unsetenv("VACCEL_OIP_CA_FILE");
	return 0;
}

static struct vaccel_resource *loaded(const char *path)
{
	struct vaccel_resource *model = model_named(&e, path);

	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), 0);
	return model;
}

/* ---- Right answers --------------------------------------------------------------------------- */

/* Numbers that text gives back as they were: no NaN, and BYTES that are UTF-8 with zeros among them */
static void *values(uint32_t datatype, size_t count, size_t *size)
{
	size_t element = vaccel_infer_datatype_size(datatype);
	uint8_t *data = calloc(count + 1, 16);

	*size = count * element;
	for (size_t i = 0; i < count && datatype != VACCEL_INFER_BYTES; i++) {
		const float f = (float)i / 3 - 100;
		const double d = (double)i / 7 - 1e300;

		if (datatype == VACCEL_INFER_FP32)
			memcpy(data + i * 4, &f, 4);
		else if (datatype == VACCEL_INFER_FP64)
			memcpy(data + i * 8, &d, 8);
		else
			memset(data + i * element, datatype == VACCEL_INFER_BOOL ? i % 3 == 1 : (int)(255 - i % 256), element);
	}
	for (size_t i = 0; i < count && datatype == VACCEL_INFER_BYTES; i++) {
		const uint8_t text[] = {'"', 0, 0xc3, 0xa4, '\\', '\n', 0xf0, 0x9f, 0x98, 0x80, '/'};
		static const uint8_t lengths[] = {0, 1, 2, 4, 6, 10, 11};
		uint8_t len = lengths[i % 7];

		data[*size] = len;
		memcpy(data + *size + 4, text, len);
		*size += 4 + len;
	}
	return data;
}

static void expect_same(int place, struct vaccel_resource *model, uint32_t datatype, int64_t rows, bool buffer,
			int expected)
{
	struct vaccel_infer_tensor x = {.name = "x", .datatype = datatype, .nr_dims = 2, .shape = {rows, 3}},
				   y = {.name = "y"};

	x.data = values(datatype, (size_t)rows * 3, &x.size);
	if (buffer) {
		y.room = x.size + 1;
		y.data = malloc(y.room);
	}
	assert_int_equal(vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1), expected);
	if (!expected) {
		assert_int_equal(y.owned, !buffer);
		assert_int_equal(y.datatype, datatype);
		assert_int_equal(y.nr_dims, 2);
		assert_int_equal(y.shape[0], rows);
		assert_int_equal(y.shape[1], 3);
		assert_int_equal(y.size, x.size);
		assert_memory_equal(y.data, x.data, x.size);
	}
	vaccel_infer_tensor_release(&y);
	if (buffer)
		free(y.data);
	free(x.data);
}

static void answers(bool text)
{
	static const int64_t rows[] = {1, 7, 0, 1000};
	struct vaccel_resource *model;

	server_start(&server, OIP_SERVER, text ? "--text" : NULL, NULL, NULL);
	begin_with(&e, &server);
	model = loaded("model://echo");
	for (int place = 0; place < NR_PLACES; place++)
		for (uint32_t type = VACCEL_INFER_BOOL; type < VACCEL_INFER_MAX; type++)
			for (size_t i = 0; i < 4; i++) {
				bool half = type == VACCEL_INFER_FP16 || type == VACCEL_INFER_BF16;
				int expected = text && half && rows[i] ? VACCEL_ENOTSUP : 0;

				expect_same(place, model, type, rows[i], true, expected);
				expect_same(place, model, type, rows[i], false, expected);
			}
	vaccel_resource_delete(model);
}

static void binary_answers(void **state)
{
	(void)state;
	answers(false);
}

static void text_answers(void **state)
{
	(void)state;
	answers(true);
}

static float a_values[12], b_values[12];

static struct vaccel_infer_tensor floats(const char *name, float *data)
{
	for (int i = 0; i < 12; i++)
		data[i] = (float)i - (data == a_values ? 2.5f : 0.25f);
	return (struct vaccel_infer_tensor){.name = name, .datatype = VACCEL_INFER_FP32, .nr_dims = 2,
					    .shape = {4, 3}, .data = data, .size = 12 * sizeof(float)};
}

static void several(void **state)
{
	struct vaccel_infer_tensor in[2] = {floats("b", b_values), floats("a", a_values)};
	static const char *const names[] = {"model://sums", "model://sums/2"};

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	begin_with(&e, &server);
	for (int k = 0; k < 2; k++) {
		struct vaccel_resource *model = loaded(names[k]);

		for (int place = 0; place < NR_PLACES; place++) {
			struct vaccel_infer_tensor both[2] = {{.name = NULL}, {.name = NULL}}, product = {.name = "product"};
			struct vaccel_infer_model info;
			struct vaccel_infer_desc d[4];

			assert_int_equal(vaccel_infer_metadata(&e.sess[place], model, &info, d, 4), 0);
			assert_string_equal(info.name, "sums");
			assert_string_equal(info.version, "2");
			assert_string_equal(info.platform, "test_sums");
			assert_int_equal(info.nr_inputs, 2);
			assert_string_equal(d[3].name, "product");
			assert_int_equal(d[0].shape[0], -1);
			assert_int_equal(d[0].shape[1], 3);
			assert_int_equal(d[0].datatype, VACCEL_INFER_FP32);
			assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, &product, 1), 0);
			assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, both, 2), 0);
			assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, NULL, 0), 0);
			for (int i = 0; i < 12; i++) {
				assert_true(((float *)both[0].data)[i] == a_values[i] + b_values[i]);
				assert_true(((float *)product.data)[i] == a_values[i] * b_values[i]);
			}
			vaccel_infer_tensor_release(&product);
			vaccel_infer_tensor_release(&both[0]);
			vaccel_infer_tensor_release(&both[1]);
		}
		vaccel_resource_delete(model);
	}
}

/* Bytes go straight into the buffers: also of an output that is asked for twice, and of shapes that change from call to call. */
static void buffers(void **state)
{
	static float got[3][12];
	struct vaccel_resource *model;

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	begin_with(&e, &server);
	model = loaded("model://sums");
	for (int i = 0; i < 4 * NR_PLACES; i++) {
		const int64_t rows = 1 + i % 2 * 3;
		const size_t size = (size_t)rows * 3 * sizeof(float);
		struct vaccel_infer_tensor in[2] = {floats("b", b_values), floats("a", a_values)};
		struct vaccel_infer_tensor out[4] = {{.name = "product", .data = got[0], .room = sizeof(got[0])},
						     {.name = "sum", .data = got[1], .room = size - 1},
						     {.name = "product", .data = got[2], .room = size},
						     {.name = "sum"}};
		const bool small = i / NR_PLACES % 2;

		in[0].shape[0] = in[1].shape[0] = rows;
		in[0].size = in[1].size = size;
		out[1].room += small ? 0 : 1;
		memset(got, 0, sizeof(got));
		assert_int_equal(vaccel_infer_run(&e.sess[i % NR_PLACES], model, in, 2, out, 4),
				 small ? VACCEL_ERANGE : 0);
		for (int k = 0; k < 3 + !small; k++) {
			assert_int_equal(out[k].size, size);
			for (int j = 0; j < rows * 3 && !small; j++)
				assert_true(((float *)out[k].data)[j] == (k % 2 ? a_values[j] + b_values[j] :
										  a_values[j] * b_values[j]));
		}
		vaccel_infer_tensor_release(&out[3]);
	}
	vaccel_resource_delete(model);
}

/* ---- What does not fit ----------------------------------------------------------------------- */

static void expect_refused(struct vaccel_resource *model, struct vaccel_infer_tensor *in, uint32_t nr,
			   const char *out_name)
{
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_infer_tensor out = {.name = out_name};

		assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, nr, &out, 1), VACCEL_EINVAL);
		assert_null(out.data);
	}
}

static void misfits(void **state)
{
	struct vaccel_infer_tensor in[2] = {floats("a", a_values), floats("b", b_values)};
	const struct vaccel_infer_tensor good = in[1];
	struct vaccel_resource *model;

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	begin_with(&e, &server);
	model = loaded("model://sums");
	expect_refused(model, in, 2, "sums");
	expect_refused(model, in, 1, "sum");
	in[1].name = "a";
	expect_refused(model, in, 2, "sum");
	in[1].name = "c";
	expect_refused(model, in, 2, "sum");
	in[1] = good;
	in[1].datatype = VACCEL_INFER_INT32;
	expect_refused(model, in, 2, "sum");
	in[1] = good;
	in[1].shape[0] = 3;
	in[1].shape[1] = 4;
	expect_refused(model, in, 2, "sum");
	in[1] = good;
	in[1].nr_dims = 1;
	in[1].shape[0] = 12;
	expect_refused(model, in, 2, "sum");
	in[1] = good;
	/* The server has to refuse nothing of this but a missing input. */
	assert_int_equal(server_runs(&server), NR_PLACES);
	for (int place = 0; place < NR_PLACES; place++) {
		char small[12 * sizeof(float) - 1];
		struct vaccel_infer_tensor out = {.name = "sum", .data = small, .room = sizeof(small)};

		assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, &out, 1), VACCEL_ERANGE);
		assert_int_equal(out.size, 12 * sizeof(float));
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), 0);
		assert_int_equal(vaccel_infer_unload(&e.sess[place], model), VACCEL_EINVAL);
		assert_int_equal(vaccel_infer_run(&e.sess[place], model, in, 2, &out, 1), VACCEL_EINVAL);
	}
	vaccel_resource_delete(model);
}

/* Models that there are not, that the operator does not allow, and that are none of a server */
static void models(void **state)
{
	struct vaccel_resource *model;

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	begin_with(&e, &server);
	model = model_named(&e, "model://bird");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), VACCEL_ENOENT);
	vaccel_resource_delete(model);
	assert_int_equal(vaccel_resource_new(&model, "model://other", VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(model, &e.sess[REMOTE]), VACCEL_EPERM);
	assert_int_equal(vaccel_resource_register(model, &e.sess[LOCAL]), 0);
	assert_int_equal(vaccel_infer_load(&e.sess[LOCAL], model), VACCEL_ENOENT);
	vaccel_resource_delete(model);
	model = model_of_bytes(&e, "x", 1, "model.onnx");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), VACCEL_EINVAL);
	vaccel_resource_delete(model);
}

/* What the server says is wrong has a code of its own. */
static void statuses(void **state)
{
	static const struct {
		const char *path;
		int code;
	} cases[] = {{"model://busy", VACCEL_EAGAIN}, {"model://broken", VACCEL_EBACKEND},
		     {"model://wrong", VACCEL_EINVAL}};

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	begin_with(&e, &server);
	for (size_t i = 1; i <= 3; i++) {
		struct vaccel_resource *model = loaded(cases[i % 3].path);

		for (int place = 0; place < NR_PLACES; place++)
			expect_same(place, model, VACCEL_INFER_INT8, 1, false, cases[i % 3].code);
		vaccel_resource_delete(model);
	}
}

/* ---- Several servers ------------------------------------------------------------------------- */

static bool works(void *model)
{
	struct vaccel_infer_tensor x = {.name = "x", .datatype = VACCEL_INFER_UINT8, .nr_dims = 1, .shape = {1},
					.data = "x", .size = 1}, y = {.name = "y"};
	int worked = 0;

	for (int place = 0; place < NR_PLACES; place++) {
		worked += !vaccel_infer_run(&e.sess[place], model, &x, 1, &y, 1);
		vaccel_infer_tensor_release(&y);
	}
	return worked == NR_PLACES;
}

static void failover(void **state)
{
	struct vaccel_resource *model;
	char urls[128];
	int before;

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	server_start(&other, OIP_SERVER, "--text", NULL, NULL);
	snprintf(urls, sizeof(urls), "http://127.0.0.1:1/, http://127.0.0.1:%d http://127.0.0.1:%d/", server.port,
		 other.port);
	begin(&e, urls);
	model = loaded("model://echo");
	for (int i = 0; i < 20; i++)
		assert_true(works(model));
	/* Both have something to do, and nothing is done twice. */
	assert_int_equal(server_runs(&server) + server_runs(&other), 40);
	assert_true(server_runs(&server) >= 10 && server_runs(&other) >= 10);
	/* One goes without a word: the other does all. A call that it had begun is lost, no other one. */
	server_stop(&other);
	for (int i = 0; i < 20; i++)
		assert_true(works(model) || i < 4);
	before = server_runs(&server);
	/* The last one says that it is not ready: calls end at once, until it is again. */
	server_toggle(&server);
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_resource *busy = model_named(&e, "model://busy");

		vaccel_infer_load(&e.sess[place], busy);
		vaccel_resource_delete(busy);
	}
	server_toggle(&server);
	assert_true(test_wait(works, model, 10000));
	assert_true(server_runs(&server) > before);
	vaccel_resource_delete(model);
}

static void not_ready(void **state)
{
	struct vaccel_resource *model;

	(void)state;
	server_start(&server, OIP_SERVER, "--not-ready", NULL, NULL);
	begin_with(&e, &server);
	model = model_named(&e, "model://echo");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), VACCEL_EAGAIN);
	server_toggle(&server);
	for (int place = 0; place < NR_PLACES; place++) {
		int ret = VACCEL_EAGAIN;

		for (int i = 0; i < 100 && ret == VACCEL_EAGAIN; i++) {
			usleep(100000);
			ret = vaccel_infer_load(&e.sess[place], model);
		}
		assert_int_equal(ret, 0);
	}
	assert_true(works(model));
	vaccel_resource_delete(model);
}

static void late(void **state)
{
	struct vaccel_resource *model;

	(void)state;
	setenv("VACCEL_OIP_TIMEOUT", "1", 1);
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	begin_with(&e, &server);
	model = loaded("model://slow");
	for (int place = 0; place < NR_PLACES; place++)
		expect_same(place, model, VACCEL_INFER_INT8, 1, false, VACCEL_EREMOTEIO);
	vaccel_resource_delete(model);
}

/* The operator's limit on an operation: the call ends before the worker would be killed. */
static void op_timeout(void **state)
{
	static const char *const args[] = {"--sandbox=strict", "--models=slow", "--op-timeout=2", NULL};
	struct vaccel_infer_tensor x = {.name = "x", .datatype = VACCEL_INFER_UINT8, .nr_dims = 1, .shape = {1},
					.data = "x", .size = 1}, y = {.name = "y"};
	struct vaccel_resource *model;
	struct vaccel_session sess;
	struct daemon host;
	char url[64];

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
	setenv("VACCEL_OIP_URL", url, 1);
	start_daemon(&host, ENGINE_PLUGIN, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	setenv("VACCEL_PLUGINS", VIRTIO_PLUGIN, 1);
	assert_int_equal(vaccel_bootstrap(), 0);
	assert_int_equal(vaccel_session_init(&sess, 0), 0);
	assert_int_equal(vaccel_resource_new(&model, "model://slow", VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(model, &sess), 0);
	assert_int_equal(vaccel_infer_load(&sess, model), 0);
	assert_int_equal(vaccel_infer_run(&sess, model, &x, 1, &y, 1), VACCEL_EREMOTEIO);
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
	vaccel_resource_delete(model);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

static void *run_often(void *arg)
{
	for (int i = 0; i < 25; i++)
		if (!works(arg))
			return arg;
	return NULL;
}

static void parallel(void **state)
{
	struct vaccel_resource *model;
	pthread_t threads[8];
	void *failed;

	(void)state;
	server_start(&server, OIP_SERVER, NULL, NULL, NULL);
	begin_with(&e, &server);
	model = loaded("model://echo");
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_often, model), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(server_runs(&server), 8 * 25 * NR_PLACES);
	vaccel_resource_delete(model);
}

/* ---- What the operator says ------------------------------------------------------------------ */

static void variables(void **state)
{
	static const char *const bad[] = {"ftp://a", "http://", "http://a b:1", "http://a:0", "http://a:65536", "http://a:x",
					  "http://user@a", "http://a?x", "http://[::1", "http://a/%2e", "http://a:1#x"};

	(void)state;
	unsetenv("VACCEL_OIP_URL");
	expect_start(ENGINE_PLUGIN, VACCEL_ENOENT, "set VACCEL_OIP_URL");
	setenv("VACCEL_OIP_URL", " , ", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_ENOENT, "set VACCEL_OIP_URL");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("VACCEL_OIP_URL", bad[i], 1);
		expect_start(ENGINE_PLUGIN, VACCEL_EINVAL, "VACCEL_OIP_URL: ");
	}
	setenv("VACCEL_OIP_URL", "https://[::1]:8443/a/b/,http://host.example", 1);
	expect_start(ENGINE_PLUGIN, 0, NULL);
	setenv("VACCEL_OIP_TIMEOUT", "0", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_EINVAL, "VACCEL_OIP_TIMEOUT=0: a number from 1");
	unsetenv("VACCEL_OIP_TIMEOUT");
	setenv("VACCEL_OIP_TOKEN_FILE", "/nowhere", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_EINVAL, "VACCEL_OIP_TOKEN_FILE=/nowhere: No such file");
	unsetenv("VACCEL_OIP_TOKEN_FILE");
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void tokens(void **state)
{
	struct vaccel_resource *model;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/token", test_dir());
	write_text(path, "the secret\n");
	setenv("VACCEL_OIP_TOKEN_FILE", path, 1);
	server_start(&server, OIP_SERVER, "--token=the secret", NULL, NULL);
	begin_with(&e, &server);
	model = loaded("model://echo");
	assert_true(works(model));
	/* The file is read each time. */
	write_text(path, "another one\n");
	for (int place = 0; place < NR_PLACES; place++)
		expect_same(place, model, VACCEL_INFER_INT8, 1, false, VACCEL_EPERM);
	vaccel_resource_delete(model);
}

/* A certificate for 127.0.0.1 that is good from one day to another. Return: whether there is a program for that. */
static bool make_certificate(const char *from, const char *to)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s/key -out %s/cert "
		 "-subj /CN=test -addext subjectAltName=IP:127.0.0.1 -not_before %s -not_after %s 2>%s/openssl",
		 test_dir(), test_dir(), from, to, test_dir());
	return system(command) == 0;
}

static void encrypted(void **state)
{
	char option[600], url[64], ca[300];
	struct vaccel_resource *model;

	(void)state;
	snprintf(option, sizeof(option), "--tls=%s/key,%s/cert", test_dir(), test_dir());
	snprintf(ca, sizeof(ca), "%s/cert", test_dir());
	for (int expired = 0; expired < 2; expired++) {
		if (!make_certificate("20200101000000Z", expired ? "20200102000000Z" : "20490101000000Z"))
			test_skip("openssl does not make certificates: the package openssl 3.4 or later is needed");
		setenv("VACCEL_OIP_CA_FILE", ca, 1);
		server_start(&server, OIP_SERVER, option, NULL, NULL);
		snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
		begin(&e, url);
		model = model_named(&e, "model://echo");
		for (int place = 0; place < NR_PLACES; place++)
			assert_int_equal(vaccel_infer_load(&e.sess[place], model), expired ? VACCEL_EAGAIN : 0);
		if (!expired)
			assert_true(works(model));
		vaccel_resource_delete(model);
		end(NULL);
	}
	/* Whoever is not known is not trusted. */
	assert_true(make_certificate("20200101000000Z", "20490101000000Z"));
	server_start(&server, OIP_SERVER, option, NULL, NULL);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
	begin(&e, url);
	model = model_named(&e, "model://echo");
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_infer_load(&e.sess[place], model), VACCEL_EAGAIN);
	vaccel_resource_delete(model);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables), TEST(binary_answers), TEST(text_answers), TEST(several), TEST(buffers), TEST(misfits),
		TEST(models), TEST(statuses), TEST(failover), TEST(not_ready), TEST(late), TEST(op_timeout), TEST(parallel), TEST(tokens),
		TEST(encrypted),
	};

	test_main_begin(280);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
