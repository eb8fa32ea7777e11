/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's fw_cfg, the traditional interface, read-only. */
#include <trivet/bits.h>
#include <trivet/device/fw_cfg.h>
#include <trivet/string.h>

#define FW_CFG_PORT 0x510 /* selector, 16 bits; data byte at 511h */

enum {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_INTERFACE = 0x01,
	FW_CFG_RAM_SIZE = 0x03,
	FW_CFG_CPUS = 0x05,
	FW_CFG_MAX_CPUS = 0x0f
};

struct fw_cfg {
	struct vm *vm;
	u64 ram_bytes;
	u16 cpus;
	u8 item[8]; /* the selected one; zeros follow */
	unsigned next;
};

/* Items not listed (kernel size, directory, unknown) are all zeros. */
static void fw_cfg_select(struct fw_cfg *f, u16 key)
{
	memset(f->item, 0, sizeof f->item);
	f->next = 0;
	switch (key) {
	case FW_CFG_SIGNATURE:
		memcpy(f->item, "QEMU", 4);
		break;
	case FW_CFG_INTERFACE: /* 1: no DMA */
		put_le32(f->item, 1);
		break;
	case FW_CFG_RAM_SIZE:
		put_le64(f->item, f->ram_bytes);
		break;
	case FW_CFG_CPUS:
	case FW_CFG_MAX_CPUS:
		put_le16(f->item, f->cpus);
		break;
	default:
		break;
	}
}

static u64 fw_cfg_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	struct fw_cfg *f = ctx;

	(void)v;
	if (offset != 1 || size != 1)
		return 0;
	return f->next < sizeof f->item ? f->item[f->next++] : 0;
}

static void fw_cfg_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			 u64 value)
{
	(void)v;
	if (offset == 0)
		fw_cfg_select(ctx, size == 1 ? (u8)value : (u16)value);
}

static const struct bus_ops fw_cfg_ops = { fw_cfg_read, fw_cfg_write };

int fw_cfg_create(struct vm *vm, u64 ram_bytes, unsigned cpus,
		  struct fw_cfg **out)
{
	struct fw_cfg *f = platform_alloc(sizeof *f);
	int err;

	if (!f)
		return -ENOMEM;
	f->vm = vm;
	f->ram_bytes = ram_bytes;
	f->cpus = (u16)cpus;
	fw_cfg_select(f, FW_CFG_SIGNATURE);
	err = bus_add(&vm->pio, &(struct bus_range){
		.base = FW_CFG_PORT, .size = 2, .name = "fw_cfg",
		.ops = &fw_cfg_ops, .ctx = f });
	if (err) {
		platform_free(f, sizeof *f);
		return err;
	}
	*out = f;
	return 0;
}

void fw_cfg_destroy(struct fw_cfg *f)
{
	if (!f)
		return;
	bus_remove(&f->vm->pio, FW_CFG_PORT);
	platform_free(f, sizeof *f);
}
