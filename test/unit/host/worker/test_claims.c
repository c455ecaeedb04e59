// SPDX-License-Identifier: Apache-2.0
/*
 * Files that the guest does not send again, and models that it never sends: the guest's plugin and the
 * host's dispatcher without a device between them. What the host has is read back and compared.
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "keeper.h"
#include "host_link.h"
#include "wire/possession.h"

#define MIB ((uint64_t)1 << 20)
#define SIZE (2 * MIB + 77)

static struct policy policy;
static struct host_dirs dirs;
static struct vaccel_session sess;
static uint8_t *data; /* SIZE bytes */
static char dir[64];

static void make_host(void)
{
	assert_int_equal(link_open(), 0);
	claim_init();
	host_start(&policy, &dirs, 1);
	assert_int_equal(session_begin(&sess), 0);
}

static void end_host(void)
{
	struct host_files t;
	uint32_t sessions, resources;

	assert_int_equal(session_end(&sess), 0);
	dispatch_files(host, &t);
	assert_true(t.kept <= 16 * MIB);
	dispatch_count(host, &sessions, &resources);
	assert_int_equal(sessions + resources, 0);
	dispatch_delete(host);
	host = NULL;
	link_close();
}

static int start(void **state)
{
	(void)state;
	dirs = no_dirs;
	policy = (struct policy){
		.max_sessions = 8,
		.max_resources = 64,
		.max_inflight = 64,
		.max_resource_bytes = 64 * MIB,
		.max_files = 1024,
		.max_staging_bytes = 64 * MIB,
		.cache_max_bytes = 16 * MIB,
	};
	data = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 131 >> 3);
	snprintf(dir, sizeof(dir), "/tmp/vaccel-claims-XXXXXX");
	assert_non_null(mkdtemp(dir));
	context = 1;
	make_host();
	return 0;
}

static int stop(void **state)
{
	char command[128];

	(void)state;
	end_host();
	free(data);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void expect_traffic(uint64_t received, uint64_t claimed)
{
	struct host_files t;

	dispatch_files(host, &t);
	assert_int_equal(t.received, received);
	assert_int_equal(t.claimed, claimed);
}

static int64_t empty_file(uint64_t size)
{
	int64_t id;

	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL, 0, &id), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, VACCEL_BLOB_FILE, size, "model"), 0);
	return id;
}

/* What a program does that has the file. Return: whether it had to be sent. */
static bool send(int64_t *id, uint64_t size)
{
	struct remote_file file = { .data = data, .size = size, .fd = -1 };

	*id = empty_file(size);
	if (!remote_claim(NULL, *id, 0, &file))
		return false;
	assert_int_equal(remote_RESOURCE_WRITE(NULL, *id, 0, 0, data, size), 0);
	return true;
}

static void expect_content(int64_t id, uint64_t size)
{
	uint8_t *is = malloc(size);

	assert_int_equal(remote_RESOURCE_READ(NULL, id, 0, 0, is, size), 0);
	assert_memory_equal(is, data, size);
	free(is);
}

static int destroy(int64_t id)
{
	return remote_RESOURCE_DESTROY(NULL, id);
}

/* The path that a plugin of the host gets for the last resource that was registered */
static char *host_path(void)
{
	struct vaccel_resource **all, *res;
	size_t nr;
	char *path;

	assert_int_equal(vaccel_resource_get_all_by_type(&all, &nr, VACCEL_RESOURCE_MODEL), 0);
	res = all[nr - 1];
	assert_true(res->nr_blobs > 0);
	path = strdup(vaccel_blob_path(res->blobs[0]));
	free(all);
	return path;
}

static void test_second_use(void **state)
{
	int64_t first, second;
	struct stat a, b;
	char *path;

	(void)state;
	assert_true(send(&first, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, first), 0);
	path = host_path();
	assert_int_equal(stat(path, &a), 0);
	free(path);
	expect_traffic(SIZE, 0);

	/* While the first one is there: they share the memory */
	assert_false(send(&second, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, second), 0);
	expect_traffic(SIZE, SIZE);
	expect_content(second, SIZE);
	path = host_path();
	assert_int_equal(stat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	free(path);
	assert_int_equal(destroy(first), 0);
	expect_content(second, SIZE);
	assert_int_equal(destroy(second), 0);
	assert_int_equal(session_end(&sess), 0);
	assert_int_equal(session_begin(&sess), 0);

	/* Afterwards */
	assert_false(send(&first, SIZE));
	expect_content(first, SIZE);
	assert_int_equal(destroy(first), 0);
	expect_traffic(SIZE, 2 * SIZE);

	/* Another content of the same size, and a small file */
	data[SIZE / 2] ^= 1;
	assert_true(send(&first, SIZE));
	assert_true(send(&second, MIB - 1));
	expect_content(first, SIZE);
	expect_content(second, MIB - 1);
	assert_int_equal(destroy(first), 0);
	assert_int_equal(destroy(second), 0);

	/* A reset of the device forgets. */
	data[SIZE / 2] ^= 1;
	end_host();
	make_host();
	assert_true(send(&first, SIZE));
	assert_int_equal(destroy(first), 0);
}

/*
 * What one program of a VM learns of another's files: that there is some file of this size, since there
 * is no challenge otherwise. With a shared directory there always is: test_shared.
 */
static void test_size(void **state)
{
	uint8_t key[POSSESSION_KEY_SIZE];
	int64_t id, same, longer;

	(void)state;
	assert_true(send(&id, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	context = 2;
	same = empty_file(SIZE);
	longer = empty_file(SIZE + 1);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, same, 0, key), 0);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, longer, 0, key), VACCEL_ENOENT);
	assert_int_equal(destroy(same), 0);
	assert_int_equal(destroy(longer), 0);
	context = 1;
	assert_int_equal(destroy(id), 0);
}

static void test_proof(void **state)
{
	uint8_t key[POSSESSION_KEY_SIZE], tag[POSSESSION_TAG_SIZE], last[POSSESSION_KEY_SIZE];
	uint8_t zero[64] = {0}, is[64];
	struct possession *p;
	int64_t id, other;

	(void)state;
	assert_true(send(&id, SIZE));
	/* Not before it is registered */
	other = empty_file(SIZE);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), VACCEL_ENOENT);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);

	/* Guesses; each key is used once, and they differ. */
	memset(last, 0, sizeof(last));
	for (int i = 0; i < 50; i++) {
		assert_int_equal(remote_RESOURCE_CLAIM(NULL, other, 0, tag), VACCEL_EINVAL);
		assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), 0);
		assert_memory_not_equal(key, last, sizeof(key));
		memcpy(last, key, sizeof(key));
		memset(tag, i, sizeof(tag));
		assert_int_equal(remote_RESOURCE_CLAIM(NULL, other, 0, tag), VACCEL_ENOENT);
	}
	/* The answer to another challenge */
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), 0);
	p = possession_begin(key);
	assert_true(possession_add(p, data, SIZE) && possession_end(p, tag));
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), 0);
	assert_int_equal(remote_RESOURCE_CLAIM(NULL, other, 0, tag), VACCEL_ENOENT);
	/* All but the last byte */
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), 0);
	p = possession_begin(key);
	assert_true(possession_add(p, data, SIZE - 1) && possession_end(p, tag));
	assert_int_equal(remote_RESOURCE_CLAIM(NULL, other, 0, tag), VACCEL_ENOENT);
	/* Nothing has come of it. */
	assert_int_equal(remote_RESOURCE_READ(NULL, other, 0, SIZE - 64, is, 64), 0);
	assert_memory_equal(is, zero, 64);
	expect_traffic(SIZE, 0);

	/* A write voids the challenge, a claim fixes the file. */
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), 0);
	assert_int_equal(remote_RESOURCE_WRITE(NULL, other, 0, 0, "x", 1), 0);
	p = possession_begin(key);
	assert_true(possession_add(p, data, SIZE) && possession_end(p, tag));
	assert_int_equal(remote_RESOURCE_CLAIM(NULL, other, 0, tag), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), VACCEL_EBUSY);
	assert_int_equal(destroy(other), 0);
	assert_false(send(&other, SIZE));
	assert_int_equal(remote_RESOURCE_WRITE(NULL, other, 0, 0, "x", 1), VACCEL_EBUSY);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), VACCEL_EBUSY);
	expect_content(other, SIZE);

	/* Neither files that are not there, nor those of others */
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 1, key), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_CLAIM(NULL, other, 1, tag), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, id, 0, key), VACCEL_EBUSY);
	context = 2;
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), VACCEL_ENOENT);
	assert_int_equal(remote_RESOURCE_CLAIM(NULL, other, 0, tag), VACCEL_ENOENT);
	context = 1;
	assert_int_equal(destroy(other), 0);
	assert_int_equal(destroy(id), 0);
}

/* A plugin that writes to its file, or to its mapping, does not change what others get. */
static void test_plugin_writes(void **state)
{
	int64_t id, other;
	uint8_t *map;
	char *path;
	int fd;

	(void)state;
	assert_true(send(&id, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	path = host_path();
	fd = open(path, O_RDWR);
	if (fd >= 0) {
		assert_int_equal(pwrite(fd, "changed", 7, 0), -1);
		close(fd);
	}
	assert_int_equal(truncate(path, 0), -1);
	fd = open(path, O_RDONLY);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	memset(map, 0, SIZE);
	munmap(map, SIZE);
	close(fd);
	/* It can put another file in its place, which is its own. */
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "changed", 7), 7);
	close(fd);
	free(path);
	expect_content(id, SIZE);
	assert_false(send(&other, SIZE));
	expect_content(other, SIZE);
	assert_int_equal(destroy(id), 0);
	assert_int_equal(destroy(other), 0);
}

/* What the cache keeps counts as the VM's resources, and makes room for them. */
static void test_quota(void **state)
{
	struct host_files t;
	int64_t id, big;

	(void)state;
	assert_true(send(&id, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	assert_int_equal(remote_RESOURCE_UNREGISTER(&sess, id), 0);
	assert_int_equal(destroy(id), 0);
	dispatch_files(host, &t);
	assert_int_equal(t.kept, SIZE);
	big = empty_file(62 * MIB);
	dispatch_files(host, &t);
	assert_int_equal(t.kept, 0);
	/* Claimed files count as others do. */
	assert_int_equal(remote_RESOURCE_CREATE(NULL, 0, 0, &id), 0);
	assert_int_equal(remote_RESOURCE_ADD(NULL, id, 0, SIZE, "x"), VACCEL_ENOMEM);
	assert_int_equal(destroy(id), 0);
	assert_int_equal(destroy(big), 0);
	assert_true(send(&id, SIZE));
	assert_int_equal(destroy(id), 0);
}

/* Without room for it in memory a file is one of the run directory, as smaller ones are. */
static void test_no_room(void **state)
{
	int64_t ids[3];
	struct stat st;
	char *path;

	(void)state;
	end_host();
	policy.cache_max_bytes = SIZE;
	make_host();
	for (int i = 0; i < 3; i++) {
		data[0] = (uint8_t)i;
		assert_true(send(&ids[i], SIZE));
		assert_int_equal(remote_RESOURCE_REGISTER(&sess, ids[i]), 0);
		expect_content(ids[i], SIZE);
		path = host_path();
		assert_int_equal(lstat(path, &st), 0);
		assert_true(i ? S_ISREG(st.st_mode) : S_ISLNK(st.st_mode));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, SIZE);
		free(path);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(destroy(ids[i]), 0);
	/* What is kept does not stand in the way of its own claim. */
	data[0] = 0;
	assert_false(send(&ids[0], SIZE));
	assert_int_equal(destroy(ids[0]), 0);
	/* Larger than the limit */
	policy.cache_max_bytes = SIZE - 1;
	end_host();
	make_host();
	assert_true(send(&ids[0], SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, ids[0]), 0);
	expect_content(ids[0], SIZE);
	assert_int_equal(destroy(ids[0]), 0);
}

static void test_off(void **state)
{
	int64_t id, other;
	uint8_t key[32];

	(void)state;
	end_host();
	policy.cache_max_bytes = 0;
	make_host();
	assert_true(send(&id, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	expect_content(id, SIZE);
	other = empty_file(SIZE);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, other, 0, key), VACCEL_ENOENT);
	assert_int_equal(destroy(other), 0);
	assert_true(send(&other, SIZE));
	assert_int_equal(destroy(id), 0);
	assert_int_equal(destroy(other), 0);

	/* The guest does not want it. */
	end_host();
	policy.cache_max_bytes = 16 * MIB;
	setenv("VACCEL_VIRTIO_CACHE", "0", 1);
	make_host();
	unsetenv("VACCEL_VIRTIO_CACHE");
	assert_true(send(&id, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	assert_true(send(&other, SIZE));
	assert_int_equal(destroy(id), 0);
	assert_int_equal(destroy(other), 0);
}

static unsigned int asked;

/* A host that does not know the operations */
static int call_old_host(struct transport *t, const void *message, uint32_t message_len,
			 const struct virtio_accel_user_segment *segments, uint32_t nr_segments,
			 void *reply, uint32_t *reply_len, uint32_t *status)
{
	const struct virtio_accel_msg *msg = message;

	if (msg->op == VIRTIO_ACCEL_OP_RESOURCE_CHALLENGE) {
		asked++;
		*status = VIRTIO_ACCEL_S_NOTSUP;
		*reply_len = 0;
		return 0;
	}
	return call(t, message, message_len, segments, nr_segments, reply, reply_len, status);
}

static void test_old_host(void **state)
{
	static const struct transport_ops old_ops = {.call = call_old_host, .close = nothing};
	int64_t id;

	(void)state;
	link_to_host.ops = &old_ops;
	for (int i = 0; i < 3; i++) {
		assert_true(send(&id, SIZE));
		assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
		expect_content(id, SIZE);
		assert_int_equal(destroy(id), 0);
	}
	assert_int_equal(asked, 1);
	link_to_host.ops = &ops;
}

/* A second VM finds what the first one sent; it has its own copy. */
static void test_shared(void **state)
{
	uint8_t key[32];
	int64_t id;
	char *path;
	int fd;

	(void)state;
	end_host();
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	dirs.keeper = keeper_start(fd, 16 * MIB, -1);
	assert_true(dirs.keeper >= 0);
	close(fd);
	make_host();
	/* It does not say whether it has a file of the size. */
	id = empty_file(12345678);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, id, 0, key), 0);
	assert_int_equal(destroy(id), 0);
	assert_true(send(&id, SIZE));
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	assert_int_equal(destroy(id), 0);
	end_host();

	make_host();
	assert_false(send(&id, SIZE));
	expect_traffic(0, SIZE);
	expect_content(id, SIZE);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	path = host_path();
	assert_int_equal(truncate(path, 0), -1);
	free(path);
	assert_int_equal(destroy(id), 0);
	data[0] ^= 1;
	assert_true(send(&id, SIZE));
	assert_int_equal(destroy(id), 0);
	close(dirs.keeper);
}

/* ---- Models of the host ---------------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int add_path(int64_t id, const char *path)
{
	return remote_RESOURCE_ADD(NULL, id, VACCEL_BLOB_FILE, 0, path);
}

static int64_t remote_resource(void)
{
	int64_t id;

	assert_int_equal(remote_RESOURCE_CREATE(NULL, VACCEL_RESOURCE_MODEL,
						VACCEL_PATH_REMOTE_FILE, &id), 0);
	return id;
}

static void expect_text(const char *path, const char *text)
{
	char is[64] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(fgets(is, sizeof(is), f));
	fclose(f);
	assert_string_equal(is, text);
}

/* Models that a plugin asks servers for: only names that the operator allows, and nothing but a name */
static void test_served_models(void **state)
{
	static const char *const allowed[] = {"model://resnet", "model://resnet-50", "model://bert/1", "MODEL://bert/1"};
	static const char *const refused[] = {"model://bert", "model://bert/2", "model://x/resnet", "model://",
					      "model://../resnet"};
	static const char *const bad[] = {"model://resnet/../x", "model://resnet?x", "model://resnet//",
					  "model://resnet/1/2", "model://resnet%2f"};
	int64_t id;

	(void)state;
	id = remote_resource();
	assert_int_equal(add_path(id, "model://resnet"), VACCEL_EPERM);
	assert_int_equal(destroy(id), 0);
	end_host();
	snprintf(policy.models, sizeof(policy.models), "resnet*:bert/1");
	make_host();
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		id = remote_resource();
		assert_int_equal(add_path(id, refused[i]), VACCEL_EPERM);
		assert_int_equal(destroy(id), 0);
	}
	assert_true(quota_refused(&counts, POLICY_models) > sizeof(refused) / sizeof(refused[0]));
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		id = remote_resource();
		assert_int_equal(add_path(id, allowed[i]), 0);
		assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
		assert_int_equal(destroy(id), 0);
	}
	/* What the pattern allows and is no name */
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		id = remote_resource();
		assert_int_equal(add_path(id, bad[i]), 0);
		assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), VACCEL_EINVAL);
		assert_int_equal(destroy(id), 0);
	}
	id = remote_resource();
	assert_int_equal(add_path(id, "model://resnet"), 0);
	assert_int_equal(add_path(id, "model://bert/1"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), VACCEL_EINVAL);
	assert_int_equal(destroy(id), 0);
	expect_traffic(0, 0);
}

static void test_models(void **state)
{
	char sub[128], new[128], old[128], *path;
	int64_t id;

	(void)state;
	id = remote_resource();
	assert_int_equal(add_path(id, "host://a.onnx"), VACCEL_EPERM);
	assert_int_equal(destroy(id), 0);
	end_host();
	dirs.models = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_host();
	put("a.onnx", "weights");
	snprintf(sub, sizeof(sub), "%s/saved", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	put("saved/one", "first");
	put("saved/two", "second");

	/* A file, with its name, and nothing sent or counted */
	id = remote_resource();
	assert_int_equal(add_path(id, "host://none"), VACCEL_ENOENT);
	assert_int_equal(add_path(id, "host://../a"), VACCEL_EINVAL);
	assert_int_equal(add_path(id, "http://host/a"), VACCEL_EPERM);
	assert_int_equal(add_path(id, "host://a.onnx"), 0);
	assert_int_equal(add_path(id, "host://a.onnx"), VACCEL_EEXIST);
	assert_int_equal(remote_RESOURCE_READ(NULL, id, 0, 0, sub, 1), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_WRITE(NULL, id, 0, 0, "x", 1), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_CHALLENGE(NULL, id, 0, (uint8_t *)sub), VACCEL_EINVAL);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	path = host_path();
	assert_string_equal(strrchr(path, '/'), "/a.onnx");
	expect_text(path, "weights");
	free(path);
	expect_traffic(0, 0);

	/* Replaced by another: this resource is gone, a new one has the new one. */
	put("new", "better weights");
	snprintf(new, sizeof(new), "%s/new", dir);
	snprintf(old, sizeof(old), "%s/a.onnx", dir);
	assert_int_equal(rename(new, old), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), VACCEL_ENOENT);
	assert_int_equal(destroy(id), 0);
	id = remote_resource();
	assert_int_equal(add_path(id, "host://a.onnx"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	path = host_path();
	expect_text(path, "better weights");
	free(path);
	assert_int_equal(destroy(id), 0);

	/* A directory */
	id = remote_resource();
	assert_int_equal(add_path(id, "HOST://saved"), 0);
	assert_int_equal(remote_RESOURCE_REGISTER(&sess, id), 0);
	path = host_path();
	expect_text(path, "first");
	free(path);
	assert_int_equal(destroy(id), 0);
	close(dirs.models);
	dirs.models = -1;
}

static void test_model_paths(void **state)
{
	struct vaccel_resource res;
	struct vaccel_session *local;

	(void)state;
	assert_int_equal(vaccel_resource_init(&res, "host://", VACCEL_RESOURCE_MODEL),
			 VACCEL_EINVAL);
	assert_int_equal(vaccel_resource_init(&res, "host://a.onnx", VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(res.path_type, VACCEL_PATH_REMOTE_FILE);
	/* Without a transport there is no host to ask. */
	assert_int_equal(vaccel_session_new(&local, 0), 0);
	assert_int_equal(vaccel_resource_register(&res, local), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_delete(local), 0);
	assert_int_equal(vaccel_resource_release(&res), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_second_use), TEST(test_size), TEST(test_proof), TEST(test_plugin_writes), TEST(test_quota),
		TEST(test_no_room),
		TEST(test_off), TEST(test_old_host), TEST(test_shared), TEST(test_models), TEST(test_served_models),
		TEST(test_model_paths),
	};
	struct vaccel_config config;
	int ret;

	ret = vaccel_config_init(&config, NOOP_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false);
	if (!ret)
		ret = vaccel_bootstrap_with_config(&config);
	if (ret) {
		fprintf(stderr, "libvaccel does not start: %d\n", ret);
		return 1;
	}
	vaccel_config_release(&config);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	return vaccel_cleanup() ? 1 : ret;
}
