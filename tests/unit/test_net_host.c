/* SPDX-License-Identifier: Apache-2.0 */
/* What network backends share: the queue of frames, checksums, settings as text. */
// LIBS: build/obj/asan/src/host/netq.c.o build/obj/asan/src/host/net_csum.c.o build/obj/asan/src/host/net_spec.c.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/host/net_csum.h"
#include "../../src/host/net_spec.h"
#include "../../src/host/netq.h"

static bool put(struct netq *q, u32 length, u8 mark)
{
	struct netq_frame *f = netq_reserve(q, length);

	if (!f)
		return false;
	f->offload = (struct net_offload){ .gso_size = mark };
	memset(f->data, mark, length);
	netq_commit(q, f, length);
	return true;
}

static void take(struct netq *q, u32 length, u8 mark)
{
	struct netq_frame *f = netq_first(q);

	assert_non_null(f);
	assert_int_equal(f->length, length);
	assert_int_equal(f->offload.gso_size, mark);
	assert_int_equal(f->data[0], mark);
	assert_int_equal(f->data[length - 1], mark);
	netq_next(q);
}

static void test_queue(void **state)
{
	struct netq q;
	unsigned n = 0, taken = 0;

	(void)state;
	assert_int_equal(netq_init(&q), 0);
	assert_null(netq_first(&q));
	assert_true(netq_empty(&q));
	while (put(&q, NET_FRAME_MAX, (u8)n))
		n++;
	assert_int_equal(n, 15); /* 64 KiB each, with their heads */
	/* round and round, with lengths that meet the end of the memory in every way */
	for (unsigned i = 0; i < 5000; i++) {
		u32 length = 1 + (n * 7919) % NET_FRAME_MAX;

		while (!put(&q, length, (u8)n)) {
			take(&q, taken < 15 ? NET_FRAME_MAX : 1 + (taken * 7919) % NET_FRAME_MAX,
			     (u8)taken);
			taken++;
		}
		n++;
	}
	assert_true(netq_room(&q) < NETQ_SIZE);
	netq_clear(&q);
	assert_true(put(&q, 20, 77) || netq_first(&q) == NULL);
	while (netq_first(&q))
		netq_next(&q);
	assert_true(netq_empty(&q));
	assert_int_equal(netq_room(&q), NETQ_SIZE);
	/* what was there when it was cleared is gone, what came later is not */
	assert_true(put(&q, 30, 1) && put(&q, 40, 2));
	netq_clear(&q);
	assert_true(put(&q, 50, 3));
	take(&q, 50, 3);
	assert_null(netq_first(&q));
	/* a frame that was made shorter */
	netq_commit(&q, netq_reserve(&q, 9000), 60);
	assert_int_equal(netq_first(&q)->length, 60);
	netq_next(&q);
	assert_int_equal(netq_room(&q), NETQ_SIZE);
	netq_fini(&q);
}

#define FRAMES 20000u

static void *putter(void *arg)
{
	for (unsigned i = 0; i < FRAMES;)
		if (put(arg, 1 + i * 131 % 4000, (u8)i))
			i++;
	return NULL;
}

/* One thread puts while another takes. */
static void test_queue_threads(void **state)
{
	struct netq q;
	pthread_t thread;

	(void)state;
	assert_int_equal(netq_init(&q), 0);
	assert_int_equal(pthread_create(&thread, NULL, putter, &q), 0);
	for (unsigned i = 0; i < FRAMES;)
		if (netq_first(&q)) {
			take(&q, 1 + i * 131 % 4000, (u8)i);
			i++;
		}
	pthread_join(thread, NULL);
	assert_true(netq_empty(&q));
	netq_fini(&q);
}

/* RFC 1071 word by word, as a reference. */
static u16 reference(const u8 *p, u32 n)
{
	u32 sum = 0;

	for (u32 i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

static void test_csum(void **state)
{
	static u8 frame[65553];

	(void)state;
	for (u32 i = 0; i < sizeof frame; i++)
		frame[i] = (u8)(i * 31 + i / 256);
	for (u32 length = 54; length < 70; length++) {
		struct net_offload o = { .needs_csum = true, .csum_start = 34,
					 .csum_offset = 16 };

		frame[50] = 0x12, frame[51] = 0x34; /* the pseudo header's */
		net_csum_finish(frame, length, &o);
		/* with the checksum in place of the pseudo header's sum, the rest
		 * sums up to that one's complement */
		assert_int_equal((reference(frame + 34, length - 34) + 0x1234u) % 0xffff, 0);
	}
	net_csum_finish(frame, sizeof frame,
			&(struct net_offload){ .csum_start = 35, .csum_offset = 6 });
	/* an odd start is allowed; all ones sum to the longest carries */
	memset(frame, 0xff, sizeof frame);
	net_csum_finish(frame, sizeof frame,
			&(struct net_offload){ .csum_start = 1, .csum_offset = 16 });
	assert_int_equal(frame[17] << 8 | frame[18], 0xffff); /* never 0: UDP's "none" */
}

static void test_cards(void **state)
{
	struct net_card c;
	u8 a[6], b[6];

	(void)state;
	assert_null(net_card_parse("user", &c));
	assert_int_equal(c.kind, NET_USER);
	assert_false(c.has_mac);
	assert_null(net_card_parse("tap:abcdefghijklmno,mac=0a:1B:2c:3d:4e:5f", &c));
	assert_string_equal(c.ifname, "abcdefghijklmno");
	assert_memory_equal(c.mac, "\x0a\x1b\x2c\x3d\x4e\x5f", 6);
	assert_null(net_card_parse("none", &c));
	assert_non_null(net_card_parse("tap:abcdefghijklmnop", &c));
	assert_non_null(net_card_parse("user,mac=0a:1b:2c:3d:4e:", &c));
	assert_non_null(net_card_parse("user,mac=0a:1b:2c:3d:4e:5", &c));
	assert_non_null(net_card_parse("user,mac=01:1b:2c:3d:4e:5f", &c));
	net_mac_derive("debian", 0, a);
	net_mac_derive("debian", 0, b);
	assert_memory_equal(a, b, 6);
	assert_int_equal(a[0], 2);
	net_mac_derive("debian", 1, b);
	assert_memory_not_equal(a, b, 6);
	net_mac_derive("debiao", 0, b);
	assert_memory_not_equal(a, b, 6);
}

static void test_forwards(void **state)
{
	struct net_forward f, g;
	char text[NET_TEXT_MAX];

	(void)state;
	assert_null(net_forward_parse("2222:22", &f));
	net_forward_print(&f, text);
	assert_string_equal(text, "127.0.0.1:2222/tcp");
	assert_int_equal(f.guest, 22);
	assert_null(net_forward_parse("255.255.255.255:65535:65535/udp", &f));
	net_forward_print(&f, text);
	assert_string_equal(text, "255.255.255.255:65535/udp");
	assert_null(net_forward_parse("0.0.0.0:80:8080/tcp", &f));
	assert_null(net_forward_parse("80:81", &g));
	assert_true(net_forward_clash(&f, &g));
	assert_null(net_forward_parse("80:81/udp", &g));
	assert_false(net_forward_clash(&f, &g));
	assert_null(net_forward_parse("127.0.0.2:80:80", &f));
	assert_null(net_forward_parse("127.0.0.1:80:80", &g));
	assert_false(net_forward_clash(&f, &g));
	assert_non_null(net_forward_parse("1.2.3.4.5.6.7.8.9:80:80", &f));
	assert_non_null(net_forward_parse("80:80/", &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),	cmocka_unit_test(test_queue_threads),
		cmocka_unit_test(test_csum),	cmocka_unit_test(test_cards),
		cmocka_unit_test(test_forwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
