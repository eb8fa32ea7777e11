/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MMX instructions mm, mm/memory. The registers are worked on in c->fx, with
 * an EMMS after each native instruction: exact, not fast.
 */
#include "sse_shuffle.h"

#define MMX_RAW(name)                                                          \
	static void mmx_##name(void *dst, const void *src)                     \
	{                                                                      \
		__asm__ volatile("movq %0, %%mm0\n\t" #name                    \
				 " %1, %%mm0\n\tmovq %%mm0, %0\n\temms"        \
				 : "+m"(*(x86_u64u *)dst)                      \
				 : "m"(*(const x86_u64u *)src));               \
	}

MMX_RAW(punpcklbw)
MMX_RAW(punpcklwd)
MMX_RAW(punpckldq)
MMX_RAW(packsswb)
MMX_RAW(pcmpgtb)
MMX_RAW(pcmpgtw)
MMX_RAW(pcmpgtd)
MMX_RAW(packuswb)
MMX_RAW(punpckhbw)
MMX_RAW(punpckhwd)
MMX_RAW(punpckhdq)
MMX_RAW(packssdw)
MMX_RAW(pcmpeqb)
MMX_RAW(pcmpeqw)
MMX_RAW(pcmpeqd)
MMX_RAW(psrlw)
MMX_RAW(psrld)
MMX_RAW(psrlq)
MMX_RAW(paddq)
MMX_RAW(pmullw)
MMX_RAW(psubusb)
MMX_RAW(psubusw)
MMX_RAW(pminub)
MMX_RAW(pand)
MMX_RAW(paddusb)
MMX_RAW(paddusw)
MMX_RAW(pmaxub)
MMX_RAW(pandn)
MMX_RAW(pavgb)
MMX_RAW(psraw)
MMX_RAW(psrad)
MMX_RAW(pavgw)
MMX_RAW(pmulhuw)
MMX_RAW(pmulhw)
MMX_RAW(psubsb)
MMX_RAW(psubsw)
MMX_RAW(pminsw)
MMX_RAW(por)
MMX_RAW(paddsb)
MMX_RAW(paddsw)
MMX_RAW(pmaxsw)
MMX_RAW(pxor)
MMX_RAW(psllw)
MMX_RAW(pslld)
MMX_RAW(psllq)
MMX_RAW(pmuludq)
MMX_RAW(pmaddwd)
MMX_RAW(psadbw)
MMX_RAW(psubb)
MMX_RAW(psubw)
MMX_RAW(psubd)
MMX_RAW(psubq)
MMX_RAW(paddb)
MMX_RAW(paddw)
MMX_RAW(paddd)
MMX_RAW(pshufb)
MMX_RAW(phaddw)
MMX_RAW(phaddd)
MMX_RAW(phaddsw)
MMX_RAW(pmaddubsw)
MMX_RAW(phsubw)
MMX_RAW(phsubd)
MMX_RAW(phsubsw)
MMX_RAW(psignb)
MMX_RAW(psignw)
MMX_RAW(psignd)
MMX_RAW(pmulhrsw)
MMX_RAW(pabsb)
MMX_RAW(pabsw)
MMX_RAW(pabsd)

static const sse_raw mmx_0f[256] = {
	[0x60] = mmx_punpcklbw,
	[0x61] = mmx_punpcklwd,
	[0x62] = mmx_punpckldq,
	[0x63] = mmx_packsswb,
	[0x64] = mmx_pcmpgtb,
	[0x65] = mmx_pcmpgtw,
	[0x66] = mmx_pcmpgtd,
	[0x67] = mmx_packuswb,
	[0x68] = mmx_punpckhbw,
	[0x69] = mmx_punpckhwd,
	[0x6a] = mmx_punpckhdq,
	[0x6b] = mmx_packssdw,
	[0x74] = mmx_pcmpeqb,
	[0x75] = mmx_pcmpeqw,
	[0x76] = mmx_pcmpeqd,
	[0xd1] = mmx_psrlw,
	[0xd2] = mmx_psrld,
	[0xd3] = mmx_psrlq,
	[0xd4] = mmx_paddq,
	[0xd5] = mmx_pmullw,
	[0xd8] = mmx_psubusb,
	[0xd9] = mmx_psubusw,
	[0xda] = mmx_pminub,
	[0xdb] = mmx_pand,
	[0xdc] = mmx_paddusb,
	[0xdd] = mmx_paddusw,
	[0xde] = mmx_pmaxub,
	[0xdf] = mmx_pandn,
	[0xe0] = mmx_pavgb,
	[0xe1] = mmx_psraw,
	[0xe2] = mmx_psrad,
	[0xe3] = mmx_pavgw,
	[0xe4] = mmx_pmulhuw,
	[0xe5] = mmx_pmulhw,
	[0xe8] = mmx_psubsb,
	[0xe9] = mmx_psubsw,
	[0xea] = mmx_pminsw,
	[0xeb] = mmx_por,
	[0xec] = mmx_paddsb,
	[0xed] = mmx_paddsw,
	[0xee] = mmx_pmaxsw,
	[0xef] = mmx_pxor,
	[0xf1] = mmx_psllw,
	[0xf2] = mmx_pslld,
	[0xf3] = mmx_psllq,
	[0xf4] = mmx_pmuludq,
	[0xf5] = mmx_pmaddwd,
	[0xf6] = mmx_psadbw,
	[0xf8] = mmx_psubb,
	[0xf9] = mmx_psubw,
	[0xfa] = mmx_psubd,
	[0xfb] = mmx_psubq,
	[0xfc] = mmx_paddb,
	[0xfd] = mmx_paddw,
	[0xfe] = mmx_paddd,
};

static const sse_raw mmx_0f38[32] = {
	[0x00] = mmx_pshufb,
	[0x01] = mmx_phaddw,
	[0x02] = mmx_phaddd,
	[0x03] = mmx_phaddsw,
	[0x04] = mmx_pmaddubsw,
	[0x05] = mmx_phsubw,
	[0x06] = mmx_phsubd,
	[0x07] = mmx_phsubsw,
	[0x08] = mmx_psignb,
	[0x09] = mmx_psignw,
	[0x0a] = mmx_psignd,
	[0x0b] = mmx_pmulhrsw,
	[0x1c] = mmx_pabsb,
	[0x1d] = mmx_pabsw,
	[0x1e] = mmx_pabsd,
};
extern const u8 mmx_stub_palignr[];

static sse_raw mmx_raw(const struct x86_insn *i)
{
	u8 op = (u8)i->key;

	switch (i->key >> 8) {
	case X86_MAP_0F: return mmx_0f[op];
	case X86_MAP_0F38: return op < ARRAY_SIZE(mmx_0f38) ? mmx_0f38[op] : NULL;
	default: return NULL;
	}
}

/* SDM vol. 2: #UD with CR0.EM, #NM with CR0.TS, #MF when one is pending. */
int mmx_check(struct x86_cpu *c)
{
	if (unlikely(!c->fpu_ready)) {
		if (c->cr0 & CR0_EM)
			return x86_ud(c);
		return x86_fault(c, EXC_NM);
	}
	return unlikely(x87_pending(c)) ? x87_raise(c) : X86_OK;
}

/* SDM vol. 1 9.5.1; MMn is physical register n, c->fx.st[n] is ST(n). */
void mmx_begin(struct x86_cpu *c)
{
	unsigned top;

	if (c->x87_live)
		x86_fpu_sync(c);
	top = (c->fx.fsw & X87_FSW_TOP) >> 11;
	if (top) {
		u8 old[8][16];

		memcpy(old, c->fx.st, sizeof old);
		for (unsigned n = 0; n < 8; n++)
			memcpy(c->fx.st[n], old[(n - top) & 7], 16);
		c->fx.fsw &= (u16)~X87_FSW_TOP;
	}
	c->fx.ftw = 0xff;
}

/* The source: register, or memory of size bytes copied into buf. */
static int mmx_source(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned size, u64 *buf)
{
	int r = X86_OK;

	*buf = 0;
	if (i->flags & X86_I_MEM)
		r = x86_load(c, i->seg, x86_ea(c, i), size, buf);
	if (r < 0)
		return r;
	mmx_begin(c);
	if (!(i->flags & X86_I_MEM))
		*buf = get_le64(mmx_reg(c, i->rm));
	return r;
}

static int mmx_open(struct x86_cpu *c, const struct x86_insn *i, unsigned size, u64 *src)
{
	int r = mmx_check(c);

	return r ? r : mmx_source(c, i, size, src);
}

static int mmx_run(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw,
		   unsigned size)
{
	u64 src;
	int r = mmx_open(c, i, size, &src);

	if (r < 0)
		return r;
	raw(mmx_reg(c, i->reg), &src);
	mmx_written(c, i->reg);
	return r;
}

static int mmx_binary(struct x86_cpu *c, const struct x86_insn *i)
{
	/* PUNPCKL* read 32 bits */
	bool low = (i->key & ~3) == X86_KEY(X86_MAP_0F, 0x60) && (i->key & 3) < 3;

	return mmx_run(c, i, mmx_raw(i), low ? 4 : 8);
}

static int mmx_pshufw(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 src;
	int r = mmx_open(c, i, 8, &src);

	if (r < 0)
		return r;
	sse_shuffle_pshufw(mmx_reg(c, i->reg), (const u8 *)&src, (u8)i->imm);
	mmx_written(c, i->reg);
	return r;
}

static int mmx_palignr(struct x86_cpu *c, const struct x86_insn *i)
{
	return mmx_run(c, i, sse_stub(mmx_stub_palignr, sse_imm_count(i, 16)), 8);
}

/* Opcodes 71 72 73 by ModRM.reg: the shifts by register take the count too. */
static sse_raw mmx_shift_raw(const struct x86_insn *i)
{
	switch ((i->key & 3) << 3 | ((i->modrm >> 3) & 7)) {
	case 1 << 3 | 2: return mmx_psrlw;
	case 1 << 3 | 4: return mmx_psraw;
	case 1 << 3 | 6: return mmx_psllw;
	case 2 << 3 | 2: return mmx_psrld;
	case 2 << 3 | 4: return mmx_psrad;
	case 2 << 3 | 6: return mmx_pslld;
	case 3 << 3 | 2: return mmx_psrlq;
	case 3 << 3 | 6: return mmx_psllq;
	default: return NULL;
	}
}

static int mmx_shift(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 count = i->imm & 0xff;
	int r = mmx_check(c);

	if (r)
		return r;
	mmx_begin(c);
	mmx_shift_raw(i)(mmx_reg(c, i->rm), &count);
	mmx_written(c, i->rm);
	return X86_OK;
}

static int mmx_emms(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = mmx_check(c);

	(void)i;
	if (r)
		return r;
	mmx_begin(c);
	c->fx.ftw = 0;
	return X86_OK;
}

x86_exec_fn mmx_bind(const struct x86_insn *i, unsigned pfx)
{
	bool mem = (i->flags & X86_I_MEM) != 0;

	if (pfx != PFX_NP)
		return NULL;
	if (mmx_raw(i))
		return mmx_binary;
	switch (i->key) {
	case X86_KEY(X86_MAP_0F, 0x70): return mmx_pshufw;
	case X86_KEY(X86_MAP_0F, 0x71):
	case X86_KEY(X86_MAP_0F, 0x72):
	case X86_KEY(X86_MAP_0F, 0x73):
		return !mem && mmx_shift_raw(i) ? mmx_shift : NULL;
	case X86_KEY(X86_MAP_0F, 0x77): return mmx_emms;
	case X86_KEY(X86_MAP_0F3A, 0x0f): return mmx_palignr;
	default: return NULL;
	}
}
