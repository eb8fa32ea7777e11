/* SPDX-License-Identifier: Apache-2.0 */
/* What the local APIC's files share. SDM vol. 3A chapter 11 throughout. */
#ifndef DEVICE_LAPIC_INTERNAL_H
#define DEVICE_LAPIC_INTERNAL_H

#include <trivet/bits.h>
#include <trivet/device/lapic.h>

/* Register offsets in the xAPIC page; x2APIC MSR 800h + offset / 16. */
enum {
	APIC_ID = 0x20,
	APIC_VERSION = 0x30,
	APIC_TPR = 0x80,
	APIC_ARBPRI = 0x90,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_RRD = 0xc0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVT = 0x320, /* six of them, 10h apart: enum lapic_lvt */
	APIC_LVT_LAST = 0x370,
	APIC_TMICT = 0x380,
	APIC_TMCCT = 0x390,
	APIC_TDCR = 0x3e0,
	APIC_SELF_IPI = 0x3f0 /* x2APIC only */
};

enum lapic_lvt {
	LVT_TIMER,
	LVT_THERMAL,
	LVT_PERF,
	LVT_LINT0,
	LVT_LINT1,
	LVT_ERROR,
	LVT_COUNT
};

/* Integrated APIC, six LVT entries, no EOI-broadcast suppression. */
#define APIC_VERSION_VALUE 0x00050014u

#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_EXTD BIT(10)
#define APIC_BASE_EN BIT(11)

#define SVR_ENABLE 0x100u
#define SVR_VALID 0x3ffu

#define LVT_MASKED 0x10000u
#define LVT_READ_ONLY 0x5000u /* delivery status, remote IRR */

#define ESR_SEND_ILLEGAL 0x20u
#define ESR_RECEIVE_ILLEGAL 0x40u
#define ESR_ILLEGAL_REGISTER 0x80u

/* ICR, LVT and message fields (11.6.1) */
#define APIC_DM(v) ((unsigned)((v) >> 8) & 7)
enum apic_delivery_mode {
	DM_FIXED,
	DM_LOWEST,
	DM_SMI,
	DM_RESERVED,
	DM_NMI,
	DM_INIT,
	DM_STARTUP,
	DM_EXTINT
};
#define ICR_LOGICAL 0x800u
#define ICR_BUSY 0x1000u
#define ICR_ASSERT 0x4000u
#define ICR_LEVEL 0x8000u
#define ICR_VALID 0xccfffu

enum lapic_timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_DEADLINE };

/* One MMIO page where some vCPUs have put their APIC. */
struct lapic_window {
	struct lapic_set *set;
	u64 base;
	unsigned users; /* 0: free */
};

struct lapic {
	struct lapic_set *set;
	struct vcpu *v;
	struct lapic_window *window; /* NULL: the base could not be mapped */

	u64 base_msr;
	u32 tpr; /* 8 bits */
	u32 svr, ldr, dfr;
	u32 esr, esr_pending;
	u64 icr;
	u32 lvt[LVT_COUNT];
	u32 isr[8], tmr[8], irr[8];

	/* Timer: zero is reached at zero_ns while running. */
	struct timer timer;
	u32 timer_initial, timer_divide;
	u64 zero_ns;
	bool running;
	u64 tsc_deadline; /* 0: not armed */
};

struct lapic_set {
	struct vm *vm;
	struct pic *pic;
	u64 tsc_hz;
	u64 (*guest_tsc)(struct vcpu *v);
	void (*eoi)(void *ctx, u8 vector);
	void *eoi_ctx;
	unsigned count;
	unsigned next_lowest; /* where the search for a target starts */
	struct lapic_window windows[VM_MAX_VCPUS];
	struct lapic apics[VM_MAX_VCPUS];
};

static inline bool lapic_hw_enabled(const struct lapic *l)
{
	return (l->base_msr & APIC_BASE_EN) != 0;
}

static inline bool lapic_x2(const struct lapic *l)
{
	return (l->base_msr & APIC_BASE_EXTD) != 0;
}

static inline bool lapic_sw_enabled(const struct lapic *l)
{
	return (l->svr & SVR_ENABLE) != 0;
}

static inline enum lapic_timer_mode lapic_timer_mode(const struct lapic *l)
{
	switch ((l->lvt[LVT_TIMER] >> 17) & 3) {
	case 0:
		return TIMER_ONE_SHOT;
	case 2:
		return TIMER_DEADLINE;
	default:
		return TIMER_PERIODIC;
	}
}

/* --- lapic.c ------------------------------------------------------------- */

/* Highest vector set in a 256-bit register, or -1. */
int lapic_highest(const u32 reg[8]);
u32 lapic_ppr(const struct lapic *l);
/* Makes the vCPU look again when something can be delivered. */
void lapic_notify(struct lapic *l);
/* A fixed interrupt arrives: IRR and TMR. */
void lapic_accept(struct lapic *l, u8 vector, bool level);
/* An event of the local vector table. */
void lapic_local(struct lapic *l, enum lapic_lvt which);
void lapic_error(struct lapic *l, u32 esr_bit);
void lapic_end_of_interrupt(struct lapic *l);

/* --- lapic_reg.c --------------------------------------------------------- */

/* One register by its xAPIC offset (a multiple of 10h), in either mode.
 * False: there is no such register to read or write. */
bool lapic_reg_read(struct lapic *l, unsigned reg, u32 *value);
bool lapic_reg_write(struct lapic *l, unsigned reg, u32 value);
/* The bits of a register that x2APIC mode accepts in a write. */
u32 lapic_reg_valid(unsigned reg);
u32 lapic_x2_ldr(const struct lapic *l);

/* --- lapic_msr.c --------------------------------------------------------- */

int lapic_msr_read(void *ctx, u32 index, u64 *value);
int lapic_msr_write(void *ctx, u32 index, u64 value);

/* --- lapic_window.c ------------------------------------------------------ */

/* Puts l's page at base (page aligned); the bus follows. */
void lapic_window_move(struct lapic *l, u64 base);
void lapic_window_release(struct lapic *l);

/* --- lapic_ipi.c --------------------------------------------------------- */

/* Sends what the ICR holds. */
void lapic_send_ipi(struct lapic *l, u64 icr);
int lapic_send_msi(void *set, u64 address, u32 data);

/* --- lapic_timer.c ------------------------------------------------------- */

void lapic_timer_init(struct lapic *l);
void lapic_timer_reset(struct lapic *l);
u32 lapic_timer_count(struct lapic *l);
void lapic_timer_set_initial(struct lapic *l, u32 count);
void lapic_timer_set_divide(struct lapic *l, u32 divide);
/* A new LVT timer entry, which holds the mode. */
void lapic_timer_set_lvt(struct lapic *l, u32 lvt);
u64 lapic_timer_get_deadline(struct lapic *l);
void lapic_timer_set_deadline(struct lapic *l, u64 tsc);

#endif
