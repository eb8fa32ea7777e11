/* SPDX-License-Identifier: Apache-2.0 */
/* The console with its ports: control messages, bytes both ways, ends that close. */
#include <trivet/virtio/console.h>

#include "virtio_fuzz.h"

#define PORTS 4u

struct end {
	struct chardev cd;
	size_t room;
	bool open;
};

static struct end ends[PORTS];
static struct virtio_console *console;

static void end_write(struct chardev *cd, const u8 *data, size_t n)
{
	struct end *e = CONTAINER_OF(cd, struct end, cd);

	check(e->room && n <= CHARDEV_ROOM && (n == 0 || data));
	e->room -= n < e->room ? n : e->room;
}

static bool end_full(struct chardev *cd)
{
	return !CONTAINER_OF(cd, struct end, cd)->room;
}

/* Open and closed take turns. */
static void end_guest_open(struct chardev *cd, bool open)
{
	struct end *e = CONTAINER_OF(cd, struct end, cd);

	check(e->open != open);
	e->open = open;
}

static const struct chardev_ops ops_telling = {
	.write = end_write, .full = end_full, .guest_open = end_guest_open,
	.calls_room = true,
};
static const struct chardev_ops ops_silent = {
	.write = end_write, .full = end_full, .guest_open = end_guest_open,
};

static void say(const struct record *r)
{
	u8 *m = vd.ram + VD_DATA;

	put_le32(m, r->at % (PORTS + 1));
	put_le16(m + 4, (u16)(r->value & 7));
	put_le16(m + 6, (u16)(r->value >> 3 & 1));
	vd_add(3, VD_DATA, 8, false);
	vd_notify(3);
}

static void own(const struct record *r)
{
	static const u8 bytes[256];
	struct end *e = &ends[r->queue % PORTS];

	switch (r->op & 7) {
	case 0:
	case 1:
		say(r);
		break;
	case 2:
		e->cd.host_open(e->cd.receive_ctx, r->value & 1);
		break;
	case 3:
		check(e->cd.receive(e->cd.receive_ctx, bytes, r->at & 0xff) <=
		      (r->at & 0xff));
		break;
	case 4:
		e->room = r->value & 0xffff;
		if (e->room)
			e->cd.room(e->cd.receive_ctx);
		break;
	case 5:
		e->room = r->value & 0xffff;
		break;
	default:
		virtio_console_resize(console, r->at, (u16)r->value);
		break;
	}
}

static void init(void)
{
	struct virtio_console_port ports[PORTS - 1];

	vd_init();
	for (unsigned i = 0; i < PORTS; i++)
		ends[i].cd.ops = i & 1 ? &ops_telling : &ops_silent;
	for (unsigned i = 1; i < PORTS; i++)
		ports[i - 1] = (struct virtio_console_port){ "port", &ends[i].cd, i & 1 };
	check(!virtio_console_create(&vd.vm, vd.pci, &ends[0].cd, ports, PORTS - 1,
				     &console));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct virtio_fuzz fuzz = {
		.queues = 2 * (PORTS + 1), .own = own,
		.features = VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | BIT(0) | BIT(1),
	};

	if (!console)
		init();
	fuzz_run(&fuzz, data, size);
	virtio_console_reset(console);
	for (unsigned i = 0; i < PORTS; i++)
		check(!ends[i].open);
	fuzz_end();
	return 0;
}
