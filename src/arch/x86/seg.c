/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables and segment register loads. SDM vol. 3A 3.4, 5.6; vol. 2 MOV. */
#include "system_private.h"

bool x86_desc_locate(const struct x86_cpu *c, u16 sel, u64 *lin)
{
	const struct x86_seg *ldt = &c->seg[SEG_LDTR];
	u32 last = (u32)sel | 7;

	if (!(sel & 4)) {
		*lin = c->gdt.base + (sel & ~7u);
		return last <= c->gdt.limit;
	}
	*lin = ldt->base + (sel & ~7u);
	return !(ldt->attr & SA_UNUSABLE) && last <= ldt->limit;
}

int x86_desc_read(struct x86_cpu *c, u16 sel, u8 vector, struct x86_desc *d)
{
	if (!x86_desc_locate(c, sel, &d->lin))
		return sel_fault(c, vector, sel);
	d->raw_high = 0;
	if (likely(x86_long_mode(c)))
		return sys_load_fast(c, d->lin, &d->raw, 8);
	return x86_sys_load(c, d->lin, &d->raw, 8);
}

int x86_desc_read_system(struct x86_cpu *c, u16 sel, u8 vector, struct x86_desc *d)
{
	u64 lin;
	int r = x86_desc_read(c, sel, vector, d);

	if (r || !x86_long_mode(c))
		return r;
	if (((u32)sel | 7) + 8 > 0xffff || !x86_desc_locate(c, (u16)(sel + 8), &lin))
		return sel_fault(c, vector, sel);
	r = x86_sys_load(c, d->lin + 8, &d->raw_high, 8);
	if (!r && (d->raw_high >> 40 & 0x1f))
		return sel_fault(c, vector, sel);
	return r;
}

void x86_desc_unpack(u64 raw, u16 sel, struct x86_seg *seg)
{
	u32 limit = (u32)(raw & 0xffff) | ((u32)(raw >> 32) & 0xf0000);

	*seg = (struct x86_seg){ .base = desc_base(raw), .attr = desc_attr(raw), .sel = sel };
	seg->limit = seg->attr & SA_G ? limit << 12 | 0xfff : limit;
}

int x86_desc_touch(struct x86_cpu *c, struct x86_desc *d)
{
	u8 access;

	if (likely(d->raw & BIT(40)))
		return X86_OK;
	d->raw |= BIT(40);
	access = (u8)(d->raw >> 40);
	return x86_sys_store(c, d->lin + 5, &access, 1);
}

int x86_desc_set_busy(struct x86_cpu *c, u64 lin, bool busy)
{
	u8 access;
	int r = x86_sys_load(c, lin + 5, &access, 1);

	if (r)
		return r;
	access = busy ? access | 2 : access & 0xfd;
	return x86_sys_store(c, lin + 5, &access, 1);
}

void x86_seg_make_null(struct x86_cpu *c, unsigned seg, u16 sel)
{
	c->seg[seg] = (struct x86_seg){ .attr = SA_UNUSABLE, .sel = sel };
}

int x86_check_code_bits(struct x86_cpu *c, u16 sel, u32 attr)
{
	if (x86_long_mode(c) && (attr & (SA_L | SA_DB)) == (SA_L | SA_DB))
		return sel_fault(c, EXC_GP, sel);
	return X86_OK;
}

int x86_check_stack(struct x86_cpu *c, u16 sel, unsigned cpl, u8 bad, struct x86_desc *d)
{
	u32 attr;
	int r;

	if (sel_is_null(sel))
		return x86_fault_code(c, bad, bad == EXC_TS ? sel & 0xfffcu : 0);
	r = x86_desc_read(c, sel, bad, d);
	if (r)
		return r;
	attr = desc_attr(d->raw);
	if ((sel & 3u) != cpl || !attr_is_stack(attr) || attr_dpl(attr) != cpl)
		return sel_fault(c, bad, sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_SS, sel);
	return X86_OK;
}

static int load_ss(struct x86_cpu *c, u16 sel)
{
	struct x86_desc d;
	int r;

	/* 64-bit mode runs with a null SS outside ring 3. */
	if (sel_is_null(sel) && x86_code64(c) && c->cpl < 3 && (sel & 3u) == c->cpl) {
		x86_seg_make_null(c, SEG_SS, sel);
		c->seg[SEG_SS].attr |= (u32)c->cpl << SA_DPL_SHIFT;
		return X86_OK;
	}
	r = x86_check_stack(c, sel, c->cpl, EXC_GP, &d);
	if (!r)
		r = x86_desc_touch(c, &d);
	if (!r)
		x86_desc_unpack(d.raw, sel, &c->seg[SEG_SS]);
	return r;
}

static int load_data(struct x86_cpu *c, unsigned seg, u16 sel)
{
	struct x86_desc d;
	u32 attr;
	int r;

	if (sel_is_null(sel)) {
		x86_seg_make_null(c, seg, sel);
		return X86_OK;
	}
	r = x86_desc_read(c, sel, EXC_GP, &d);
	if (r)
		return r;
	attr = desc_attr(d.raw);
	if (!(attr & SA_S) || (attr & (SA_CODE | SA_WRITE)) == SA_CODE)
		return sel_fault(c, EXC_GP, sel);
	if (!attr_is_conforming(attr) &&
	    ((sel & 3u) > attr_dpl(attr) || c->cpl > attr_dpl(attr)))
		return sel_fault(c, EXC_GP, sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, sel);
	r = x86_desc_touch(c, &d);
	if (!r)
		x86_desc_unpack(d.raw, sel, &c->seg[seg]);
	return r;
}

void x86_load_segment_real(struct x86_cpu *c, unsigned seg, u16 sel)
{
	struct x86_seg *s = &c->seg[seg];

	s->sel = sel;
	s->base = (u64)sel << 4;
	if (x86_v86(c)) {
		s->limit = 0xffff;
		s->attr = ATTR_V86;
	} else if (s->attr & SA_UNUSABLE) {
		s->limit = 0xffff;
		s->attr = SA_P | SA_S | 3;
	}
}

int x86_load_segment(struct x86_cpu *c, unsigned seg, u16 sel)
{
	int r = X86_OK;

	if (paragraph_mode(c))
		x86_load_segment_real(c, seg, sel);
	else
		r = seg == SEG_SS ? load_ss(c, sel) : load_data(c, seg, sel);
	if (r)
		return r;
	if (x86_code64(c)) /* only the bases of FS and GS count there */
		c->seg_base[seg] = seg >= SEG_FS ? c->seg[seg].base : 0;
	else
		x86_update_mode(c);
	return X86_OK;
}

int x86_lldt(struct x86_cpu *c, u16 sel)
{
	struct x86_desc d;
	int r;

	if (sel_is_null(sel)) {
		x86_seg_make_null(c, SEG_LDTR, sel);
		return X86_OK;
	}
	if (sel & 4)
		return sel_fault(c, EXC_GP, sel);
	r = x86_desc_read_system(c, sel, EXC_GP, &d);
	if (r)
		return r;
	if ((desc_attr(d.raw) & (SA_S | SA_TYPE)) != DT_LDT)
		return sel_fault(c, EXC_GP, sel);
	if (!(desc_attr(d.raw) & SA_P))
		return sel_fault(c, EXC_NP, sel);
	if (!x86_canonical(desc_base(d.raw) | d.raw_high << 32))
		return sel_fault(c, EXC_GP, sel);
	x86_desc_unpack(d.raw, sel, &c->seg[SEG_LDTR]);
	c->seg[SEG_LDTR].base |= d.raw_high << 32;
	return X86_OK;
}

int x86_ltr(struct x86_cpu *c, u16 sel)
{
	struct x86_desc d;
	unsigned type;
	int r;

	if (sel_is_null(sel))
		return x86_gp0(c);
	if (sel & 4)
		return sel_fault(c, EXC_GP, sel);
	r = x86_desc_read_system(c, sel, EXC_GP, &d);
	if (r)
		return r;
	type = desc_attr(d.raw) & (SA_S | SA_TYPE);
	if (type != DT_TSS && (type != DT_TSS16 || x86_long_mode(c)))
		return sel_fault(c, EXC_GP, sel);
	if (!(desc_attr(d.raw) & SA_P))
		return sel_fault(c, EXC_NP, sel);
	if (!x86_canonical(desc_base(d.raw) | d.raw_high << 32))
		return sel_fault(c, EXC_GP, sel);
	r = x86_desc_set_busy(c, d.lin, true);
	if (r)
		return r;
	x86_desc_unpack(d.raw | BIT(41), sel, &c->seg[SEG_TR]);
	c->seg[SEG_TR].base |= d.raw_high << 32;
	return X86_OK;
}

void x86_drop_inner_segments(struct x86_cpu *c)
{
	static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned n = 0; n < ARRAY_SIZE(data); n++) {
		const struct x86_seg *s = &c->seg[data[n]];

		if (s->attr & SA_UNUSABLE) {
			c->seg[data[n]].sel = sel_is_null(s->sel) ? 0 : s->sel;
			continue;
		}
		if (attr_dpl(s->attr) < c->cpl && !attr_is_conforming(s->attr)) {
			/* unlike a load of null, this leaves the base alone */
			c->seg[data[n]].sel = 0;
			c->seg[data[n]].attr |= SA_UNUSABLE;
		}
	}
}
