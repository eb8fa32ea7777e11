/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction names for messages and tests. Searched from the top; the first
 * row that fits names the instruction. Not for the fast path.
 */
#include <arch/x86/insn.h>

#define ANY 0xff
#define MEM 0x10 /* in digit: memory form only */
#define REG 0x20 /* register form only */

struct name_row {
	u8 map, first, last;
	u8 prefix; /* 0 none, 1 66, 2 F3, 3 F2, or ANY */
	u8 digit;  /* ModRM.reg, with MEM or REG, or ANY */
	char name[11];
};

#define ROW1(op, n) { X86_MAP_1, op, op, ANY, ANY, n }
#define ROW1R(a, b, n) { X86_MAP_1, a, b, ANY, ANY, n }
#define DIG1(a, b, d, n) { X86_MAP_1, a, b, ANY, d, n }
#define ROW2(op, n) { X86_MAP_0F, op, op, ANY, ANY, n }
#define ROW2R(a, b, n) { X86_MAP_0F, a, b, ANY, ANY, n }
#define DIG2(op, p, d, n) { X86_MAP_0F, op, op, p, d, n }
#define PFX2(op, p, n) { X86_MAP_0F, op, op, p, ANY, n }
#define SSEF(op, n) PFX2(op, 0, n "ps"), PFX2(op, 1, n "pd"), PFX2(op, 2, n "ss"), PFX2(op, 3, n "sd")
#define SSEP(op, n) PFX2(op, 0, n "ps"), PFX2(op, 1, n "pd")
#define ROW38(op, n) { X86_MAP_0F38, op, op, ANY, ANY, n }
#define PFX38(op, p, n) { X86_MAP_0F38, op, op, p, ANY, n }
#define ROW3A(op, n) { X86_MAP_0F3A, op, op, ANY, ANY, n }
#define ALU(b, n) ROW1R(b, (b) + 5, n)

static const struct name_row names[] = {
	/* One byte */
	ALU(0x00, "add"), ALU(0x08, "or"), ALU(0x10, "adc"), ALU(0x18, "sbb"),
	ALU(0x20, "and"), ALU(0x28, "sub"), ALU(0x30, "xor"), ALU(0x38, "cmp"),
	ROW1(0x06, "push"), ROW1(0x0e, "push"), ROW1(0x16, "push"), ROW1(0x1e, "push"),
	ROW1(0x07, "pop"), ROW1(0x17, "pop"), ROW1(0x1f, "pop"),
	ROW1(0x27, "daa"), ROW1(0x2f, "das"), ROW1(0x37, "aaa"), ROW1(0x3f, "aas"),
	ROW1R(0x40, 0x47, "inc"), ROW1R(0x48, 0x4f, "dec"),
	ROW1R(0x50, 0x57, "push"), ROW1R(0x58, 0x5f, "pop"),
	ROW1(0x60, "pusha"), ROW1(0x61, "popa"), ROW1(0x62, "bound"),
	ROW1(0x63, "movsxd"), ROW1(0x68, "push"), ROW1(0x6a, "push"),
	ROW1(0x69, "imul"), ROW1(0x6b, "imul"),
	ROW1R(0x6c, 0x6d, "ins"), ROW1R(0x6e, 0x6f, "outs"),
	ROW1(0x70, "jo"), ROW1(0x71, "jno"), ROW1(0x72, "jb"), ROW1(0x73, "jnb"),
	ROW1(0x74, "jz"), ROW1(0x75, "jnz"), ROW1(0x76, "jbe"), ROW1(0x77, "jnbe"),
	ROW1(0x78, "js"), ROW1(0x79, "jns"), ROW1(0x7a, "jp"), ROW1(0x7b, "jnp"),
	ROW1(0x7c, "jl"), ROW1(0x7d, "jnl"), ROW1(0x7e, "jle"), ROW1(0x7f, "jnle"),
	DIG1(0x80, 0x83, 0, "add"), DIG1(0x80, 0x83, 1, "or"),
	DIG1(0x80, 0x83, 2, "adc"), DIG1(0x80, 0x83, 3, "sbb"),
	DIG1(0x80, 0x83, 4, "and"), DIG1(0x80, 0x83, 5, "sub"),
	DIG1(0x80, 0x83, 6, "xor"), DIG1(0x80, 0x83, 7, "cmp"),
	ROW1R(0x84, 0x85, "test"), ROW1R(0x86, 0x87, "xchg"), ROW1R(0x88, 0x8c, "mov"),
	ROW1(0x8d, "lea"), ROW1(0x8e, "mov"), ROW1(0x8f, "pop"),
	ROW1R(0x90, 0x97, "xchg"), ROW1(0x98, "cbw"), ROW1(0x99, "cwd"),
	ROW1(0x9a, "call far"), ROW1(0x9b, "fwait"), ROW1(0x9c, "pushf"), ROW1(0x9d, "popf"),
	ROW1(0x9e, "sahf"), ROW1(0x9f, "lahf"), ROW1R(0xa0, 0xa3, "mov"),
	ROW1R(0xa4, 0xa5, "movs"), ROW1R(0xa6, 0xa7, "cmps"), ROW1R(0xa8, 0xa9, "test"),
	ROW1R(0xaa, 0xab, "stos"), ROW1R(0xac, 0xad, "lods"), ROW1R(0xae, 0xaf, "scas"),
	ROW1R(0xb0, 0xbf, "mov"), ROW1R(0xc2, 0xc3, "ret"),
	ROW1(0xc4, "les"), ROW1(0xc5, "lds"), ROW1R(0xc6, 0xc7, "mov"),
	ROW1(0xc8, "enter"), ROW1(0xc9, "leave"), ROW1R(0xca, 0xcb, "ret far"),
	ROW1(0xcc, "int3"), ROW1(0xcd, "int"), ROW1(0xce, "into"), ROW1(0xcf, "iret"),
#define SHIFT(a, b)                                                            \
	DIG1(a, b, 0, "rol"), DIG1(a, b, 1, "ror"), DIG1(a, b, 2, "rcl"),      \
	DIG1(a, b, 3, "rcr"), DIG1(a, b, 4, "shl"), DIG1(a, b, 5, "shr"),      \
	DIG1(a, b, 6, "shl"), DIG1(a, b, 7, "sar")
	SHIFT(0xc0, 0xc1), SHIFT(0xd0, 0xd3),
	ROW1(0xd4, "aam"), ROW1(0xd5, "aad"), ROW1(0xd6, "salc"), ROW1(0xd7, "xlat"),
	ROW1R(0xd8, 0xdf, "x87"),
	ROW1(0xe0, "loopne"), ROW1(0xe1, "loope"), ROW1(0xe2, "loop"), ROW1(0xe3, "jcxz"),
	ROW1R(0xe4, 0xe5, "in"), ROW1R(0xe6, 0xe7, "out"), ROW1(0xe8, "call"),
	ROW1(0xe9, "jmp"), ROW1(0xea, "jmp far"), ROW1(0xeb, "jmp"),
	ROW1R(0xec, 0xed, "in"), ROW1R(0xee, 0xef, "out"),
	ROW1(0xf1, "int1"), ROW1(0xf4, "hlt"), ROW1(0xf5, "cmc"),
	DIG1(0xf6, 0xf7, 0, "test"), DIG1(0xf6, 0xf7, 1, "test"),
	DIG1(0xf6, 0xf7, 2, "not"), DIG1(0xf6, 0xf7, 3, "neg"),
	DIG1(0xf6, 0xf7, 4, "mul"), DIG1(0xf6, 0xf7, 5, "imul"),
	DIG1(0xf6, 0xf7, 6, "div"), DIG1(0xf6, 0xf7, 7, "idiv"),
	ROW1(0xf8, "clc"), ROW1(0xf9, "stc"), ROW1(0xfa, "cli"), ROW1(0xfb, "sti"),
	ROW1(0xfc, "cld"), ROW1(0xfd, "std"),
	DIG1(0xfe, 0xff, 0, "inc"), DIG1(0xfe, 0xff, 1, "dec"), DIG1(0xff, 0xff, 2, "call"),
	DIG1(0xff, 0xff, 3, "call far"), DIG1(0xff, 0xff, 4, "jmp"),
	DIG1(0xff, 0xff, 5, "jmp far"), DIG1(0xff, 0xff, 6, "push"),
	/* 0F: system */
	DIG2(0x00, ANY, 0, "sldt"), DIG2(0x00, ANY, 1, "str"), DIG2(0x00, ANY, 2, "lldt"),
	DIG2(0x00, ANY, 3, "ltr"), DIG2(0x00, ANY, 4, "verr"), DIG2(0x00, ANY, 5, "verw"),
	DIG2(0x01, ANY, 0 | MEM, "sgdt"), DIG2(0x01, ANY, 1 | MEM, "sidt"),
	DIG2(0x01, ANY, 2 | MEM, "lgdt"), DIG2(0x01, ANY, 3 | MEM, "lidt"),
	DIG2(0x01, ANY, 4, "smsw"), DIG2(0x01, ANY, 6, "lmsw"),
	DIG2(0x01, ANY, 7 | MEM, "invlpg"), DIG2(0x01, ANY, 0 | REG, "vmx"),
	DIG2(0x01, ANY, 3 | REG, "svm"), ROW2(0x02, "lar"), ROW2(0x03, "lsl"),
	ROW2(0x05, "syscall"), ROW2(0x06, "clts"), ROW2(0x07, "sysret"), ROW2(0x08, "invd"),
	ROW2(0x09, "wbinvd"), ROW2(0x0b, "ud2"), ROW2(0x0d, "prefetchw"),
	ROW2(0x18, "prefetch"), ROW2R(0x19, 0x1f, "nop"), ROW2R(0x20, 0x23, "mov"),
	ROW2(0x30, "wrmsr"), ROW2(0x31, "rdtsc"), ROW2(0x32, "rdmsr"), ROW2(0x33, "rdpmc"),
	ROW2(0x34, "sysenter"), ROW2(0x35, "sysexit"), ROW2R(0x40, 0x4f, "cmovcc"),
	ROW2(0x78, "vmread"), ROW2(0x79, "vmwrite"), ROW2R(0x80, 0x8f, "jcc"),
	ROW2R(0x90, 0x9f, "setcc"), ROW2(0xa0, "push"), ROW2(0xa1, "pop"), ROW2(0xa2, "cpuid"),
	ROW2(0xa3, "bt"), ROW2R(0xa4, 0xa5, "shld"), ROW2(0xa8, "push"), ROW2(0xa9, "pop"),
	ROW2(0xaa, "rsm"), ROW2(0xab, "bts"), ROW2R(0xac, 0xad, "shrd"),
	DIG2(0xae, 2, 0 | REG, "rdfsbase"), DIG2(0xae, 2, 1 | REG, "rdgsbase"),
	DIG2(0xae, 2, 2 | REG, "wrfsbase"), DIG2(0xae, 2, 3 | REG, "wrgsbase"),
	DIG2(0xae, ANY, 5 | REG, "lfence"), DIG2(0xae, ANY, 6 | REG, "mfence"),
	DIG2(0xae, ANY, 7 | REG, "sfence"), DIG2(0xae, 1, 6, "clwb"), DIG2(0xae, 1, 7, "clflushopt"),
	DIG2(0xae, ANY, 0, "fxsave"), DIG2(0xae, ANY, 1, "fxrstor"), DIG2(0xae, ANY, 2, "ldmxcsr"),
	DIG2(0xae, ANY, 3, "stmxcsr"), DIG2(0xae, ANY, 4, "xsave"), DIG2(0xae, ANY, 5, "xrstor"),
	DIG2(0xae, ANY, 6, "xsaveopt"), DIG2(0xae, ANY, 7, "clflush"),
	ROW2(0xaf, "imul"), ROW2R(0xb0, 0xb1, "cmpxchg"), ROW2(0xb2, "lss"), ROW2(0xb3, "btr"),
	ROW2(0xb4, "lfs"), ROW2(0xb5, "lgs"), ROW2R(0xb6, 0xb7, "movzx"), ROW2(0xb8, "popcnt"),
	ROW2(0xb9, "ud1"), DIG2(0xba, ANY, 4, "bt"), DIG2(0xba, ANY, 5, "bts"),
	DIG2(0xba, ANY, 6, "btr"), DIG2(0xba, ANY, 7, "btc"), ROW2(0xbb, "btc"),
	PFX2(0xbc, 2, "tzcnt"), ROW2(0xbc, "bsf"), PFX2(0xbd, 2, "lzcnt"), ROW2(0xbd, "bsr"),
	ROW2R(0xbe, 0xbf, "movsx"), ROW2R(0xc0, 0xc1, "xadd"),
	DIG2(0xc7, ANY, 1, "cmpxchg8b"), DIG2(0xc7, ANY, 3, "xrstors"), DIG2(0xc7, ANY, 4, "xsavec"),
	DIG2(0xc7, ANY, 5, "xsaves"), DIG2(0xc7, ANY, 6 | REG, "rdrand"),
	DIG2(0xc7, 2, 7 | REG, "rdpid"), DIG2(0xc7, ANY, 7 | REG, "rdseed"),
	DIG2(0xc7, ANY, 6, "vmptrld"), DIG2(0xc7, ANY, 7, "vmptrst"),
	ROW2R(0xc8, 0xcf, "bswap"), ROW2(0xff, "ud0"),
	/* 0F: MMX and SSE */
	PFX2(0x10, 0, "movups"), PFX2(0x10, 1, "movupd"), PFX2(0x10, 2, "movss"), PFX2(0x10, 3, "movsd"),
	PFX2(0x11, 0, "movups"), PFX2(0x11, 1, "movupd"), PFX2(0x11, 2, "movss"), PFX2(0x11, 3, "movsd"),
	DIG2(0x12, 0, MEM | 8, "movlps"), PFX2(0x12, 0, "movhlps"), PFX2(0x12, 1, "movlpd"),
	PFX2(0x12, 2, "movsldup"), PFX2(0x12, 3, "movddup"), SSEP(0x13, "movl"),
	SSEP(0x14, "unpckl"), SSEP(0x15, "unpckh"), DIG2(0x16, 0, MEM | 8, "movhps"),
	PFX2(0x16, 0, "movlhps"), PFX2(0x16, 1, "movhpd"), PFX2(0x16, 2, "movshdup"),
	SSEP(0x17, "movh"), SSEP(0x28, "mova"), SSEP(0x29, "mova"),
	PFX2(0x2a, 0, "cvtpi2ps"), PFX2(0x2a, 1, "cvtpi2pd"), PFX2(0x2a, 2, "cvtsi2ss"), PFX2(0x2a, 3, "cvtsi2sd"),
	SSEP(0x2b, "movnt"), PFX2(0x2c, 0, "cvttps2pi"), PFX2(0x2c, 1, "cvttpd2pi"),
	PFX2(0x2c, 2, "cvttss2si"), PFX2(0x2c, 3, "cvttsd2si"), PFX2(0x2d, 0, "cvtps2pi"),
	PFX2(0x2d, 1, "cvtpd2pi"), PFX2(0x2d, 2, "cvtss2si"), PFX2(0x2d, 3, "cvtsd2si"),
	PFX2(0x2e, 0, "ucomiss"), PFX2(0x2e, 1, "ucomisd"), PFX2(0x2f, 0, "comiss"), PFX2(0x2f, 1, "comisd"),
	SSEP(0x50, "movmsk"), SSEF(0x51, "sqrt"), SSEF(0x52, "rsqrt"), SSEF(0x53, "rcp"),
	SSEP(0x54, "and"), SSEP(0x55, "andn"), SSEP(0x56, "or"), SSEP(0x57, "xor"),
	SSEF(0x58, "add"), SSEF(0x59, "mul"), PFX2(0x5a, 0, "cvtps2pd"), PFX2(0x5a, 1, "cvtpd2ps"),
	PFX2(0x5a, 2, "cvtss2sd"), PFX2(0x5a, 3, "cvtsd2ss"), PFX2(0x5b, 0, "cvtdq2ps"),
	PFX2(0x5b, 1, "cvtps2dq"), PFX2(0x5b, 2, "cvttps2dq"), SSEF(0x5c, "sub"),
	SSEF(0x5d, "min"), SSEF(0x5e, "div"), SSEF(0x5f, "max"),
	ROW2(0x60, "punpcklbw"), ROW2(0x61, "punpcklwd"), ROW2(0x62, "punpckldq"), ROW2(0x63, "packsswb"),
	ROW2(0x64, "pcmpgtb"), ROW2(0x65, "pcmpgtw"), ROW2(0x66, "pcmpgtd"), ROW2(0x67, "packuswb"),
	ROW2(0x68, "punpckhbw"), ROW2(0x69, "punpckhwd"), ROW2(0x6a, "punpckhdq"), ROW2(0x6b, "packssdw"),
	ROW2(0x6c, "punpcklqdq"), ROW2(0x6d, "punpckhqdq"), ROW2(0x6e, "movd"),
	PFX2(0x6f, 0, "movq"), PFX2(0x6f, 1, "movdqa"), PFX2(0x6f, 2, "movdqu"),
	PFX2(0x70, 0, "pshufw"), PFX2(0x70, 1, "pshufd"), PFX2(0x70, 2, "pshufhw"), PFX2(0x70, 3, "pshuflw"),
	DIG2(0x71, ANY, 2, "psrlw"), DIG2(0x71, ANY, 4, "psraw"), DIG2(0x71, ANY, 6, "psllw"),
	DIG2(0x72, ANY, 2, "psrld"), DIG2(0x72, ANY, 4, "psrad"), DIG2(0x72, ANY, 6, "pslld"),
	DIG2(0x73, ANY, 2, "psrlq"), DIG2(0x73, ANY, 3, "psrldq"), DIG2(0x73, ANY, 6, "psllq"),
	DIG2(0x73, ANY, 7, "pslldq"), ROW2(0x74, "pcmpeqb"), ROW2(0x75, "pcmpeqw"), ROW2(0x76, "pcmpeqd"),
	ROW2(0x77, "emms"), PFX2(0x7c, 1, "haddpd"), PFX2(0x7c, 3, "haddps"), PFX2(0x7d, 1, "hsubpd"),
	PFX2(0x7d, 3, "hsubps"), PFX2(0x7e, 2, "movq"), ROW2(0x7e, "movd"), PFX2(0x7f, 0, "movq"),
	PFX2(0x7f, 1, "movdqa"), PFX2(0x7f, 2, "movdqu"), SSEF(0xc2, "cmp"), ROW2(0xc3, "movnti"),
	ROW2(0xc4, "pinsrw"), ROW2(0xc5, "pextrw"), SSEP(0xc6, "shuf"),
	PFX2(0xd0, 1, "addsubpd"), PFX2(0xd0, 3, "addsubps"), ROW2(0xd1, "psrlw"), ROW2(0xd2, "psrld"),
	ROW2(0xd3, "psrlq"), ROW2(0xd4, "paddq"), ROW2(0xd5, "pmullw"), PFX2(0xd6, 1, "movq"),
	PFX2(0xd6, 2, "movq2dq"), PFX2(0xd6, 3, "movdq2q"), ROW2(0xd7, "pmovmskb"), ROW2(0xd8, "psubusb"),
	ROW2(0xd9, "psubusw"), ROW2(0xda, "pminub"), ROW2(0xdb, "pand"), ROW2(0xdc, "paddusb"),
	ROW2(0xdd, "paddusw"), ROW2(0xde, "pmaxub"), ROW2(0xdf, "pandn"), ROW2(0xe0, "pavgb"),
	ROW2(0xe1, "psraw"), ROW2(0xe2, "psrad"), ROW2(0xe3, "pavgw"), ROW2(0xe4, "pmulhuw"),
	ROW2(0xe5, "pmulhw"), PFX2(0xe6, 1, "cvttpd2dq"), PFX2(0xe6, 2, "cvtdq2pd"), PFX2(0xe6, 3, "cvtpd2dq"),
	PFX2(0xe7, 0, "movntq"), PFX2(0xe7, 1, "movntdq"), ROW2(0xe8, "psubsb"), ROW2(0xe9, "psubsw"),
	ROW2(0xea, "pminsw"), ROW2(0xeb, "por"), ROW2(0xec, "paddsb"), ROW2(0xed, "paddsw"),
	ROW2(0xee, "pmaxsw"), ROW2(0xef, "pxor"), ROW2(0xf0, "lddqu"), ROW2(0xf1, "psllw"),
	ROW2(0xf2, "pslld"), ROW2(0xf3, "psllq"), ROW2(0xf4, "pmuludq"), ROW2(0xf5, "pmaddwd"),
	ROW2(0xf6, "psadbw"), ROW2(0xf7, "maskmov"), ROW2(0xf8, "psubb"), ROW2(0xf9, "psubw"),
	ROW2(0xfa, "psubd"), ROW2(0xfb, "psubq"), ROW2(0xfc, "paddb"), ROW2(0xfd, "paddw"), ROW2(0xfe, "paddd"),
	/* 0F38 */
	ROW38(0x00, "pshufb"), ROW38(0x01, "phaddw"), ROW38(0x02, "phaddd"), ROW38(0x03, "phaddsw"),
	ROW38(0x04, "pmaddubsw"), ROW38(0x05, "phsubw"), ROW38(0x06, "phsubd"), ROW38(0x07, "phsubsw"),
	ROW38(0x08, "psignb"), ROW38(0x09, "psignw"), ROW38(0x0a, "psignd"), ROW38(0x0b, "pmulhrsw"),
	ROW38(0x10, "pblendvb"), ROW38(0x14, "blendvps"), ROW38(0x15, "blendvpd"), ROW38(0x17, "ptest"),
	ROW38(0x1c, "pabsb"), ROW38(0x1d, "pabsw"), ROW38(0x1e, "pabsd"), ROW38(0x20, "pmovsxbw"),
	ROW38(0x21, "pmovsxbd"), ROW38(0x22, "pmovsxbq"), ROW38(0x23, "pmovsxwd"), ROW38(0x24, "pmovsxwq"),
	ROW38(0x25, "pmovsxdq"), ROW38(0x28, "pmuldq"), ROW38(0x29, "pcmpeqq"), ROW38(0x2a, "movntdqa"),
	ROW38(0x2b, "packusdw"), ROW38(0x30, "pmovzxbw"), ROW38(0x31, "pmovzxbd"), ROW38(0x32, "pmovzxbq"),
	ROW38(0x33, "pmovzxwd"), ROW38(0x34, "pmovzxwq"), ROW38(0x35, "pmovzxdq"), ROW38(0x37, "pcmpgtq"),
	ROW38(0x38, "pminsb"), ROW38(0x39, "pminsd"), ROW38(0x3a, "pminuw"), ROW38(0x3b, "pminud"),
	ROW38(0x3c, "pmaxsb"), ROW38(0x3d, "pmaxsd"), ROW38(0x3e, "pmaxuw"), ROW38(0x3f, "pmaxud"),
	ROW38(0x40, "pmulld"), ROW38(0x41, "phminposuw"), ROW38(0x80, "invept"), ROW38(0x81, "invvpid"),
	ROW38(0x82, "invpcid"), ROW38(0xdb, "aesimc"), ROW38(0xdc, "aesenc"), ROW38(0xdd, "aesenclast"),
	ROW38(0xde, "aesdec"), ROW38(0xdf, "aesdeclast"), PFX38(0xf0, 3, "crc32"), PFX38(0xf1, 3, "crc32"),
	ROW38(0xf0, "movbe"), ROW38(0xf1, "movbe"), ROW38(0xf2, "andn"),
	{ X86_MAP_0F38, 0xf3, 0xf3, ANY, 1, "blsr" }, { X86_MAP_0F38, 0xf3, 0xf3, ANY, 2, "blsmsk" },
	{ X86_MAP_0F38, 0xf3, 0xf3, ANY, 3, "blsi" }, PFX38(0xf5, 0, "bzhi"), PFX38(0xf5, 2, "pext"),
	PFX38(0xf5, 3, "pdep"), PFX38(0xf6, 1, "adcx"), PFX38(0xf6, 2, "adox"), PFX38(0xf6, 3, "mulx"),
	PFX38(0xf7, 0, "bextr"), PFX38(0xf7, 1, "shlx"), PFX38(0xf7, 2, "sarx"), PFX38(0xf7, 3, "shrx"),
	/* 0F3A */
	ROW3A(0x08, "roundps"), ROW3A(0x09, "roundpd"), ROW3A(0x0a, "roundss"), ROW3A(0x0b, "roundsd"),
	ROW3A(0x0c, "blendps"), ROW3A(0x0d, "blendpd"), ROW3A(0x0e, "pblendw"), ROW3A(0x0f, "palignr"),
	ROW3A(0x14, "pextrb"), ROW3A(0x15, "pextrw"), ROW3A(0x16, "pextrd"), ROW3A(0x17, "extractps"),
	ROW3A(0x20, "pinsrb"), ROW3A(0x21, "insertps"), ROW3A(0x22, "pinsrd"), ROW3A(0x40, "dpps"),
	ROW3A(0x41, "dppd"), ROW3A(0x42, "mpsadbw"), ROW3A(0x44, "pclmulqdq"), ROW3A(0x60, "pcmpestrm"),
	ROW3A(0x61, "pcmpestri"), ROW3A(0x62, "pcmpistrm"), ROW3A(0x63, "pcmpistri"),
	ROW3A(0xdf, "aeskeygen"), ROW3A(0xf0, "rorx"),
};

/* 0F 01 with a register ModRM: the ModRM byte is the opcode. */
static const char *group7_name(u8 modrm)
{
	switch (modrm) {
	case 0xc1: return "vmcall";
	case 0xc8: return "monitor";
	case 0xc9: return "mwait";
	case 0xca: return "clac";
	case 0xcb: return "stac";
	case 0xd0: return "xgetbv";
	case 0xd1: return "xsetbv";
	case 0xd4: return "vmfunc";
	case 0xd9: return "vmmcall";
	case 0xf8: return "swapgs";
	case 0xf9: return "rdtscp";
	default: return NULL;
	}
}

static bool row_fits(const struct name_row *row, const struct x86_insn *i)
{
	unsigned prefix = i->flags & X86_I_REPNE    ? 3
			  : i->flags & X86_I_REP    ? 2
			  : i->flags & X86_I_OPSIZE ? 1
						    : 0;
	u8 op = (u8)i->key;

	if (row->map != i->key >> 8 || op < row->first || op > row->last)
		return false;
	if (row->prefix != ANY && row->prefix != prefix)
		return false;
	if (row->digit == ANY)
		return true;
	if ((row->digit & MEM) && !(i->flags & X86_I_MEM))
		return false;
	if ((row->digit & REG) && (i->flags & X86_I_MEM))
		return false;
	return (row->digit & 8) || (row->digit & 7) == (i->reg & 7);
}

const char *x86_mnemonic(const struct x86_insn *i)
{
	const char *name = NULL;

	if (i->key == X86_KEY(X86_MAP_1, 0x90) && !i->rm)
		return i->flags & X86_I_REP ? "pause" : "nop";
	if (i->key == X86_KEY(X86_MAP_1, 0x63) && i->opsize == 2)
		return "arpl";
	if (i->key == X86_KEY(X86_MAP_0F, 0x01) && !(i->flags & X86_I_MEM))
		name = group7_name(i->modrm);
	for (unsigned n = 0; !name && n < ARRAY_SIZE(names); n++) {
		if (row_fits(&names[n], i))
			name = names[n].name;
	}
	return name ? name : "(unknown)";
}
