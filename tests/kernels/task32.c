/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches: JMP, CALL, IRET, task gates, faults on the way. SDM
 * vol. 3A chapter 7.
 */
#include "lib/lib.h"

#define SEL_OTHER 0x108
#define SEL_DF_TASK 0x110
#define BUSY(sel) (gdt[(sel) / 8] >> 41 & 1)

struct task {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx,
		edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
};

static struct task other, df_task;
static u8 other_stack[4096] __attribute__((aligned(16)));
static u8 df_stack[4096] __attribute__((aligned(16)));
static volatile u32 saw[12];
static u32 dir[1024] __attribute__((aligned(4096)));

/* The other task: notes what it finds and goes back as asked. */
extern void task_jumped(void), task_called(void), task_fault(void);
__asm__(".text\ntask_jumped:\n"
	"pushf; pop saw; str %eax; mov %eax, saw+4; mov %ebx, saw+8\n"
	"mov %cr0, %eax; mov %eax, saw+12; mov %fs, saw+16; clts\n"
	"mov $0x77777777, %ebx\n"
	"ljmp $0x100, $0\n"
	"jmp task_jumped\n"
	"task_called:\n"
	"pushf; pop saw; str %eax; mov %eax, saw+4; clts\n"
	"iret\n"
	"jmp task_called\n"
	"task_fault:\n"
	"pop saw+20; pushf; pop saw; str %eax; mov %eax, saw+4; clts\n"
	"call task_fault_c\n"
	"iret\n"
	"jmp task_fault\n");

void task_fault_c(void);
void task_fault_c(void)
{
	struct task *main_task = (struct task *)tss;

	saw[6] = main_task->eip;
	saw[7] = df_task.link;
	main_task->eip = saw[8];
	main_task->ss0 = SEL_DATA;
}

static void task_init(struct task *t, void (*entry)(void), u8 *stack_end)
{
	memset(t, 0, sizeof(*t));
	t->eip = (u32)entry;
	t->eflags = 2;
	t->esp = (u32)stack_end;
	t->esp0 = (u32)stack_end;
	t->ss = t->ds = t->es = SEL_DATA;
	t->ss0 = SEL_DATA;
	t->cs = SEL_CODE;
	t->cr3 = read_cr3();
	t->iomap = sizeof(*t);
}

static void other_init(void (*entry)(void))
{
	task_init(&other, entry, other_stack + sizeof(other_stack));
	gdt_set_tss(SEL_OTHER, &other, sizeof(other) - 1);
}

static void test_jmp(void)
{
	u32 ebx = 0x12345678;

	other_init(task_jumped);
	other.ebx = 0xabcdef01;
	other.eflags = 2 | FLAG_CF | 0x40;
	other.fs = SEL_DATA;
	__asm__ volatile("ljmp %1, $0" : "+b"(ebx) : "i"(SEL_OTHER)
			 : "memory", "cc");
	check_eq(ebx, 0x12345678, "task-jmp-keeps-own-registers");
	check_eq(saw[2], 0xabcdef01, "task-jmp-loads-registers");
	check_eq(saw[0], 2 | FLAG_CF | 0x40, "task-jmp-loads-flags");
	check_eq(saw[1] & 0xffff, SEL_OTHER, "task-jmp-tr");
	check(saw[3] & CR0_TS, "task-jmp-sets-ts");
	check_eq(saw[4] & 0xffff, SEL_DATA, "task-jmp-loads-fs");
	check(BUSY(SEL_TSS) && !BUSY(SEL_OTHER), "task-jmp-busy-bits");
	check_eq(other.ebx, 0x77777777, "task-jmp-saves-registers");
	check(read_cr0() & CR0_TS, "task-jmp-back-sets-ts");
	__asm__ volatile("clts");
}

static void test_call_iret(void)
{
	other_init(task_called);
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_OTHER) : "memory", "cc");
	__asm__ volatile("clts");
	check_eq(saw[0] & FLAG_NT, FLAG_NT, "task-call-sets-nt");
	check_eq(other.link & 0xffff, SEL_TSS, "task-call-back-link");
	check(!(read_flags() & FLAG_NT), "task-iret-restores-flags");
	check(BUSY(SEL_TSS) && !BUSY(SEL_OTHER), "task-iret-busy-bits");
	check(!(other.eflags & FLAG_NT), "task-iret-clears-nt-in-old");
	/* through a task gate */
	other_init(task_called);
	gdt[SEL_TEST / 8] = (u64)SEL_OTHER << 16 | 0x85ull << 40;
	saw[1] = 0;
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_TEST) : "memory", "cc");
	__asm__ volatile("clts");
	check_eq(saw[1] & 0xffff, SEL_OTHER, "task-call-through-gate");
	/* an interrupt through a task gate in the IDT */
	other_init(task_called);
	idt_set(0x91, 0, SEL_OTHER, 0x85, 0);
	saw[1] = 0;
	__asm__ volatile("int $0x91" : : : "memory", "cc");
	__asm__ volatile("clts");
	check_eq(saw[1] & 0xffff, SEL_OTHER, "task-interrupt-gate");
}

static void test_faults(void)
{
	other_init(task_called);
	gdt[SEL_OTHER / 8] |= 2ull << 40; /* busy */
	TRY("lcall %0, $0", : "i"(SEL_OTHER) : "memory");
	check_fault(GP, SEL_OTHER, "gp-task-busy");
	other_init(task_called);
	gdt[SEL_OTHER / 8] &= ~(1ull << 47);
	TRY("lcall %0, $0", : "i"(SEL_OTHER) : "memory");
	check_fault(NP, SEL_OTHER, "np-task");
	other_init(task_called);
	gdt_set_tss(SEL_OTHER, &other, 0x66);
	TRY("lcall %0, $0", : "i"(SEL_OTHER) : "memory");
	check_fault(TS, SEL_OTHER, "ts-limit");
	/* NT with a back link that is no busy TSS */
	((struct task *)tss)->link = SEL_OTHER;
	other_init(task_called);
	write_flags(2 | FLAG_NT);
	TRY("iret", : : "memory");
	write_flags(2);
	check_fault(TS, SEL_OTHER, "ts-iret-link-not-busy");
	((struct task *)tss)->link = 0;
}

static volatile u32 ts_error, ts_eip, ts_tr;
static void on_ts(struct frame *f)
{
	u32 tr;

	__asm__ volatile("str %0" : "=r"(tr));
	ts_error = (u32)f->error;
	ts_eip = (u32)f->ip;
	ts_tr = tr & 0xffff;
	/* in the new task's context: make it whole and let it run */
	f->cs = SEL_CODE;
	f->ip = (u32)task_called;
	f->ds = f->es = SEL_DATA;
	f->fs = f->gs = 0;
	__asm__ volatile("clts");
}

/* A bad selector in the new TSS (DS): the fault belongs to the new task. */
static void test_bad_selector(void)
{
	trap_set_hook(TS, on_ts);
	other_init(task_called);
	other.ds = SEL_TSS;
	ts_error = 0xffff;
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_OTHER) : "memory", "cc");
	__asm__ volatile("clts");
	check_eq(ts_error, SEL_TSS, "ts-bad-ds");
	check_eq(ts_eip, (u32)task_called, "ts-bad-ds-eip-of-new-task");
	check_eq(ts_tr, SEL_OTHER, "ts-bad-ds-in-new-task");
	trap_set_hook(TS, NULL);
}

extern u32 user_ss0;

/* The task that handles the fault goes on after the int with a good stack. */
USER_TEXT static ulong user_int_bad_stack(ulong unused)
{
	__asm__ volatile("int $0x90\n.globl after_bad_stack\nafter_bad_stack:"
			 : : : "memory");
	return unused;
}
extern u8 after_bad_stack[];

USER_TEXT static ulong user_int90(ulong x)
{
	TRY_USER("int $0x90", : : "memory");
	return x;
}

/* The inner stack's selector in the TSS is wrong: #TS(selector). #TS itself
 * needs a good stack, so a task handles it. */
static void test_inner_stack(void)
{
	trap_clear();
	idt[0x90].attr = 0xee;
	user_call(user_int90, 0);
	check_trap(0x90, "inner-stack-good");
	task_init(&df_task, task_fault, df_stack + sizeof(df_stack));
	gdt_set_tss(SEL_DF_TASK, &df_task, sizeof(df_task) - 1);
	idt_set(TS, 0, SEL_DF_TASK, 0x85, 0);
	saw[5] = 0xffff;
	saw[8] = (u32)after_bad_stack;
	user_ss0 = SEL_USER_DATA;
	user_call(user_int_bad_stack, 0);
	user_ss0 = SEL_DATA;
	idt_reset(TS);
	idt_reset(0x90);
	__asm__ volatile("clts");
	check_eq(saw[5], SEL_USER_DATA & ~3u, "ts-inner-ss-error-code");
}

static void test_cr3(void)
{
	for (u32 i = 0; i < 1024; i++)
		dir[i] = i << 22 | 0x83;
	dir[2] |= 4;
	write_cr4(read_cr4() | CR4_PSE);
	write_cr3((ulong)dir);
	write_cr0(read_cr0() | CR0_PG);
	other_init(task_jumped);
	((struct task *)tss)->cr3 = (u32)dir;
	other.cr3 = (u32)dir;
	__asm__ volatile("ljmp %0, $0" : : "i"(SEL_OTHER) : "memory", "cc", "ebx");
	__asm__ volatile("clts");
	check_eq(saw[1] & 0xffff, SEL_OTHER, "task-jmp-with-paging");
	check_eq(read_cr3(), (ulong)dir, "task-loads-cr3");
	write_cr0(read_cr0() & ~(ulong)CR0_PG);
}

/* A double fault through a task gate: the way 32-bit kernels survive one. */
static void test_double_fault(void)
{
	task_init(&df_task, task_fault, df_stack + sizeof(df_stack));
	gdt_set_tss(SEL_DF_TASK, &df_task, sizeof(df_task) - 1);
	idt_set(DF, 0, SEL_DF_TASK, 0x85, 0);
	idt[GP].attr = 0x0e; /* #GP's gate is absent: #GP, #NP, double fault */
	saw[5] = 0xffff;
	__asm__ volatile("movl $1f, saw+32\n"
			 "mov %w0, %%fs\n1:" : : "r"(0x7fc) : "memory", "cc");
	idt_reset(GP);
	idt_reset(DF);
	__asm__ volatile("clts");
	check_eq(saw[1] & 0xffff, SEL_DF_TASK, "df-task-gate");
	check_eq(saw[5], 0, "df-task-error-code");
	check_eq(saw[7] & 0xffff, SEL_TSS, "df-task-back-link");
}

static void on_db(struct frame *f)
{
	saw[9] = f->ip;
	saw[10] = read_dr6();
	write_dr6(0xffff0ff0);
}

static void test_debug_trap(void)
{
	other_init(task_called);
	other.trap = 1;
	write_dr6(0xffff0ff0);
	trap_set_hook(DB, on_db);
	saw[9] = 0;
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_OTHER) : "memory", "cc");
	__asm__ volatile("clts");
	trap_set_hook(DB, NULL);
	check_eq(saw[9], (u32)task_called, "db-task-switch");
	check_eq(saw[10] & 0xe00f, 0x8000, "db-task-switch-bt");
}

void test_main(void)
{
	test_jmp();
	test_call_iret();
	test_faults();
	test_bad_selector();
	test_inner_stack();
	test_double_fault();
	test_debug_trap();
	test_cr3();
}
