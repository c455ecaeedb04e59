// SPDX-License-Identifier: Apache-2.0
/*
 * What a hostile guest can do to the host's decoder, and a broken host to the guest's. A damaged
 * message is refused with a status or is another valid message; neither may crash (run it under
 * ASan), nor leave anything behind.
 */
#include "codec_util.h"

#include <endian.h>

#define REPLY_CAP 65536

static const uint64_t nasty[] = {
	0, 1, 2, 3, 4, 7, 8, 0x7f, 0xff, 0x1000, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
	UINT64_C(0x100000000), UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000),
	UINT64_C(0xfffffffffffffff0), UINT64_C(0xffffffffffffffff),
};
#define NR_NASTY (sizeof(nasty) / sizeof(nasty[0]))

/* Calls @fn with many damaged copies of @good; each has just the bytes it should have. */
struct damage {
	void (*fn)(struct damage *d, const uint8_t *bytes, uint32_t len);
	struct host *h;
	struct call *c;
	bool truncated; /* cut short: never valid */
	unsigned long accepted, refused;
};

static void damaged(struct damage *d, const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, bytes, len);
	d->fn(d, copy, len);
	free(copy);
}

static void damage_all(struct damage *d, const uint8_t *good, uint32_t len)
{
	static const uint8_t flips[] = {0x01, 0x02, 0x80, 0xff};
	uint8_t *bytes = malloc(len + 8);

	memcpy(bytes, good, len);
	memset(bytes + len, 0, 8);

	d->truncated = true;
	for (uint32_t n = 0; n < len; n++)
		damaged(d, bytes, n);
	damaged(d, bytes, len + 8); /* and one with more behind it */
	d->truncated = false;

	for (uint32_t n = 0; n < len; n++)
		for (size_t f = 0; f < sizeof(flips); f++) {
			bytes[n] ^= flips[f];
			damaged(d, bytes, len);
			bytes[n] ^= flips[f];
		}
	for (uint32_t n = 0; n + 8 <= len; n += 4)
		for (size_t i = 0; i < NR_NASTY; i++) {
			uint64_t wide = htole64(nasty[i]);

			memcpy(bytes + n, &wide, 8);
			damaged(d, bytes, len);
			memcpy(bytes + n, good + n, 8);
			memcpy(bytes + n, &wide, 4);
			damaged(d, bytes, len);
			memcpy(bytes + n, good + n, 8);
		}
	free(bytes);
}

/* ---- Messages ------------------------------------------------------------------------------- */

static void try_message(struct damage *d, const uint8_t *bytes, uint32_t len)
{
	int ret = host_decode(d->h, bytes, len, REPLY_CAP);
	uint8_t *reply;
	uint32_t reply_len;

	switch (ret) {
	case VACCEL_OK:
		assert_false(d->truncated);
		d->accepted++;
		host_touch(d->h);
		host_fill(d->h, 64);
		reply = malloc(REPLY_CAP);
		vop_encode_reply(&d->h->dec, reply, REPLY_CAP, &reply_len);
		assert_true(reply_len <= REPLY_CAP);
		free(reply);
		break;
	case VACCEL_EINVAL:
	case VACCEL_ENOENT:
	case VACCEL_ENOMEM:
	case VACCEL_ENOTSUP:
		assert_true(d->h->dec.why[0]);
		d->refused++;
		break;
	default:
		fail_msg("%s: status %d", d->c->desc->name, ret);
	}
	host_finish(d->h);
}

static void test_messages(void **state)
{
	const uint64_t sizes[] = {12000, 12000};
	struct damage d = {.fn = try_message};
	const struct vop_desc *desc;
	struct call c;
	struct host h;

	(void)state;
	d.h = &h;
	d.c = &c;
	for (size_t i = 0; (desc = vop_at(i)); i++)
		for (int layout = SMALL; layout <= SCATTERED; layout++) {
			host_init(&h);
			call_init(&c, desc, layout);
			c.out_sizes = layout == SMALL ? NULL : sizes;
			assert_int_equal(call_encode(&c), 0);
			host_map(&h, &c);
			assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, REPLY_CAP), 0);
			host_finish(&h);
			damage_all(&d, c.e.msg, c.e.msg_len);
			call_release(&c);
			host_release(&h);
		}
	/* Both ways were taken, or this tests nothing. */
	print_message("%lu accepted, %lu refused\n", d.accepted, d.refused);
	assert_true(d.accepted > 1000);
	assert_true(d.refused > 10000);
}

/* One damaged field each, where the status is known */
struct fault {
	struct call c;
	struct host h;
};

static void fault_begin(struct fault *f, uint16_t op, enum layout layout)
{
	host_init(&f->h);
	call_init(&f->c, vop_find(op), layout);
	assert_int_equal(call_encode(&f->c), 0);
	host_map(&f->h, &f->c);
}

static int fault_decode(struct fault *f)
{
	int ret = host_decode(&f->h, f->c.e.msg, f->c.e.msg_len, REPLY_CAP);

	host_finish(&f->h);
	return ret;
}

static void fault_end(struct fault *f)
{
	call_release(&f->c);
	host_release(&f->h);
}

/* The first buffer of FPGA_ARRAYCOPY: behind the head and one number */
static struct virtio_accel_buf *first_buf(struct fault *f)
{
	return (void *)(f->c.e.msg + sizeof(struct virtio_accel_msg) + 8);
}

static void test_head(void **state)
{
	struct virtio_accel_msg *msg;
	struct fault f;

	(void)state;
	fault_begin(&f, VACCEL_OP_NOOP, SMALL);
	msg = (void *)f.c.e.msg;
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	for (uint16_t flags = 2; flags; flags = (uint16_t)(flags << 1)) {
		msg->flags = htole16(flags);
		assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
		msg->flags = htole16(flags | VIRTIO_ACCEL_MSG_TIMES);
		assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	}
	msg->flags = 0;
	msg->reserved = htole32(1);
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	msg->reserved = 0;
	/* Numbers that are no operation: behind the last op, between and behind the control ones */
	for (uint32_t op = VACCEL_OP_MAX; op <= UINT16_MAX; op++) {
		msg->op = htole16((uint16_t)op);
		if (!vop_find((uint16_t)op))
			assert_int_equal(fault_decode(&f), VACCEL_ENOTSUP);
	}
	msg->op = htole16(VACCEL_OP_NOOP);
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	fault_end(&f);
}

static void test_segments(void **state)
{
	struct virtio_accel_buf *buf;
	struct fault f;

	(void)state;
	fault_begin(&f, VACCEL_OP_FPGA_ARRAYCOPY, LARGE);
	buf = first_buf(&f);
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	assert_int_equal(le32toh(buf->where), VIRTIO_ACCEL_BUF_SEGMENT);

	buf->ref = htole64(2); /* there are two */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->ref = htole64(UINT64_MAX);
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->ref = htole64(UINT64_C(1) << 32);
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->ref = htole64(1); /* the output's: it may not be read */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	f.h.segs[1].flags |= VIRTIO_ACCEL_SEG_READ;
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	buf->ref = 0;
	buf[1].ref = 0; /* the input's: it may not be written */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf[1].ref = htole64(1);

	f.h.segs[0].len--; /* of another length than the parameter */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	f.h.segs[0].len++;
	buf->len = htole64(le64toh(buf->len) - 4); /* of another length than the op's */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->len = htole64(le64toh(buf->len) + 4);
	buf->reserved = htole32(1);
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->reserved = 0;
	buf->where = htole32(VIRTIO_ACCEL_BUF_KEPT); /* replies only */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->where = htole32(VIRTIO_ACCEL_BUF_NULL); /* with a length */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->len = 0; /* this one may not be null */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	fault_end(&f);
}

/* Counts that would need more memory, or more of a reply, than there is */
static void test_counts(void **state)
{
	static const uint64_t counts[] = {3, 1000, 1 << 20, UINT32_MAX, UINT64_C(1) << 40,
					  INT64_MAX / 40, INT64_MAX, UINT64_MAX};
	struct virtio_accel_buf *buf;
	uint64_t *number;
	struct fault f;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		fault_begin(&f, VACCEL_OP_EXEC, SMALL);
		number = (void *)(f.c.e.msg + sizeof(struct virtio_accel_msg));
		*number = htole64(counts[i]);
		assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
		fault_end(&f);

		fault_begin(&f, VACCEL_OP_TFLITE_MODEL_RUN, SMALL);
		number = (void *)(f.c.e.msg + sizeof(struct virtio_accel_msg));
		number[2] = htole64(counts[i]); /* outputs */
		assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
		fault_end(&f);

		/* An inline output of that many bytes */
		fault_begin(&f, VIRTIO_ACCEL_OP_RESOURCE_READ, SMALL);
		number = (void *)(f.c.e.msg + sizeof(struct virtio_accel_msg));
		buf = (void *)(number + 4);
		number[3] = htole64(counts[i]);
		buf->len = number[3];
		assert_int_equal(fault_decode(&f), counts[i] < 4096 ? VACCEL_OK : VACCEL_EINVAL);
		fault_end(&f);
	}
}

static void test_strings(void **state)
{
	struct virtio_accel_buf *buf;
	struct fault f;
	char *text;

	(void)state;
	fault_begin(&f, VIRTIO_ACCEL_OP_RESOURCE_ADD, SMALL);
	buf = (void *)(f.c.e.msg + sizeof(struct virtio_accel_msg) + 3 * 8);
	text = (char *)(buf + 1);
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	text[3] = '\0'; /* ends early */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	text[3] = 'x';
	text[le64toh(buf->len) - 1] = 'x'; /* does not end */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->len = 0; /* has no room for its terminator */
	f.c.e.msg_len = (uint32_t)((uint8_t *)text - f.c.e.msg);
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf->where = htole32(VIRTIO_ACCEL_BUF_NULL); /* is not there */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	fault_end(&f);
}

static void test_string_arguments(void **state)
{
	struct vaccel_arg arg = {.buf = (char[]){"text"}, .size = 5, .type = VACCEL_ARG_STRING};
	struct fault f;
	uint8_t *bytes;

	(void)state;
	fault_begin(&f, VACCEL_OP_OPENCV, SMALL);
	f.c.vals[OPENCV_read].p = &arg;
	f.c.vals[OPENCV_nr_read].i = 1;
	f.c.vals[OPENCV_nr_write].i = 0;
	assert_int_equal(call_encode(&f.c), 0);
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	bytes = f.c.e.msg + f.c.e.msg_len - 8;
	assert_string_equal((char *)bytes, "text");
	bytes[4] = 'x'; /* its last byte */
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	fault_end(&f);
}

/* An f32 has nothing above its 32 bits. */
static void test_floats(void **state)
{
	struct fault f;
	uint8_t *alpha;

	(void)state;
	fault_begin(&f, VACCEL_OP_BLAS_SGEMM, SMALL);
	alpha = f.c.e.msg + sizeof(struct virtio_accel_msg) + 3 * 8;
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	alpha[4] = 1;
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	fault_end(&f);
}

/* A TORCH_SGEMM message with three tensors of so many dimensions of 1, of a type of unknown size */
static int decode_dimensions(uint32_t nr_dims)
{
	uint64_t words[512] = {htole64(VACCEL_OP_TORCH_SGEMM), htole64(SESSION_ID)};
	uint32_t n = 2 + 3; /* M, N and K are 0 */
	struct host h;
	int ret;

	for (int tensor = 0; tensor < 3; tensor++) {
		words[n++] = htole64((uint64_t)nr_dims << 32 | 1000);
		for (uint32_t d = 0; d < nr_dims; d++)
			words[n++] = htole64(1);
		n += 3; /* no data */
	}
	n += 3; /* no prepared output */
	host_init(&h);
	ret = host_decode(&h, words, n * 8, REPLY_CAP);
	if (!ret)
		host_touch(&h);
	host_finish(&h);
	host_release(&h);
	return ret;
}

static void test_dimensions(void **state)
{
	(void)state;
	assert_int_equal(decode_dimensions(0), VACCEL_OK);
	assert_int_equal(decode_dimensions(VOP_MAX_DIMS), VACCEL_OK);
	assert_int_equal(decode_dimensions(VOP_MAX_DIMS + 1), VACCEL_EINVAL);
	assert_int_equal(decode_dimensions(100), VACCEL_EINVAL);
}

/* Segments that the guest prepared for output tensors */
static void test_prepared_outputs(void **state)
{
	const uint64_t sizes[] = {12000, 12000};
	struct virtio_accel_buf *buf;
	struct fault f;

	(void)state;
	fault_begin(&f, VACCEL_OP_TFLITE_MODEL_RUN, SMALL);
	f.c.out_sizes = sizes;
	assert_int_equal(call_encode(&f.c), 0);
	host_map(&f.h, &f.c);
	assert_int_equal(fault_decode(&f), VACCEL_OK);
	f.h.segs[0].len--;
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	f.h.segs[0].len++;
	f.h.segs[1].flags = VIRTIO_ACCEL_SEG_READ;
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	f.h.segs[1].flags = VIRTIO_ACCEL_SEG_WRITE;
	/* The last three buffers of the message are outputs[0], outputs[1] and status. */
	buf = (struct virtio_accel_buf *)(f.c.e.msg + f.c.e.msg_len) - 3;
	assert_int_equal(le64toh(buf[1].ref), 1);
	buf[1].ref = htole64(2);
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	buf[1].ref = htole64(1);
	buf[1].where = htole32(VIRTIO_ACCEL_BUF_INLINE);
	assert_int_equal(fault_decode(&f), VACCEL_EINVAL);
	fault_end(&f);
}

static void test_reply_room(void **state)
{
	const struct vop_desc *desc;
	struct fault f;

	(void)state;
	for (size_t i = 0; (desc = vop_at(i)); i++) {
		fault_begin(&f, desc->code, SMALL);
		for (uint32_t cap = 0; cap < f.c.e.reply_room; cap += 8) {
			int ret = host_decode(&f.h, f.c.e.msg, f.c.e.msg_len, cap);
			uint8_t *reply = malloc(cap ? cap : 1);
			uint32_t len;

			if (ret) {
				assert_int_equal(ret, VACCEL_EINVAL);
			} else {
				host_fill(&f.h, 400);
				vop_encode_reply(&f.h.dec, reply, cap, &len);
				assert_true(len <= cap);
			}
			host_finish(&f.h);
			free(reply);
		}
		fault_end(&f);
	}
}

/* ---- Replies -------------------------------------------------------------------------------- */

static void check_no_tensors(const struct call *c)
{
	for (unsigned int i = 0; i < c->desc->nr_params; i++)
		for (uint32_t n = 0; c->desc->params[i].kind == VOP_TENSORS_OUT && n < c->e.nr_outs;
		     n++)
			assert_null(((void **)c->vals[i].p)[n]);
}

static void try_reply(struct damage *d, const uint8_t *bytes, uint32_t len)
{
	const struct vop_fetcher fetcher = {host_fetch, d->h};
	struct call *c = d->c;
	int ret;

	/* The encoding has what belongs to one call. */
	assert_int_equal(call_encode(c), 0);
	ret = vop_decode_reply(&c->e, c->desc, c->vals, bytes, len, &fetcher);
	switch (ret) {
	case VACCEL_OK:
		assert_false(d->truncated);
		d->accepted++;
		break;
	case VACCEL_EIO:
	case VACCEL_ENOMEM:
	case VACCEL_ENOENT: /* what the fetcher gives */
	case VACCEL_EINVAL:
		check_no_tensors(c);
		d->refused++;
		break;
	default:
		fail_msg("%s: %d", c->desc->name, ret);
	}
	call_drop_outputs(c);
}

static void test_replies(void **state)
{
	static const uint64_t tensor_bytes[] = {64, 12000};
	const uint64_t exact[] = {12000, 12000}, *sizes[] = {NULL, exact};
	struct damage d = {.fn = try_reply};
	const struct vop_desc *desc;
	uint8_t *reply = malloc(REPLY_CAP);
	struct call c;
	struct host h;
	uint32_t len;

	(void)state;
	d.h = &h;
	d.c = &c;
	for (size_t i = 0; (desc = vop_at(i)); i++)
		for (int n = 0; n < 8; n++) {
			host_init(&h);
			call_init(&c, desc, n & 1 ? LARGE : SMALL);
			c.out_sizes = sizes[(n >> 1) & 1];
			assert_int_equal(call_encode(&c), 0);
			host_map(&h, &c);
			assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, REPLY_CAP), 0);
			host_fill(&h, tensor_bytes[n >> 2]);
			assert_int_equal(vop_encode_reply(&h.dec, reply, REPLY_CAP, &len), 0);
			host_finish(&h);
			damage_all(&d, reply, len);
			call_release(&c);
			host_release(&h);
		}
	free(reply);
	print_message("%lu accepted, %lu refused\n", d.accepted, d.refused);
	assert_true(d.accepted > 1000);
	assert_true(d.refused > 10000);
}

/* A reply cannot make the guest write beyond what its program gave. */
static void test_reply_too_long(void **state)
{
	struct {
		struct virtio_accel_buf buf;
		uint8_t data[64];
	} reply __attribute__((aligned(8))) = {{htole64(24), 0, htole32(VIRTIO_ACCEL_BUF_INLINE), 0},
					       {0}};
	const struct vop_fetcher fetcher = {0};
	struct call c;

	(void)state;
	call_init(&c, vop_find(VACCEL_OP_FPGA_ARRAYCOPY), SMALL); /* 20 bytes */
	assert_int_equal(call_encode(&c), 0);
	assert_int_equal(vop_decode_reply(&c.e, c.desc, c.vals, (uint8_t *)&reply, 24 + 24, &fetcher),
			 VACCEL_EIO);
	reply.buf.len = htole64(20);
	assert_int_equal(vop_decode_reply(&c.e, c.desc, c.vals, (uint8_t *)&reply, 24 + 24, &fetcher),
			 VACCEL_OK);
	reply.buf.where = htole32(VIRTIO_ACCEL_BUF_KEPT); /* tensors only */
	assert_int_equal(vop_decode_reply(&c.e, c.desc, c.vals, (uint8_t *)&reply, 24, &fetcher),
			 VACCEL_EIO);
	call_release(&c);
}

/* Nor make a tensor of less data than its dimensions say, or of more than there is. */
static void test_reply_tensors(void **state)
{
	const uint64_t sizes[] = {12000, 12000};
	struct {
		struct virtio_accel_tensor head;
		uint64_t dim;
		struct virtio_accel_buf buf;
		struct virtio_accel_tensor none;
		struct virtio_accel_buf none_buf;
	} reply = {
		.head = {htole32(VACCEL_TORCH_FLOAT), htole32(1)},
		.dim = htole64(3000),
		.buf = {htole64(12000), 0, htole32(VIRTIO_ACCEL_BUF_SEGMENT), 0},
	};
	const struct vop_fetcher fetcher = {0};
	struct call c;

	(void)state;
	for (int n = 0; n < 4; n++) {
		call_init(&c, vop_find(VACCEL_OP_TORCH_MODEL_RUN), SMALL);
		if (n < 3)
			c.out_sizes = sizes;
		assert_int_equal(call_encode(&c), 0);
		/* Right; longer than what was prepared; shorter than its dimensions; not prepared */
		reply.buf.len = htole64(n == 1 ? 12004 : n == 2 ? 11996 : 12000);
		assert_int_equal(vop_decode_reply(&c.e, c.desc, c.vals, (uint8_t *)&reply,
						  sizeof(reply), &fetcher),
				 n ? VACCEL_EIO : VACCEL_OK);
		if (n)
			check_no_tensors(&c);
		call_release(&c);
	}
}

/* Times need room, on both sides, and what is asked for is not more than there is. */
static void test_times(void **state)
{
	struct call c = {.desc = vop_find(VIRTIO_ACCEL_OP_SESSION_CLOCK)};
	struct virtio_accel_info small = test_info;
	struct vop_times t = {0};
	uint64_t now, reply[4] = {0};
	struct host h;
	uint32_t len;

	(void)state;
	c.vals[0].p = &now;
	assert_int_equal(vop_encode(&c.e, &test_info, c.desc, 7, c.vals, NULL), 0);
	small.max_reply = (uint32_t)c.e.reply_room + 31;
	assert_false(vop_ask_times(&c.e, &small));
	assert_int_equal(((struct virtio_accel_msg *)c.e.msg)->flags, 0);
	small.max_reply++;
	assert_true(vop_ask_times(&c.e, &small));
	assert_int_equal(c.e.reply_room, small.max_reply);

	host_init(&h);
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, small.max_reply - 1), VACCEL_EINVAL);
	host_finish(&h);
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, small.max_reply), 0);
	assert_true(h.dec.wants_times);
	host_finish(&h);
	/* Other flags have no meaning yet. */
	((struct virtio_accel_msg *)c.e.msg)->flags = htole16(2);
	assert_int_equal(host_decode(&h, c.e.msg, c.e.msg_len, small.max_reply), VACCEL_EINVAL);
	host_finish(&h);
	host_release(&h);

	for (len = 0; len < sizeof(reply); len++) {
		uint32_t left = len;

		assert_false(vop_take_times((uint8_t *)reply, &left, &t));
		assert_int_equal(left, len);
	}
	assert_true(vop_take_times((uint8_t *)reply, &len, &t));
	assert_int_equal(len, 0);
	vop_encoder_release(&c.e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_string_arguments),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_dimensions),
		cmocka_unit_test(test_prepared_outputs),
		cmocka_unit_test(test_reply_room),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_reply_too_long),
		cmocka_unit_test(test_reply_tensors),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
