// SPDX-License-Identifier: Apache-2.0
/*
 * The host's dispatcher with its sessions, resources and kept outputs, called by the guest's plugin as
 * if there were a device between them.
 */
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "host_link.h"

#define MIB ((uint64_t)1 << 20)


static const struct policy usual = {
	.max_sessions = 8,
	.max_resources = 1024,
	.max_inflight = 64,
	.max_resource_bytes = 64 * MIB,
	.max_files = 16384,
	.max_staging_bytes = 16 * MIB,
	.cache_max_bytes = 16 * MIB,
};

/* ---- Guest sessions ------------------------------------------------------------------------- */

static int noop(struct vaccel_session *sess)
{
	return remote_call(sess, VACCEL_OP_NOOP, NULL);
}

static void expect_objects(uint32_t sessions, uint32_t resources)
{
	uint32_t s, r;

	dispatch_count(host, &s, &r);
	assert_int_equal(s, sessions);
	assert_int_equal(r, resources);
}

/* Files and directories of guests' resources below the run directory */
static unsigned int directories(void)
{
	DIR *dir = opendir(vaccel_rundir());
	struct dirent *entry;
	unsigned int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += !strncmp(entry->d_name, "guest-resource.", 15);
	closedir(dir);
	return n;
}

static int start(void **state)
{
	(void)state;
	context = 1;
	host_start(&usual, &no_dirs, 1);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	dispatch_delete(host);
	host = NULL;
	/* Whatever the test left was the host's to clean up. */
	assert_int_equal(directories(), 0);
	return 0;
}

static void restart(const struct policy *policy, uint32_t generation)
{
	dispatch_delete(host);
	host_start(policy, &no_dirs, generation);
}

/* ---- Sessions and contexts ------------------------------------------------------------------ */

static void test_sessions(void **state)
{
	struct vaccel_session s[9], wrong;

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(session_begin(&s[i]), 0);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(s[k].remote_id, s[i].remote_id);
	}
	assert_int_equal(session_begin(&s[8]), VACCEL_EUSERS);
	remote_session_delete(s[8].priv);
	expect_objects(8, 0);

	assert_int_equal(noop(&s[0]), 0);
	assert_int_equal(session_end(&s[0]), 0);
	assert_int_equal(noop(&s[0]), VACCEL_ESESS);
	assert_int_equal(remote_SESSION_RELEASE(&s[0]), VACCEL_ESESS);
	assert_int_equal(session_begin(&s[0]), 0);
	assert_int_equal(noop(&s[0]), 0);

	/* Ids that were never given */
	wrong = s[0];
	for (int bit = 0; bit < 64; bit++) {
		wrong.remote_id = s[0].remote_id ^ (int64_t)(UINT64_C(1) << bit);
		for (int i = 0; i < 8; i++)
			if (s[i].remote_id == wrong.remote_id)
				wrong.remote_id = 0;
		assert_int_equal(noop(&wrong), VACCEL_ESESS);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(session_end(&s[i]), 0);
	expect_objects(0, 0);
}

static void test_contexts(void **state)
{
	struct vaccel_session mine, other;
	int64_t resource;

	(void)state;
	assert_int_equal(session_begin(&mine), 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &resource), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, VACCEL_BLOB_FILE, 4, "model"), 0);

	context = 2;
	assert_int_equal(noop(&mine), VACCEL_ESESS);
	assert_int_equal(remote_SESSION_RELEASE(&mine), VACCEL_ESESS);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 4, "more"), VACCEL_ENOENT);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, resource), VACCEL_ENOENT);
	assert_int_equal(session_begin(&other), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&other, resource), VACCEL_ENOENT);
	assert_int_equal(remote_RESOURCE_REGISTER(&mine, resource), VACCEL_ESESS);

	/* A context that owns nothing, then the first one */
	dispatch_context_close(host, 3);
	expect_objects(2, 1);
	context = 1;
	assert_int_equal(remote_RESOURCE_REGISTER(&mine, resource), 0);
	dispatch_context_close(host, 1);
	expect_objects(1, 0);
	assert_int_equal(directories(), 0);
	assert_int_equal(noop(&mine), VACCEL_ESESS);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, resource), VACCEL_ENOENT);
	dispatch_context_close(host, 1);
	context = 2;
	assert_int_equal(noop(&other), 0);
	assert_int_equal(session_end(&other), 0);
	remote_session_delete(mine.priv);
}

/* Ids of a worker that has died mean nothing to the next one. */
static void test_generations(void **state)
{
	struct vaccel_session old, new;
	int64_t resource;

	(void)state;
	for (uint32_t generation = 1; generation < 5; generation++) {
		restart(&usual, generation);
		assert_int_equal(session_begin(&old), 0);
		assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &resource),
				 0);
		restart(&usual, generation + 1);
		assert_int_equal(session_begin(&new), 0);
		assert_int_not_equal(old.remote_id, new.remote_id);
		assert_int_equal(noop(&old), VACCEL_ESESS);
		assert_int_equal(remote_RESOURCE_DESTROY(NULL, resource), VACCEL_ENOENT);
		assert_int_equal(session_end(&new), 0);
		remote_session_delete(old.priv);
	}
}

/* ---- Policy --------------------------------------------------------------------------------- */

static void test_policy(void **state)
{
	struct policy all = usual;
	struct vaccel_session sess;
	union vop_val exec[] = {{.p = (void *)"library"}, {.p = (void *)"symbol"}, {.p = NULL},
				{.i = 0}, {.p = NULL}, {.i = 0}};
	int64_t resource;

	(void)state;
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(remote_call(&sess, VACCEL_OP_EXEC, exec), VACCEL_EPERM);
	/* Refused before anything of it is looked at */
	exec[1].p = NULL;
	assert_int_equal(remote_call(&sess, VACCEL_OP_EXEC, exec), VACCEL_EPERM);
	exec[1].p = (void *)"symbol";
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL,
						VACCEL_PATH_REMOTE_FILE, &resource), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 0, "file:///etc/passwd"),
			 VACCEL_EPERM);
	assert_int_equal(session_end(&sess), 0);

	all.allow = UINT64_MAX;
	restart(&all, 2);
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(remote_call(&sess, VACCEL_OP_EXEC, exec), 0); /* noop's */
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL,
						VACCEL_PATH_REMOTE_FILE, &resource), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 1, "http://host/x"), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 0, "/etc/passwd"), VACCEL_EINVAL);
	/* Local files stay out of reach, however they are spelt. */
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 0, "file:///etc/passwd"),
			 VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 0, "FILE:///etc/passwd"),
			 VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 0, "/etc/passwd?http://host/"),
			 VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_ADD(NULL, resource, 0, 0, "http://host/x"), 0);
	assert_int_equal(remote_RESOURCE_WRITE(NULL, resource, 0, 0, "x", 1), VACCEL_EINVAL);
	assert_int_equal(session_end(&sess), 0);
}

/* ---- Resources ------------------------------------------------------------------------------ */

static int64_t resource_of(uint32_t path_type)
{
	int64_t id;

	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_DATA, path_type, &id), 0);
	return id;
}

static void test_names(void **state)
{
	static const char *const never[] = {
		"", ".", "..", "/", "/etc/passwd", "a/", "/a", "a//b", "../a", "a/..", "a/../b",
		"./a", "a/.", "a/./b", "../../../../etc/passwd",
	};
	static const char *const in_directories[] = {"a/b", "c/d/e", "..a/b", "a/..b", "a../b"};
	static const char *const always[] = {"a", "...", "..a", "a..", ".a", "a b", "%2e%2e", "a\\b",
					     "\xff\xfe", "~", "-", "a:b"};
	char name[2048];
	int64_t file = resource_of(VACCEL_PATH_LOCAL_FILE), dir = resource_of(VACCEL_PATH_LOCAL_DIR);

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_int_equal(remote_RESOURCE_ADD(NULL, file, 0, 1, never[i]), VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_ADD(NULL, dir, 0, 1, never[i]), VACCEL_EINVAL);
	}
	for (size_t i = 0; i < sizeof(in_directories) / sizeof(in_directories[0]); i++)
		assert_int_equal(remote_RESOURCE_ADD(NULL, file, 0, 1, in_directories[i]),
				 VACCEL_EINVAL);
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		assert_int_equal(remote_RESOURCE_ADD(NULL, file, 0, 1, always[i]), 0);
		assert_int_equal(remote_RESOURCE_ADD(NULL, file, 0, 1, always[i]), VACCEL_EEXIST);
	}
	for (size_t i = 0; i < sizeof(in_directories) / sizeof(in_directories[0]); i++)
		assert_int_equal(remote_RESOURCE_ADD(NULL, dir, 0, 1, in_directories[i]), 0);
	/* A file cannot be a directory, too. */
	assert_int_equal(remote_RESOURCE_ADD(NULL, dir, 0, 1, "a/b/c"), VACCEL_ENOTDIR);

	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(remote_RESOURCE_ADD(NULL, file, 0, 1, name), VACCEL_EINVAL);
	name[255] = '\0';
	assert_int_equal(remote_RESOURCE_ADD(NULL, file, 0, 1, name), 0);
	/* Deep, and too long in all */
	memset(name, 'n', sizeof(name));
	for (size_t i = 1; i < sizeof(name); i += 2)
		name[i] = '/';
	name[1024] = 'n';
	name[1025] = '\0';
	assert_int_equal(remote_RESOURCE_ADD(NULL, dir, 0, 1, name), VACCEL_EINVAL);
	name[1023] = '\0';
	assert_int_equal(remote_RESOURCE_ADD(NULL, dir, 0, 1, name), 0);
	assert_int_equal(directories(), 2);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, dir), 0);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, file), 0);
	assert_int_equal(directories(), 0);
}

static void test_content(void **state)
{
	struct vaccel_session sess;
	uint8_t out[300], in[300], zero[300] = {0};
	int64_t id;

	(void)state;
	assert_int_equal(session_begin(&sess), 0);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i + 1);
	/* In a file and in memory */
	for (uint32_t type = VACCEL_BLOB_FILE; type <= VACCEL_BLOB_BUFFER; type++) {
		id = resource_of(VACCEL_PATH_LOCAL_FILE);
		assert_int_equal(remote_RESOURCE_ADD(NULL, id, type, 300, "one"), 0);
		assert_int_equal(remote_RESOURCE_ADD(NULL, id, type, 0, "empty"), 0);
		assert_int_equal(remote_RESOURCE_READ(NULL, id, 0, 0, out, 300), 0);
		assert_memory_equal(out, zero, 300);
		assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 100, in + 100, 200), 0);
		assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 0, in, 100), 0);
		assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 300, in, 0), 0);
		assert_int_equal(remote_RESOURCE_READ(NULL, id, 0, 7, out, 200), 0);
		assert_memory_equal(out, in + 7, 200);

		/* Beyond the end, and where sums overflow */
		assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 1, in, 300), VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 301, in, 0), VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, INT64_MAX, in, 300),
				 VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_READ(NULL, id, 0, INT64_MAX, out, 300),
				 VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_READ(NULL, id, 1, 0, out, 1), VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_READ(NULL, id, 2, 0, out, 1), VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_WRITE(NULL, id, UINT32_MAX, 0, in, 1),
				 VACCEL_EINVAL);

		/* Registered, and so fixed */
		if (type == VACCEL_BLOB_FILE) {
			assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
			assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 0, in, 1), VACCEL_EBUSY);
			assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, 1, "two"), VACCEL_EBUSY);
			assert_int_equal(remote_RESOURCE_READ(NULL, id, 0, 0, out, 300), 0);
			assert_memory_equal(out, in, 300);
			assert_int_equal(remote_RESOURCE_UNREGISTER(&sess, id), 0);
			assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 0, in, 1), VACCEL_EBUSY);
		}
		assert_int_equal(remote_RESOURCE_DESTROY(NULL, id), 0);
		assert_int_equal(remote_RESOURCE_DESTROY(NULL, id), VACCEL_ENOENT);
	}
	assert_int_equal(session_end(&sess), 0);
	expect_objects(0, 0);
}

static void test_resource_life(void **state)
{
	struct vaccel_session a, b;
	struct vaccel_resource res = {0};
	union vop_val load[] = {{.p = &res}};
	int64_t id;

	(void)state;
	assert_int_equal(session_begin(&a), 0);
	assert_int_equal(session_begin(&b), 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MAX, 0, &id), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, 0, VACCEL_PATH_MAX, &id), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &id), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, VACCEL_BLOB_MAX, 1, "x"), VACCEL_EINVAL);

	/* Without a file, and before it is registered, it is no resource to anyone. */
	assert_int_equal(remote_RESOURCE_REGISTER(&a, id), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_UNREGISTER(&a, id), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_SYNC(&a, id), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, 3, "model"), 0);
	res.remote_id = id;
	assert_int_equal(remote_call(&a, VACCEL_OP_TORCH_MODEL_LOAD, load), VACCEL_ENOENT);
	assert_int_equal(remote_RESOURCE_REGISTER(&a, id), 0);
	assert_int_equal(remote_call(&a, VACCEL_OP_TORCH_MODEL_LOAD, load), 0);
	assert_int_equal(remote_call(&b, VACCEL_OP_TORCH_MODEL_LOAD, load), VACCEL_EPERM);
	assert_int_equal(remote_RESOURCE_REGISTER(&b, id), 0);
	assert_int_equal(remote_call(&b, VACCEL_OP_TORCH_MODEL_LOAD, load), 0);
	res.remote_id = id + 1;
	assert_int_equal(remote_call(&b, VACCEL_OP_TORCH_MODEL_LOAD, load), VACCEL_ENOENT);
	res.remote_id = id;

	/* A session that ends lets go of it; destroyed while the other one has it. */
	assert_int_equal(session_end(&a), 0);
	assert_int_equal(remote_call(&b, VACCEL_OP_TORCH_MODEL_LOAD, load), 0);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, id), 0);
	assert_int_equal(remote_call(&b, VACCEL_OP_TORCH_MODEL_LOAD, load), VACCEL_ENOENT);
	assert_int_equal(noop(&b), 0);
	assert_int_equal(session_end(&b), 0);
	expect_objects(0, 0);
}

static void test_directory(void **state)
{
	struct vaccel_session sess;
	int64_t id = resource_of(VACCEL_PATH_LOCAL_DIR);

	(void)state;
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, 3, "saved/model.pb"), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, 3, "saved/variables/index"), 0);
	assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 1, 0, "abc", 3), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	assert_int_equal(session_end(&sess), 0);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, id), 0);
}

static void test_resource_limits(void **state)
{
	int64_t id = resource_of(0), other, last = 0;
	char name[16];
	int ret, n;

	(void)state;
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, 60 * MIB, "big"), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, 5 * MIB, "more"), VACCEL_ENOMEM);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, INT64_MAX, "more"), VACCEL_ENOMEM);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, 4 * MIB, "more"), 0);
	other = resource_of(0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, other, 0, 1, "x"), VACCEL_ENOMEM);
	/* What failed was not counted, and what goes is given back. */
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, id), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, other, 0, 64 * MIB, "x"), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, other, 0, 0, "x"), VACCEL_EEXIST);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, other), 0);

	id = resource_of(0);
	for (n = 0; n < 5000; n++) {
		snprintf(name, sizeof(name), "%d", n);
		ret = remote_RESOURCE_ADD(NULL, id, VACCEL_BLOB_BUFFER, 0, name);
		if (ret)
			break;
	}
	assert_int_equal(ret, VACCEL_EUSERS);
	assert_int_equal(n, 4096);
	assert_int_equal(remote_RESOURCE_DESTROY(NULL, id), 0);

	for (n = 0; n < 2000; n++) {
		ret = remote_RESOURCE_CREATE(NULL, 0, 0, &last);
		if (ret)
			break;
	}
	assert_int_equal(ret, VACCEL_EUSERS);
	assert_int_equal(n, 1024);
	dispatch_context_close(host, context);
	expect_objects(0, 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, 0, 0, &last), 0);
}

static unsigned int nr_stale;

static int stale(struct vaccel_session *sess)
{
	(void)sess;
	nr_stale++;
	return VIRTIO_ACCEL_S_STALE;
}

/* To the guest this status means that the operation has not begun: it would run it again. */
static void test_stale_result(void **state)
{
	struct vaccel_session local, sess;
	struct vaccel_op *op;
	void *saved;

	(void)state;
	assert_int_equal(vaccel_session_init(&local, 0), 0);
	op = local.plugin->ops[VACCEL_OP_NOOP];
	assert_int_equal(vaccel_session_release(&local), 0);
	assert_int_equal(session_begin(&sess), 0);
	saved = op->func;
	op->func = (void *)stale;
	assert_int_equal(noop(&sess), VACCEL_EIO);
	op->func = saved;
	assert_int_equal(nr_stale, 1);
	assert_int_equal(noop(&sess), 0);
	assert_int_equal(session_end(&sess), 0);
}

/* ---- Outputs of unknown size ---------------------------------------------------------------- */

/* Runs a model on the noop plugin, which returns its inputs. */
static int run_model(struct vaccel_session *sess, int64_t model, struct vaccel_torch_tensor **in,
		     struct vaccel_torch_tensor **out, int nr)
{
	struct vaccel_resource res = {.remote_id = model};
	union vop_val vals[] = {{.p = &res}, {.p = NULL}, {.p = in}, {.i = nr}, {.p = out}, {.i = nr}};

	return remote_call(sess, VACCEL_OP_TORCH_MODEL_RUN, vals);
}

static void test_outputs(void **state)
{
	static const int64_t sizes[] = {0, 1, 4096, 4097, 300000, 3 * 1024 * 1024};
	struct vaccel_torch_tensor *in[6], *out[6];
	struct policy tight = usual;
	struct vaccel_session sess;
	int64_t model;

	(void)state;
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &model), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, model, 0, 3, "model"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, model), 0);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(vaccel_torch_tensor_allocate(&in[i], 1, &sizes[i],
							      VACCEL_TORCH_BYTE, (size_t)sizes[i]),
				 0);
		if (sizes[i])
			memset(in[i]->data, 'a' + i, (size_t)sizes[i]);
	}
	/* Kept and fetched; then, of known size, in place; then in smaller sizes than the last time */
	for (int round = 0; round < 3; round++) {
		int nr = round < 2 ? 6 : 3;

		assert_int_equal(run_model(&sess, model, in, out, nr), 0);
		for (int i = 0; i < nr; i++) {
			assert_int_equal(out[i]->size, sizes[i]);
			if (sizes[i])
				assert_memory_equal(out[i]->data, in[i]->data, (size_t)sizes[i]);
			vaccel_torch_tensor_delete(out[i]);
		}
	}
	assert_int_equal(session_end(&sess), 0);

	/* No memory for an output that has to be kept: the op fails, and gives no tensors. */
	tight.max_staging_bytes = MIB;
	restart(&tight, 2);
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &model), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, model, 0, 3, "model"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, model), 0);
	memset(out, 0, sizeof(out));
	for (int round = 0; round < 3; round++) {
		assert_int_equal(run_model(&sess, model, in, out, 6), VACCEL_ENOMEM);
		for (int i = 0; i < 6; i++)
			assert_null(out[i]);
	}
	/* Nothing of that is left: what fits still does. */
	assert_int_equal(run_model(&sess, model, in, out, 5), 0);
	for (int i = 0; i < 5; i++)
		vaccel_torch_tensor_delete(out[i]);
	for (int i = 0; i < 6; i++)
		vaccel_torch_tensor_delete(in[i]);
	assert_int_equal(session_end(&sess), 0);
}

static int infer(struct vaccel_session *sess, struct vaccel_resource *model,
		 const struct vaccel_infer_tensor *in, struct vaccel_infer_tensor *out, uint32_t nr)
{
	return remote_call(sess, VACCEL_OP_INFER_RUN,
			   (union vop_val[]){{.p = model}, {.p = (void *)in}, {.i = 1}, {.p = out}, {.i = nr}});
}

/* Tensors that no library of the guest's has checked, and outputs of every way back. */
static void test_infer(void **state)
{
	static uint8_t big[300000], bytes[2000] = {4}, room[300000], small[10];
	struct vaccel_infer_tensor in = {.name = "x", .datatype = VACCEL_INFER_UINT8, .nr_dims = 1,
					 .shape = {sizeof(big)}, .data = big, .size = sizeof(big)};
	struct vaccel_infer_tensor out[3] = {{.name = "y"}};
	const struct vaccel_infer_tensor good = in;
	struct policy tight = usual;
	struct vaccel_resource model = {0};
	struct vop_traffic traffic;
	struct vaccel_session sess;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	tight.max_staging_bytes = 320 << 10;
	restart(&tight, 2);
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &model.remote_id), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, model.remote_id, 0, 3, "model"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, model.remote_id), 0);
	assert_int_equal(remote_call(&sess, VACCEL_OP_INFER_LOAD, (union vop_val[]){{.p = &model}}), 0);

	/* Kept and fetched, in a segment, and too small; all of that again and again */
	for (int round = 0; round < 3; round++) {
		assert_int_equal(infer(&sess, &model, &in, out, 1), 0);
		assert_int_equal(out[0].size, sizeof(big));
		assert_memory_equal(out[0].data, big, sizeof(big));
		assert_int_equal(vaccel_infer_tensor_release(&out[0]), 0);
		out[0] = (struct vaccel_infer_tensor){.name = "y", .data = room, .room = sizeof(room)};
		memset(room, 0, sizeof(room));
		assert_int_equal(infer(&sess, &model, &in, out, 1), 0);
		assert_memory_equal(room, big, sizeof(big));
		out[0] = (struct vaccel_infer_tensor){.name = "y", .data = small, .room = sizeof(small)};
		assert_int_equal(infer(&sess, &model, &in, out, 1), VACCEL_ERANGE);
		assert_int_equal(out[0].size, sizeof(big));
		out[0] = (struct vaccel_infer_tensor){.name = "y"};
	}
	assert_int_equal(infer(&sess, &model, &in, out, 3), VACCEL_EINVAL); /* it has one input */
	assert_null(out[0].data);

	in.shape[0]--;
	assert_int_equal(infer(&sess, &model, &in, out, 1), VACCEL_EINVAL);
	in.shape[0] = -1;
	assert_int_equal(infer(&sess, &model, &in, out, 1), VACCEL_EINVAL);
	in = good;
	in.nr_dims = 2;
	in.shape[0] = in.shape[1] = INT64_C(1) << 32;
	assert_int_equal(infer(&sess, &model, &in, out, 1), VACCEL_EINVAL);
	in = good;
	in.datatype = 77;
	assert_int_equal(infer(&sess, &model, &in, out, 1), VACCEL_EINVAL);
	in = (struct vaccel_infer_tensor){.datatype = VACCEL_INFER_BYTES, .nr_dims = 1, .shape = {249 + 1},
					  .data = bytes, .size = sizeof(bytes)};
	for (int i = 0; i < 250; i++)
		bytes[8 * i] = 4;
	assert_int_equal(infer(&sess, &model, &in, out, 1), 0);
	assert_int_equal(vaccel_infer_tensor_release(&out[0]), 0);
	/* Of all tensors only these were copied, as they must not change once they were checked. */
	dispatch_traffic(host, &traffic);
	assert_int_equal(traffic.snapshot, sizeof(bytes));
	bytes[8 * 249] = 5; /* one byte more than there is */
	assert_int_equal(infer(&sess, &model, &in, out, 1), VACCEL_EINVAL);
	bytes[8 * 249] = 4;
	bytes[8 * 100 + 3] = 0xff;
	assert_int_equal(infer(&sess, &model, &in, out, 1), VACCEL_EINVAL);
	assert_int_equal(session_end(&sess), 0);

	/* No memory for what has to be kept: the operation fails, and gives nothing. */
	tight.max_staging_bytes = 200 << 10;
	restart(&tight, 3);
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &model.remote_id), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, model.remote_id, 0, 3, "model"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, model.remote_id), 0);
	assert_int_equal(infer(&sess, &model, &good, out, 1), VACCEL_ENOMEM);
	assert_null(out[0].data);
	assert_false(out[0].owned);
	assert_int_equal(session_end(&sess), 0);
}

/* The messages that fetch an output, one by one */
static void test_fetch(void **state)
{
	int64_t size = 100000, model;
	struct vaccel_torch_tensor *in, *tensors[1] = {NULL};
	struct vaccel_session sess, other;
	uint8_t message[4096] __attribute__((aligned(8))), reply[512] __attribute__((aligned(8)));
	uint8_t *data = malloc((size_t)size);
	const struct virtio_accel_buf *kept;
	struct vop_encoder e;
	uint32_t len, status;
	uint64_t id;

	(void)state;
	assert_int_equal(session_begin(&sess), 0);
	assert_int_equal(session_begin(&other), 0);
	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &model), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, model, 0, 3, "model"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, model), 0);
	vaccel_torch_tensor_allocate(&in, 1, &size, VACCEL_TORCH_BYTE, (size_t)size);
	for (int64_t i = 0; i < size; i++)
		((uint8_t *)in->data)[i] = (uint8_t)(i % 251);

	/* The run by hand, so that its output stays there */
	{
		union vop_val vals[] = {{.i = model}, {.p = NULL}, {.p = &in}, {.i = 1},
					{.p = tensors}, {.i = 1}};

		assert_int_equal(vop_encode(&e, &link_to_host.info,
					    vop_find(VACCEL_OP_TORCH_MODEL_RUN), sess.remote_id,
					    vals, NULL), 0);
		assert_true(e.msg_len <= sizeof(message));
		memcpy(message, e.msg, e.msg_len);
		len = sizeof(reply);
		call(&link_to_host, message, e.msg_len, e.segs, e.nr_segs, reply, &len, &status);
		assert_int_equal(status, 0);
		kept = (void *)(reply + len - sizeof(*kept));
		assert_int_equal(kept->where, VIRTIO_ACCEL_BUF_KEPT);
		assert_int_equal(kept->len, size);
		id = kept->ref;
		vop_encoder_release(&e);
	}
	assert_int_equal(remote_OUTPUT_FETCH(&sess, id, 0, data, 60000), 0);
	assert_int_equal(remote_OUTPUT_FETCH(&sess, id, 60000, data + 60000, 40000), 0);
	assert_memory_equal(data, in->data, (size_t)size);
	assert_int_equal(remote_OUTPUT_FETCH(&sess, id, (uint64_t)size, data, 0), 0);
	assert_int_equal(remote_OUTPUT_FETCH(&sess, id, 1, data, (uint64_t)size), VACCEL_EINVAL);
	assert_int_equal(remote_OUTPUT_FETCH(&sess, id, INT64_MAX, data, 10), VACCEL_EINVAL);
	assert_int_equal(remote_OUTPUT_FETCH(&sess, id + 1, 0, data, 1), VACCEL_ENOENT);
	assert_int_equal(remote_OUTPUT_FETCH(&other, id, 0, data, 1), VACCEL_ENOENT);
	assert_int_equal(remote_OUTPUT_DROP(&other, id), VACCEL_ENOENT);
	assert_int_equal(remote_OUTPUT_DROP(&sess, id), 0);
	assert_int_equal(remote_OUTPUT_DROP(&sess, id), VACCEL_ENOENT);
	assert_int_equal(remote_OUTPUT_FETCH(&sess, id, 0, data, 1), VACCEL_ENOENT);

	/* Outputs that nobody fetches fill the VM's memory up, until their session ends. */
	for (int round = 0; round < 2; round++) {
		union vop_val vals[] = {{.i = model}, {.p = NULL}, {.p = &in}, {.i = 1},
					{.p = tensors}, {.i = 1}};
		int n = 0;

		do {
			assert_int_equal(vop_encode(&e, &link_to_host.info,
						    vop_find(VACCEL_OP_TORCH_MODEL_RUN),
						    sess.remote_id, vals, NULL), 0);
			len = sizeof(reply);
			call(&link_to_host, e.msg, e.msg_len, e.segs, e.nr_segs, reply, &len,
			     &status);
			vop_encoder_release(&e);
			n++;
		} while (!status && n < 1000);
		assert_int_equal(status, VACCEL_ENOMEM);
		assert_true(n >= (int)(usual.max_staging_bytes / (uint64_t)size));
		assert_int_equal(session_end(&sess), 0);
		assert_int_equal(session_begin(&sess), 0);
		assert_int_equal(remote_RESOURCE_REGISTER(&sess, model), 0);
	}
	assert_int_equal(session_end(&sess), 0);
	assert_int_equal(session_end(&other), 0);
	vaccel_torch_tensor_delete(in);
	free(data);
}

/* ---- Threads -------------------------------------------------------------------------------- */

static void *live(void *arg)
{
	struct vaccel_session sess;
	int64_t id;

	context = (uint64_t)(uintptr_t)arg;
	for (int i = 0; i < 200; i++) {
		if (session_begin(&sess)) {
			remote_session_delete(sess.priv);
			continue; /* the others have them all */
		}
		if (remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &id) ||
		    remote_RESOURCE_ADD(NULL, id, i % 2, 100, "model") ||
		    remote_RESOURCE_REGISTER(&sess, id) || noop(&sess))
			return "an operation failed";
		if (i % 3 == 0) {
			dispatch_context_close(host, context);
			remote_session_delete(sess.priv);
		} else if (remote_RESOURCE_DESTROY(NULL, id) || session_end(&sess)) {
			return "an end failed";
		}
	}
	return NULL;
}

/* A context is closed while others use it: they may fail, and nothing else happens. */
static void *use(void *arg)
{
	struct vaccel_session sess;

	context = (uint64_t)(uintptr_t)arg;
	for (int i = 0; i < 300; i++) {
		int64_t id = 0;

		if (!session_begin(&sess)) {
			noop(&sess);
			remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_DATA, 0, &id);
			remote_RESOURCE_ADD(NULL, id, 1, 100, "data");
			remote_RESOURCE_REGISTER(&sess, id);
			remote_RESOURCE_READ(NULL, id, 0, 0, &id, 8);
			remote_SESSION_RELEASE(&sess);
		}
		remote_session_delete(sess.priv);
		if (i % 10 == 0)
			dispatch_context_close(host, context);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[6];
	void *what;

	(void)state;
	for (uintptr_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, live, (void *)(i + 1)), 0);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], &what);
		assert_null(what);
	}
	expect_objects(0, 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, (void *)(uintptr_t)1), 0);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	dispatch_context_close(host, 1);
	expect_objects(0, 0);
}

/* ---- Messages that make no sense ------------------------------------------------------------ */

static void test_messages(void **state)
{
	struct virtio_accel_msg msg = {.op = 0x7fff};
	uint8_t reply[64] __attribute__((aligned(8)));
	uint32_t status, len;
	const struct vop_desc *desc;

	(void)state;
	for (uint32_t n = 0; n < sizeof(msg); n++) {
		len = sizeof(reply);
		call(&link_to_host, &msg, n, NULL, 0, reply, &len, &status);
		assert_int_equal(status, VACCEL_EINVAL);
		assert_int_equal(len, 0);
	}
	call(&link_to_host, &msg, sizeof(msg), NULL, 0, reply, &len, &status);
	assert_int_equal(status, VACCEL_ENOTSUP);
	/* Each operation without a session, if it needs one, and without its parameters */
	for (size_t i = 0; (desc = vop_at(i)); i++) {
		msg.op = desc->code;
		len = sizeof(reply);
		call(&link_to_host, &msg, sizeof(msg), NULL, 0, reply, &len, &status);
		if (desc->code == VACCEL_OP_EXEC || desc->code == VACCEL_OP_EXEC_WITH_RESOURCE)
			assert_int_equal(status, VACCEL_EPERM);
		else
			assert_true(status == VACCEL_ESESS || status == VACCEL_EINVAL);
		assert_int_equal(len, 0);
	}
	expect_objects(0, 0);
}

/* ---- Profiling ------------------------------------------------------------------------------ */

static void test_profile(void **state)
{
	enum { NR = VACCEL_OP_MAX + 40 }; /* more than there are */
	uint64_t calls[NR], times[NR];
	struct vaccel_session s, other;

	(void)state;
	assert_int_equal(session_begin(&s), 0);
	assert_int_equal(session_begin(&other), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(noop(&s), 0);
	/* A refused one does not count. */
	assert_int_equal(remote_call(&s, VACCEL_OP_EXEC,
				     (union vop_val[]){{.p = "lib"}, {.p = "symbol"}, {0}, {0}, {0}, {0}}),
			 VACCEL_EPERM);

	memset(calls, 0xff, sizeof(calls));
	memset(times, 0xff, sizeof(times));
	assert_int_equal(remote_SESSION_PROFILE(&s, NR, calls, times), 0);
	assert_int_equal(calls[VACCEL_OP_NOOP], 5);
	assert_true(times[VACCEL_OP_NOOP] >= 5);
	for (int op = VACCEL_OP_NOOP + 1; op < NR; op++)
		assert_int_equal(calls[op] | times[op], 0);

	/* Each session has its own. */
	assert_int_equal(remote_SESSION_PROFILE(&other, NR, calls, times), 0);
	assert_int_equal(calls[VACCEL_OP_NOOP] | times[VACCEL_OP_NOOP], 0);
	calls[0] = 77;
	assert_int_equal(remote_SESSION_PROFILE(&s, 0, calls, times), 0);
	assert_int_equal(calls[0], 77);

	assert_int_equal(session_end(&s), 0);
	assert_int_equal(remote_SESSION_PROFILE(&s, NR, calls, times), VACCEL_ESESS);
	assert_int_equal(session_end(&other), 0);
}

/* ---- Plugins --------------------------------------------------------------------------------- */

static void test_plugins(void **state)
{
	struct virtio_accel_plugin list[2];
	struct vaccel_session s = {.priv = remote_session_new()};
	uint64_t nr = 77;
	int64_t none = 0;

	(void)state;
	assert_int_equal(remote_SESSION_INIT_PLUGIN(NULL, "nobody", &none), VACCEL_ENOTSUP);
	expect_objects(0, 0);
	assert_int_equal(remote_SESSION_INIT_PLUGIN(NULL, "", &none), VACCEL_EINVAL);
	assert_int_equal(remote_SESSION_INIT_PLUGIN(NULL, "noop", &s.remote_id), 0);
	expect_objects(1, 0);
	assert_int_equal(noop(&s), 0);

	memset(list, 0xff, sizeof(list));
	assert_int_equal(remote_PLUGIN_LIST(&s, list, sizeof(list), &nr), 0);
	assert_true(nr >= 1);
	assert_string_equal((char *)list[0].name, "noop");
	assert_string_equal((char *)list[0].version, VACCEL_VERSION);
	assert_true(le64toh(list[0].ops) & 1);
	/* Only whole ones, and none is fine, too. */
	memset(list, 0xff, sizeof(list));
	assert_int_equal(remote_PLUGIN_LIST(&s, list, sizeof(list[0]) - 1, &nr), 0);
	assert_true(nr >= 1 && list[0].name[0] != 'n');
	assert_int_equal(remote_PLUGIN_LIST(&s, NULL, 0, &nr), 0);
	assert_int_equal(session_end(&s), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_sessions), TEST(test_plugins), TEST(test_contexts), TEST(test_generations), TEST(test_policy),
		TEST(test_names), TEST(test_content), TEST(test_resource_life),
		TEST(test_directory), TEST(test_resource_limits), TEST(test_outputs),
		TEST(test_stale_result), TEST(test_infer),
		TEST(test_fetch), TEST(test_threads), TEST(test_messages),
		TEST(test_profile),
	};
	struct vaccel_config config = {.plugins = (char *)NOOP_PLUGIN, .log_level = VACCEL_LOG_ERROR};
	int failed;

	if (vaccel_bootstrap_with_config(&config) || link_open())
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	link_close();
	vaccel_cleanup();
	return failed;
}
