/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several CPUs (up to 8): INIT and start-up IPIs, IPIs among them, atomics,
 * memory order with locked instructions, TLB shootdown, cross-modifying code.
 * With one CPU all is skipped. SDM vol. 3A 9.4, 11.6.
 */
#include "lib/apic.h"

#define CPUS_MAX 8
#define V TEST_WINDOW

extern const u8 ap_trampoline[], ap_trampoline_end[];
extern volatile u32 ap_count;
void ap_main(unsigned index);

static unsigned cpus;
static volatile u32 apic_ids[CPUS_MAX], ready, finished, wrong;
static volatile u32 ipis[CPUS_MAX], cpu_of_apic[256], flushes;
static volatile u64 counter, locked_counter, spin_counter;
static volatile u32 spinlock;
static void (*volatile work)(unsigned index);
static volatile u32 work_number;

static unsigned my_index(void)
{
	return cpu_of_apic[apic_id() & 255];
}

static unsigned fw_cfg_cpus(void)
{
	unsigned n;

	__asm__ volatile("outw %w0, %w1" : : "a"(5), "d"(0x510));
	n = inb(0x511);
	n |= inb(0x511) * 256u;
	return n;
}

static void pause_until(volatile u32 *value, u32 want)
{
	u64 end = rdtsc() + tsc_khz() * 5000;

	while (*value < want && rdtsc() < end)
		__asm__ volatile("pause");
}

void ap_main(unsigned index)
{
	u32 seen = 0;

	if (index >= CPUS_MAX)
		return;
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
	gdt_pointer.limit = 511;
	__asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
	apic_enable();
	apic_ids[index] = apic_id();
	cpu_of_apic[apic_id() & 255] = index;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		__asm__ volatile("sti; nop; nop; pause; cli" : : : "memory");
		if (work_number == seen)
			continue;
		seen = work_number;
		work(index);
		__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	}
}

/* Every CPU runs fn; true when all came back in time. */
static bool everywhere(void (*fn)(unsigned index))
{
	finished = 0;
	work = fn;
	__atomic_add_fetch(&work_number, 1, __ATOMIC_SEQ_CST);
	fn(0);
	__asm__ volatile("sti");
	pause_until(&finished, cpus - 1);
	__asm__ volatile("cli");
	return finished == cpus - 1;
}

static void delay_us(u64 us)
{
	u64 end = rdtsc() + us * tsc_khz() / 1000;

	while (rdtsc() < end)
		__asm__ volatile("pause");
}

static bool start_others(void)
{
	memcpy((void *)0x8000, ap_trampoline,
	       (size_t)(ap_trampoline_end - ap_trampoline));
	apic_ipi(0, ICR_INIT | ICR_OTHERS);
	delay_us(10000);
	apic_ipi(0, ICR_SIPI | 8 | ICR_OTHERS);
	delay_us(1000);
	if (ready < cpus - 1)
		apic_ipi(0, ICR_SIPI | 8 | ICR_OTHERS);
	pause_until(&ready, cpus - 1);
	return ready == cpus - 1;
}

static void on_ipi(struct frame *f)
{
	(void)f;
	__atomic_add_fetch(&ipis[my_index()], 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static void test_ipis(void)
{
	bool ok = true;

	trap_set_hook(0x70, on_ipi);
	for (unsigned i = 1; i < cpus; i++) {
		apic_ipi(apic_ids[i], 0x70);
		pause_until(&ipis[i], 1);
		ok = ok && ipis[i] == 1;
	}
	check(ok, "ipi-to-each");
	apic_ipi(0, 0x70 | ICR_OTHERS);
	for (unsigned i = 1; i < cpus; i++) {
		pause_until(&ipis[i], 2);
		ok = ok && ipis[i] == 2;
	}
	check(ok && ipis[0] == 0, "ipi-to-others");
	for (int n = 0; n < 200; n++) {
		u32 before = ipis[1];

		apic_ipi(apic_ids[1], 0x70);
		pause_until(&ipis[1], before + 1);
		ok = ok && ipis[1] == before + 1;
	}
	check(ok, "ipi-200-times");
}

static void send_back(unsigned index)
{
	if (index)
		apic_ipi(apic_ids[0], 0x70);
}

/* Two CPUs send an NMI to the first one at about the same time: both count. */
#define NMI_ROUNDS 5000
static volatile u32 round_0, round_1, nmis_now, nmi_flushed, nmi_bad;

static void on_counted_nmi(struct frame *f)
{
	(void)f;
	nmis_now++;
}

static void on_nmi_flushed(struct frame *f)
{
	(void)f;
	nmi_flushed = 1;
	apic_write(APIC_EOI, 0);
}

static void nmi_meet(volatile u32 *mine, volatile u32 *other)
{
	u64 end = rdtsc() + tsc_khz() * 2000;
	u32 n = ++*mine;

	while ((int)(*other - n) < 0 && rdtsc() < end)
		__asm__ volatile("pause");
}

static void nmi_rounds(unsigned index)
{
	if (index > 1)
		return;
	for (unsigned n = 0; n < NMI_ROUNDS; n++) {
		if (index == 0) {
			u64 end = rdtsc() + tsc_khz() * 2000;

			nmis_now = nmi_flushed = 0;
			nmi_meet(&round_0, &round_1);
			apic_ipi(apic_ids[0], ICR_NMI);
			while (!nmi_flushed && rdtsc() < end)
				__asm__ volatile("sti; pause; cli");
			nmi_bad += nmis_now != 2;
		} else {
			nmi_meet(&round_1, &round_0);
			apic_ipi(apic_ids[0], ICR_NMI);
			apic_ipi(apic_ids[0], 0x71); /* arrives after it */
		}
		if (index == 0)
			nmi_meet(&round_0, &round_1);
		else
			nmi_meet(&round_1, &round_0);
	}
}

static void test_nmis(void)
{
	u64 start = rdtsc();

	trap_set_hook(NMI, on_counted_nmi);
	trap_set_hook(0x71, on_nmi_flushed);
	check(everywhere(nmi_rounds), "nmi-rounds-finish");
	check_eq(nmi_bad, 0, "nmi-from-two-at-once");
	trap_set_hook(NMI, NULL);
	print("NOTE an NMI round took, in nanoseconds: ");
	print_dec((rdtsc() - start) * 1000000 / tsc_khz() / NMI_ROUNDS);
	print("\n");
}

static void add_many(unsigned index)
{
	(void)index;
	for (int i = 0; i < 20000; i++) {
		__asm__ volatile("lock incq %0" : "+m"(locked_counter) : : "cc");
		__atomic_add_fetch(&counter, 3, __ATOMIC_SEQ_CST);
	}
}

static void add_under_lock(unsigned index)
{
	(void)index;
	for (int i = 0; i < 5000; i++) {
		while (__atomic_exchange_n(&spinlock, 1, __ATOMIC_ACQUIRE))
			__asm__ volatile("pause");
		spin_counter = spin_counter + 1;
		__atomic_store_n(&spinlock, 0, __ATOMIC_RELEASE);
	}
}

static u64 wide[2] __attribute__((aligned(16)));

static void add_cmpxchg(unsigned index)
{
	(void)index;
	for (int i = 0; i < 5000; i++) {
		u64 low = wide[0], high = wide[1];
		bool done;

		do {
			__asm__ volatile("lock cmpxchg16b %1"
					 : "=@ccz"(done), "+m"(wide), "+a"(low),
					   "+d"(high)
					 : "b"(low + 1), "c"(high - 1) : "memory");
		} while (!done);
	}
}

static void test_atomics(void)
{
	check(everywhere(add_many), "atomics-finish");
	check_eq(locked_counter, 20000ull * cpus, "lock-inc");
	check_eq(counter, 60000ull * cpus, "lock-xadd");
	check(everywhere(add_under_lock), "spinlock-finish");
	check_eq(spin_counter, 5000ull * cpus, "spinlock-xchg");
	check(everywhere(add_cmpxchg), "cmpxchg16b-finish");
	check(wide[0] == 5000ull * cpus && wide[1] == 0 - wide[0], "cmpxchg16b");
}

/* A locked add that straddles two cache lines and two pages. */
static u8 straddle[3 * 4096] __attribute__((aligned(4096)));

static void add_split(unsigned index)
{
	(void)index;
	for (int i = 0; i < 5000; i++) {
		__asm__ volatile("lock incq %0" : "+m"(*(u64 *)(straddle + 61))
				 : : "cc");
		__asm__ volatile("lock incq %0" : "+m"(*(u64 *)(straddle + 4093))
				 : : "cc");
	}
}

/* Half of them across the page end, half within the page: the low bytes are the
 * same ones. */
static u8 *beside_end = straddle + PAGE;
static u64 beside_stop;
static u32 beside_count[CPUS_MAX];

/* For as long, not as often: CPUs that do not run at the same time show nothing. */
static void add_beside(unsigned index)
{
	while (rdtsc() < beside_stop) {
		if (index & 1)
			__asm__ volatile("lock addl $0x10000, %0"
					 : "+m"(*(u32 *)(beside_end - 4)) : : "cc");
		else
			__asm__ volatile("lock incl %0"
					 : "+m"(*(u32 *)(beside_end - 2)) : : "cc");
		beside_count[index]++;
	}
}

/* end: of a page whose last two bytes are still 0. */
static bool all_counted(u8 *end)
{
	u32 sum = 0;

	beside_end = end;
	memset(beside_count, 0, sizeof beside_count);
	beside_stop = rdtsc() + tsc_khz() * 300;
	if (!everywhere(add_beside))
		return false;
	for (unsigned i = 0; i < cpus; i++)
		sum += beside_count[i];
	return *(u16 *)(end - 2) == (u16)sum;
}

static void test_split(void)
{
	check(everywhere(add_split), "split-lock-finish");
	check(*(u64 *)(straddle + 61) == 5000ull * cpus, "split-lock-line");
	check(*(u64 *)(straddle + 4093) == 5000ull * cpus, "split-lock-page");
	memset(straddle, 0, sizeof straddle);
	check(all_counted(straddle + PAGE), "split-lock-beside");
}

/* The same with two pages that are neighbours in linear memory alone. */
static void test_split_apart(void)
{
	ulong low = page_alloc(), high = page_alloc();

	page_map(V + 8 * PAGE, high, PTE_P | PTE_W);
	page_map(V + 9 * PAGE, low, PTE_P | PTE_W);
	check(all_counted((u8 *)(V + 9 * PAGE)), "split-lock-apart");
}

/* Store buffering: with a locked instruction between, never both zero. */
static volatile u32 sb_x, sb_y, sb_a, sb_b, sb_turn[2];

/* Both CPUs wait until each has come to this phase. */
static void meet(unsigned index, u32 phase)
{
	__atomic_store_n(&sb_turn[index], phase, __ATOMIC_SEQ_CST);
	pause_until(&sb_turn[!index], phase);
}

static void store_buffer(unsigned index)
{
	volatile u32 *mine = index ? &sb_y : &sb_x;
	volatile u32 *other = index ? &sb_x : &sb_y;

	if (index > 1)
		return;
	for (u32 i = 1; i <= 2000; i++) {
		u32 saw;

		meet(index, 3 * i);
		*mine = i;
		__asm__ volatile("lock orl $0, (%%rsp)" : : : "memory", "cc");
		saw = *other;
		if (index)
			sb_b = saw;
		else
			sb_a = saw;
		meet(index, 3 * i + 1);
		if (!index && sb_a < i && sb_b < i)
			wrong++;
		meet(index, 3 * i + 2);
	}
}

static void on_flush(struct frame *f)
{
	(void)f;
	invlpg(V);
	__atomic_add_fetch(&flushes, 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static volatile u32 shoot_stop, shoot_bad;
static volatile u64 shoot_oldest;

/* Reads through V for ever: never a value older than the last shootdown. */
static void shoot_reader(unsigned index)
{
	if (!index)
		return;
	while (!shoot_stop) {
		u64 oldest = shoot_oldest;

		__asm__ volatile("sti; nop; nop; cli" : : : "memory");
		if (*(volatile u64 *)V < oldest)
			__atomic_add_fetch(&shoot_bad, 1, __ATOMIC_SEQ_CST);
	}
}

static void test_shootdown(void)
{
	ulong page[2] = { page_alloc(), page_alloc() };
	bool all = true;

	trap_set_hook(0x72, on_flush);
	page_map(V, page[0], PTE_P | PTE_W);
	finished = 0;
	work = shoot_reader;
	__atomic_add_fetch(&work_number, 1, __ATOMIC_SEQ_CST);
	for (u64 i = 1; i <= 100; i++) {
		*(volatile u64 *)page[i & 1] = i;
		*page_entry(boot_pml4, V, 1) = page[i & 1] | PTE_P | PTE_W;
		invlpg(V);
		flushes = 0;
		apic_ipi(0, 0x72 | ICR_OTHERS);
		pause_until(&flushes, cpus - 1);
		all = all && flushes == cpus - 1;
		shoot_oldest = i;
	}
	shoot_stop = 1;
	pause_until(&finished, cpus - 1);
	check(all, "shootdown-acknowledged");
	check(finished == cpus - 1 && !shoot_bad, "shootdown-no-stale-read");
}

/* mov $n, %eax; ret, rewritten by CPU 0 and run by the others afterwards. */
static volatile u32 code_version;

static void run_code(unsigned index)
{
	ulong v;

	(void)index;
	__asm__ volatile("cpuid" : : "a"(0) : "rbx", "rcx", "rdx", "memory");
	__asm__ volatile("call *%1" : "=a"(v) : "r"(straddle + 8192) : "memory");
	if (v != code_version)
		__atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
}

static void test_cross_modify(void)
{
	u8 *at = straddle + 8192;
	bool ok = true;

	wrong = 0;
	at[0] = 0xb8;
	at[5] = 0xc3;
	for (u32 i = 1; i <= 100; i++) {
		memcpy(at + 1, &i, 4);
		code_version = i;
		ok = ok && everywhere(run_code);
	}
	check(ok && !wrong, "cross-modifying-code");
}

static volatile u32 nmi_seen[CPUS_MAX];

static void on_nmi(struct frame *f)
{
	(void)f;
	nmi_seen[my_index()]++;
}

static void test_nmi(void)
{
	bool ok = true;

	trap_set_hook(NMI, on_nmi);
	apic_ipi(0, ICR_NMI | ICR_OTHERS);
	for (unsigned i = 1; i < cpus; i++) {
		pause_until(&nmi_seen[i], 1);
		ok = ok && nmi_seen[i] == 1;
	}
	check(ok && !nmi_seen[0], "nmi-to-others");
	trap_set_hook(NMI, NULL);
}

static volatile u64 tsc_seen;

static void look_at_tsc(unsigned index)
{
	for (int i = 0; i < 2000; i++) {
		u64 last = tsc_seen, now;

		__asm__ volatile("lfence" : : : "memory");
		now = rdtsc();
		if (now + tsc_khz() / 100 < last) /* 10 us of grace */
			__atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
		tsc_seen = now;
	}
	(void)index;
}

void test_main(void)
{
	cpus = fw_cfg_cpus();
	if (cpus > CPUS_MAX)
		cpus = CPUS_MAX;
	check(cpus >= 1, "fw-cfg-cpus");
	if (cpus < 2) {
		check_skip("smp", "one CPU");
		return;
	}
	tsc_khz();
	apic_enable();
	apic_ids[0] = apic_id();
	for (unsigned i = 0; i < 256; i++)
		cpu_of_apic[i] = 0;
	check(start_others(), "init-sipi");
	if (ready != cpus - 1)
		return;
	test_ipis();
	test_nmis();
	ipis[0] = 0;
	check(everywhere(send_back), "work-everywhere");
	__asm__ volatile("sti");
	pause_until(&ipis[0], cpus - 1);
	__asm__ volatile("cli");
	/* the same vector may merge in IRR: at least one came */
	check(ipis[0] >= 1, "ipi-back");
	test_atomics();
	test_split();
	test_split_apart();
	check(everywhere(store_buffer) && !wrong, "store-buffering-fenced");
	test_shootdown();
	test_cross_modify();
	test_nmi();
	wrong = 0;
	check(everywhere(look_at_tsc) && !wrong, "tsc-agrees-among-cpus");
}
