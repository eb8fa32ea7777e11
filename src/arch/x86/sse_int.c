/* SPDX-License-Identifier: Apache-2.0 */
/* SSE instructions xmm, xmm/memory without floating-point exceptions. SDM vol. 2. */
#include "fpu_internal.h"

#define INT_OP(name) SSE_OP(name, #name, 16, true, FP_NONE)
#define EXT_OP(name, size) SSE_OP(name, #name, size, false, FP_NONE)

INT_OP(punpcklbw)
INT_OP(punpcklwd)
INT_OP(punpckldq)
INT_OP(packsswb)
INT_OP(pcmpgtb)
INT_OP(pcmpgtw)
INT_OP(pcmpgtd)
INT_OP(packuswb)
INT_OP(punpckhbw)
INT_OP(punpckhwd)
INT_OP(punpckhdq)
INT_OP(packssdw)
INT_OP(punpcklqdq)
INT_OP(punpckhqdq)
INT_OP(pcmpeqb)
INT_OP(pcmpeqw)
INT_OP(pcmpeqd)
INT_OP(psrlw)
INT_OP(psrld)
INT_OP(psrlq)
INT_OP(paddq)
INT_OP(pmullw)
INT_OP(psubusb)
INT_OP(psubusw)
INT_OP(pminub)
INT_OP(pand)
INT_OP(paddusb)
INT_OP(paddusw)
INT_OP(pmaxub)
INT_OP(pandn)
INT_OP(pavgb)
INT_OP(psraw)
INT_OP(psrad)
INT_OP(pavgw)
INT_OP(pmulhuw)
INT_OP(pmulhw)
INT_OP(psubsb)
INT_OP(psubsw)
INT_OP(pminsw)
INT_OP(por)
INT_OP(paddsb)
INT_OP(paddsw)
INT_OP(pmaxsw)
INT_OP(pxor)
INT_OP(psllw)
INT_OP(pslld)
INT_OP(psllq)
INT_OP(pmuludq)
INT_OP(pmaddwd)
INT_OP(psadbw)
INT_OP(psubb)
INT_OP(psubw)
INT_OP(psubd)
INT_OP(psubq)
INT_OP(paddb)
INT_OP(paddw)
INT_OP(paddd)
INT_OP(unpcklps)
INT_OP(unpckhps)
INT_OP(andps)
INT_OP(andnps)
INT_OP(orps)
INT_OP(xorps)
INT_OP(unpcklpd)
INT_OP(unpckhpd)
INT_OP(andpd)
INT_OP(andnpd)
INT_OP(orpd)
INT_OP(xorpd)
INT_OP(pshufb)
INT_OP(phaddw)
INT_OP(phaddd)
INT_OP(phaddsw)
INT_OP(pmaddubsw)
INT_OP(phsubw)
INT_OP(phsubd)
INT_OP(phsubsw)
INT_OP(psignb)
INT_OP(psignw)
INT_OP(psignd)
INT_OP(pmulhrsw)
INT_OP(pabsb)
INT_OP(pabsw)
INT_OP(pabsd)
INT_OP(pmuldq)
INT_OP(pcmpeqq)
INT_OP(packusdw)
INT_OP(pcmpgtq)
INT_OP(pminsb)
INT_OP(pminsd)
INT_OP(pminuw)
INT_OP(pminud)
INT_OP(pmaxsb)
INT_OP(pmaxsd)
INT_OP(pmaxuw)
INT_OP(pmaxud)
INT_OP(pmulld)
INT_OP(phminposuw)
INT_OP(aesimc)
INT_OP(aesenc)
INT_OP(aesenclast)
INT_OP(aesdec)
INT_OP(aesdeclast)
EXT_OP(pmovsxbw, 8)
EXT_OP(pmovsxbd, 4)
EXT_OP(pmovsxbq, 2)
EXT_OP(pmovsxwd, 8)
EXT_OP(pmovsxwq, 4)
EXT_OP(pmovsxdq, 8)
EXT_OP(pmovzxbw, 8)
EXT_OP(pmovzxbd, 4)
EXT_OP(pmovzxbq, 2)
EXT_OP(pmovzxwd, 8)
EXT_OP(pmovzxwq, 4)
EXT_OP(pmovzxdq, 8)
SSE_OP(movsldup, "movsldup", 16, true, FP_NONE)
SSE_OP(movshdup, "movshdup", 16, true, FP_NONE)
SSE_OP(movddup, "movddup", 8, false, FP_NONE)

/* PBLENDVB, BLENDVPS, BLENDVPD: the mask is the guest's XMM0. */
#define BLENDV(name)                                                           \
	static void blend_##name(const void *mask, void *dst, const void *src) \
	{                                                                      \
		__asm__ volatile("movaps %2, %%xmm0\n\tmovaps %0, %%xmm1\n\t"  \
				 #name " %%xmm0, %1, %%xmm1\n\t"               \
				 "movaps %%xmm1, %0"                           \
				 : "+m"(*(sse_v *)dst)                         \
				 : "m"(*(const sse_vu *)src),                  \
				   "m"(*(const sse_v *)mask)                   \
				 : "xmm0", "xmm1");                            \
	}                                                                      \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		u8 buf[16] __attribute__((aligned(16)));                       \
		const void *src;                                               \
		int r = sse_source(c, i, 16, true, buf, &src);                 \
									       \
		if (r >= 0)                                                    \
			blend_##name(sse_reg(c, 0), sse_reg(c, i->reg), src);  \
		return r;                                                      \
	}

BLENDV(pblendvb)
BLENDV(blendvps)
BLENDV(blendvpd)

/* PTEST: ZF, CF, the others cleared. */
static void ptest_flags(struct x86_cpu *c, const void *a, const void *b)
{
	u8 zf, cf;

	__asm__ volatile("movaps %2, %%xmm0\n\tptest %3, %%xmm0"
			 : "=@ccz"(zf), "=@ccc"(cf)
			 : "m"(*(const sse_v *)a), "m"(*(const sse_vu *)b)
			 : "xmm0");
	x86_flags_set_arith(c, (zf ? FL_ZF : 0) | (cf ? FL_CF : 0));
}

static int ptest(struct x86_cpu *c, const struct x86_insn *i)
{
	u8 buf[16] __attribute__((aligned(16)));
	const void *src;
	int r = sse_source(c, i, 16, true, buf, &src);

	if (r >= 0)
		ptest_flags(c, sse_reg(c, i->reg), src);
	return r;
}

static const struct sse_entry map_0f_np[256] = {
	[0x14] = SSE_OP_ENTRY(unpcklps),
	[0x15] = SSE_OP_ENTRY(unpckhps),
	[0x54] = SSE_OP_ENTRY(andps),
	[0x55] = SSE_OP_ENTRY(andnps),
	[0x56] = SSE_OP_ENTRY(orps),
	[0x57] = SSE_OP_ENTRY(xorps),
};

static const struct sse_entry map_0f_66[256] = {
	[0x14] = SSE_OP_ENTRY(unpcklpd),
	[0x15] = SSE_OP_ENTRY(unpckhpd),
	[0x54] = SSE_OP_ENTRY(andpd),
	[0x55] = SSE_OP_ENTRY(andnpd),
	[0x56] = SSE_OP_ENTRY(orpd),
	[0x57] = SSE_OP_ENTRY(xorpd),
	[0x60] = SSE_OP_ENTRY(punpcklbw),
	[0x61] = SSE_OP_ENTRY(punpcklwd),
	[0x62] = SSE_OP_ENTRY(punpckldq),
	[0x63] = SSE_OP_ENTRY(packsswb),
	[0x64] = SSE_OP_ENTRY(pcmpgtb),
	[0x65] = SSE_OP_ENTRY(pcmpgtw),
	[0x66] = SSE_OP_ENTRY(pcmpgtd),
	[0x67] = SSE_OP_ENTRY(packuswb),
	[0x68] = SSE_OP_ENTRY(punpckhbw),
	[0x69] = SSE_OP_ENTRY(punpckhwd),
	[0x6a] = SSE_OP_ENTRY(punpckhdq),
	[0x6b] = SSE_OP_ENTRY(packssdw),
	[0x6c] = SSE_OP_ENTRY(punpcklqdq),
	[0x6d] = SSE_OP_ENTRY(punpckhqdq),
	[0x74] = SSE_OP_ENTRY(pcmpeqb),
	[0x75] = SSE_OP_ENTRY(pcmpeqw),
	[0x76] = SSE_OP_ENTRY(pcmpeqd),
	[0xd1] = SSE_OP_ENTRY(psrlw),
	[0xd2] = SSE_OP_ENTRY(psrld),
	[0xd3] = SSE_OP_ENTRY(psrlq),
	[0xd4] = SSE_OP_ENTRY(paddq),
	[0xd5] = SSE_OP_ENTRY(pmullw),
	[0xd8] = SSE_OP_ENTRY(psubusb),
	[0xd9] = SSE_OP_ENTRY(psubusw),
	[0xda] = SSE_OP_ENTRY(pminub),
	[0xdb] = SSE_OP_ENTRY(pand),
	[0xdc] = SSE_OP_ENTRY(paddusb),
	[0xdd] = SSE_OP_ENTRY(paddusw),
	[0xde] = SSE_OP_ENTRY(pmaxub),
	[0xdf] = SSE_OP_ENTRY(pandn),
	[0xe0] = SSE_OP_ENTRY(pavgb),
	[0xe1] = SSE_OP_ENTRY(psraw),
	[0xe2] = SSE_OP_ENTRY(psrad),
	[0xe3] = SSE_OP_ENTRY(pavgw),
	[0xe4] = SSE_OP_ENTRY(pmulhuw),
	[0xe5] = SSE_OP_ENTRY(pmulhw),
	[0xe8] = SSE_OP_ENTRY(psubsb),
	[0xe9] = SSE_OP_ENTRY(psubsw),
	[0xea] = SSE_OP_ENTRY(pminsw),
	[0xeb] = SSE_OP_ENTRY(por),
	[0xec] = SSE_OP_ENTRY(paddsb),
	[0xed] = SSE_OP_ENTRY(paddsw),
	[0xee] = SSE_OP_ENTRY(pmaxsw),
	[0xef] = SSE_OP_ENTRY(pxor),
	[0xf1] = SSE_OP_ENTRY(psllw),
	[0xf2] = SSE_OP_ENTRY(pslld),
	[0xf3] = SSE_OP_ENTRY(psllq),
	[0xf4] = SSE_OP_ENTRY(pmuludq),
	[0xf5] = SSE_OP_ENTRY(pmaddwd),
	[0xf6] = SSE_OP_ENTRY(psadbw),
	[0xf8] = SSE_OP_ENTRY(psubb),
	[0xf9] = SSE_OP_ENTRY(psubw),
	[0xfa] = SSE_OP_ENTRY(psubd),
	[0xfb] = SSE_OP_ENTRY(psubq),
	[0xfc] = SSE_OP_ENTRY(paddb),
	[0xfd] = SSE_OP_ENTRY(paddw),
	[0xfe] = SSE_OP_ENTRY(paddd),
};

static const struct sse_entry map_0f38_66[256] = {
	[0x00] = SSE_OP_ENTRY(pshufb),
	[0x01] = SSE_OP_ENTRY(phaddw),
	[0x02] = SSE_OP_ENTRY(phaddd),
	[0x03] = SSE_OP_ENTRY(phaddsw),
	[0x04] = SSE_OP_ENTRY(pmaddubsw),
	[0x05] = SSE_OP_ENTRY(phsubw),
	[0x06] = SSE_OP_ENTRY(phsubd),
	[0x07] = SSE_OP_ENTRY(phsubsw),
	[0x08] = SSE_OP_ENTRY(psignb),
	[0x09] = SSE_OP_ENTRY(psignw),
	[0x0a] = SSE_OP_ENTRY(psignd),
	[0x0b] = SSE_OP_ENTRY(pmulhrsw),
	[0x10] = SSE_BOTH(pblendvb),
	[0x14] = SSE_BOTH(blendvps),
	[0x15] = SSE_BOTH(blendvpd),
	[0x17] = SSE_BOTH(ptest),
	[0x1c] = SSE_OP_ENTRY(pabsb),
	[0x1d] = SSE_OP_ENTRY(pabsw),
	[0x1e] = SSE_OP_ENTRY(pabsd),
	[0x20] = SSE_OP_ENTRY(pmovsxbw),
	[0x21] = SSE_OP_ENTRY(pmovsxbd),
	[0x22] = SSE_OP_ENTRY(pmovsxbq),
	[0x23] = SSE_OP_ENTRY(pmovsxwd),
	[0x24] = SSE_OP_ENTRY(pmovsxwq),
	[0x25] = SSE_OP_ENTRY(pmovsxdq),
	[0x28] = SSE_OP_ENTRY(pmuldq),
	[0x29] = SSE_OP_ENTRY(pcmpeqq),
	[0x2b] = SSE_OP_ENTRY(packusdw),
	[0x30] = SSE_OP_ENTRY(pmovzxbw),
	[0x31] = SSE_OP_ENTRY(pmovzxbd),
	[0x32] = SSE_OP_ENTRY(pmovzxbq),
	[0x33] = SSE_OP_ENTRY(pmovzxwd),
	[0x34] = SSE_OP_ENTRY(pmovzxwq),
	[0x35] = SSE_OP_ENTRY(pmovzxdq),
	[0x37] = SSE_OP_ENTRY(pcmpgtq),
	[0x38] = SSE_OP_ENTRY(pminsb),
	[0x39] = SSE_OP_ENTRY(pminsd),
	[0x3a] = SSE_OP_ENTRY(pminuw),
	[0x3b] = SSE_OP_ENTRY(pminud),
	[0x3c] = SSE_OP_ENTRY(pmaxsb),
	[0x3d] = SSE_OP_ENTRY(pmaxsd),
	[0x3e] = SSE_OP_ENTRY(pmaxuw),
	[0x3f] = SSE_OP_ENTRY(pmaxud),
	[0x40] = SSE_OP_ENTRY(pmulld),
	[0x41] = SSE_OP_ENTRY(phminposuw),
	[0xdb] = SSE_OP_ENTRY(aesimc),
	[0xdc] = SSE_OP_ENTRY(aesenc),
	[0xdd] = SSE_OP_ENTRY(aesenclast),
	[0xde] = SSE_OP_ENTRY(aesdec),
	[0xdf] = SSE_OP_ENTRY(aesdeclast),
};

static const struct sse_entry dup[3] = {
	SSE_OP_ENTRY(movsldup), SSE_OP_ENTRY(movddup), SSE_OP_ENTRY(movshdup),
};

static const struct sse_entry *entry_of(unsigned map, unsigned pfx, u8 op)
{
	if (map == X86_MAP_0F && pfx == PFX_NP)
		return &map_0f_np[op];
	if (map == X86_MAP_0F && pfx == PFX_66)
		return &map_0f_66[op];
	if (map == X86_MAP_0F38 && pfx == PFX_66)
		return &map_0f38_66[op];
	if (map == X86_MAP_0F && pfx == PFX_F3 && op == 0x12)
		return &dup[0];
	if (map == X86_MAP_0F && pfx == PFX_F2 && op == 0x12)
		return &dup[1];
	if (map == X86_MAP_0F && pfx == PFX_F3 && op == 0x16)
		return &dup[2];
	return NULL;
}

x86_exec_fn sse_bind_int(unsigned map, unsigned pfx, u8 op, enum sse_form form)
{
	const struct sse_entry *e = entry_of(map, pfx, op);

	return e ? sse_pick(e, form) : NULL;
}

#ifdef X86_SMALL
const struct sse_op *sse_op_int(unsigned map, unsigned pfx, u8 op)
{
	const struct sse_entry *e = entry_of(map, pfx, op);

	return e ? sse_op(e) : NULL;
}
#endif
