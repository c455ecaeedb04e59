// SPDX-License-Identifier: Apache-2.0
/*
 * Encoder and decoder when memory runs out: each allocation of a round trip fails once. The call fails
 * with ENOMEM or works nevertheless, and leaves nothing behind (run it under ASan).
 */
#include "codec_util.h"

/* The linker sends the allocations of all code but the C library's here (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nr, size_t size);
char *__wrap_strdup(const char *s);

static bool armed;	  /* only inside the calls that are tested */
static long left;	  /* allocations until one fails */
static bool failed;

static bool fails(void)
{
	if (!armed || left-- > 0)
		return false;
	armed = false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return fails() ? NULL : __real_calloc(nr, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

/* Runs CALL with the allocations counted. */
#define COUNTED(CALL)                    \
	({                               \
		armed = !failed;         \
		int ret_ = (CALL);       \
		armed = false;           \
		ret_;                    \
	})

static int fetch(void *opaque, uint64_t id, void *data, uint64_t size)
{
	/* Not ours to count */
	bool was_armed = armed;
	int ret;

	armed = false;
	ret = host_fetch(opaque, id, data, size);
	armed = was_armed;
	return ret;
}

static int round_trip(struct host *h, struct call *c)
{
	const struct vop_fetcher fetcher = {fetch, h};
	uint8_t *reply;
	uint32_t len;
	int ret = COUNTED(call_encode(c));

	if (ret)
		return ret;
	host_map(h, c);
	ret = COUNTED(host_decode(h, c->e.msg, c->e.msg_len, (uint32_t)c->e.reply_room));
	if (ret) {
		host_finish(h);
		return ret;
	}
	host_fill(h, 12000);
	reply = __real_malloc(c->e.reply_room + 1);
	ret = COUNTED(vop_encode_reply(&h->dec, reply, (uint32_t)c->e.reply_room, &len));
	host_finish(h);
	host_write_back(h, c);
	if (!ret)
		ret = COUNTED(vop_decode_reply(&c->e, c->desc, c->vals, reply, len, &fetcher));
	free(reply);
	return ret;
}

static void test_each_allocation(void **state)
{
	const uint64_t exact[] = {12000, 12000}, *sizes[] = {NULL, exact};
	const struct vop_desc *desc;
	unsigned long refused = 0;

	(void)state;
	for (size_t i = 0; (desc = vop_at(i)); i++)
		for (int n = 0; n < 6; n++)
			for (long at = 0;; at++) {
				struct call c;
				struct host h;
				int ret;

				host_init(&h);
				call_init(&c, desc, n % 3 == 0 ? SMALL : n % 3 == 1 ? LARGE : SCATTERED);
				c.out_sizes = sizes[n / 3];
				left = at;
				failed = false;
				ret = round_trip(&h, &c);
				if (ret) {
					assert_int_equal(ret, VACCEL_ENOMEM);
					assert_true(failed);
					refused++;
				} else {
					check_outputs(&c, 12000);
				}
				call_release(&c);
				host_release(&h);
				if (!failed)
					break;
				assert_true(at < 1000);
			}
	print_message("%lu times out of memory\n", refused);
	assert_true(refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
