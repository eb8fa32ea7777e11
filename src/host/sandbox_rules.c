/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls each kind of thread may make, and why. To add a line: the
 * message of a forbidden call names the thread, the call and its arguments;
 * put it into that kind's list, with its arguments narrowed where they matter.
 *
 * Numbers are narrower than registers: INT compares the lower half, as the kernel.
 */
#include "sandbox_private.h"

#include <asm/prctl.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define INT(arg, value) { (arg), SCMP_CMP_MASKED_EQ, 0xffffffff, (u64)(u32)(value) }
#define NO_BITS(arg, bits) { (arg), SCMP_CMP_MASKED_EQ, (u64)(bits), 0 }

/* A socket's type, whatever SOCK_CLOEXEC and SOCK_NONBLOCK say. */
#define KIND(arg, value) { (arg), SCMP_CMP_MASKED_EQ, \
			   0xffffffff & ~(u64)(SOCK_CLOEXEC | SOCK_NONBLOCK), (value) }

#define CALL(name) { .call = SCMP_SYS(name) }
#define CALL_IF(name, a) { .call = SCMP_SYS(name), .count = 1, .args = { a } }
#define CALL_IF2(name, a, b) { .call = SCMP_SYS(name), .count = 2, .args = { a, b } }
#define CALL_SELF(name) { .call = SCMP_SYS(name), .own_process = true }
#define REFUSE(name) { .call = SCMP_SYS(name), .refuse = true }

#define LIST(rules) { rules, ARRAY_SIZE(rules) }

/* Every thread: locks, memory, the log, its end, and a clean death. */
static const struct sandbox_rule common[] = {
	CALL(futex),		/* locks, condition variables, a vCPU that sleeps */
	CALL(read),		/* open files only, as all below */
	CALL(write),		/* eventfds, the log, the console */
	CALL(close),
	CALL(ppoll),
	CALL(poll),
	CALL(sched_yield),
	CALL(clock_gettime),	/* where the vDSO cannot answer */
	CALL(clock_nanosleep),
	CALL(restart_syscall),	/* a sleep goes on after SIGSTOP and SIGCONT */
	/* memory of malloc and of threads: never executable */
	CALL_IF(mmap, NO_BITS(2, PROT_EXEC)),
	CALL_IF(mprotect, NO_BITS(2, PROT_EXEC)),
	CALL(munmap),
	CALL(mremap),
	CALL(brk),
	CALL(madvise),		/* a thread's stack at its end; guest RAM */
	/* is stderr a terminal? */
	CALL_IF(ioctl, INT(1, TCGETS)),
	CALL_IF(ioctl, INT(1, TCGETS2)), /* the same in a newer C library */
	/* a crash puts the terminal back: TCSANOW */
	CALL_IF2(ioctl, INT(0, 0), INT(1, TCSETS)),
	CALL_IF2(ioctl, INT(0, 0), INT(1, TCSETS2)),
	/* the end of a thread, of the program, and a signal's default action */
	CALL(exit),
	CALL(exit_group),
	CALL(rt_sigprocmask),
	CALL(rt_sigaction),
	CALL(rt_sigreturn),
	CALL(gettid),
	CALL(getpid),
	CALL_SELF(tgkill),	/* raise, abort, pthread_kill */
	CALL_IF(prctl, INT(0, PR_GET_NAME)), /* who was it? */
	CALL_IF(writev, INT(0, 2)), /* the C library's last words */
#ifdef __SANITIZE_ADDRESS__
	/* the sanitizers' own, in unit tests of these lists */
	CALL(sigaltstack),
	CALL(sched_getaffinity),
#endif
};

/*
 * Whoever may call into a device: vCPUs, and the threads that complete requests.
 * It may set a timer or raise an interrupt.
 */
static const struct sandbox_rule device[] = {
	CALL(timerfd_settime),	/* the VM's earliest timer */
	CALL_IF(ioctl, INT(1, KVM_SIGNAL_MSI)),
	CALL_IF(ioctl, INT(1, KVM_IRQ_LINE)),
	CALL_IF(ioctl, INT(1, KVM_SET_GSI_ROUTING)), /* a driver changed a vector */
	CALL_IF(ioctl, INT(1, KVM_IRQFD)),
};

/* A vCPU, and all that a guest can set off by a register of a device. */
static const struct sandbox_rule vcpu[] = {
	CALL(getrandom),	/* the entropy device */
	CALL(preadv2),		/* a read that the page cache answers at once */
	CALL_IF(ioctl, INT(1, KVM_RUN)),
	/* the state of a vCPU: interrupts, emulated instructions, crash reports, reset */
	CALL_IF(ioctl, INT(1, KVM_INTERRUPT)),
	CALL_IF(ioctl, INT(1, KVM_NMI)),
	CALL_IF(ioctl, INT(1, KVM_GET_REGS)),
	CALL_IF(ioctl, INT(1, KVM_SET_REGS)),
	CALL_IF(ioctl, INT(1, KVM_GET_SREGS)),
	CALL_IF(ioctl, INT(1, KVM_SET_SREGS)),
	CALL_IF(ioctl, INT(1, KVM_GET_MSRS)),
	CALL_IF(ioctl, INT(1, KVM_SET_MSRS)),
	CALL_IF(ioctl, INT(1, KVM_GET_FPU)),
	CALL_IF(ioctl, INT(1, KVM_SET_FPU)),
	CALL_IF(ioctl, INT(1, KVM_GET_XSAVE)),
	CALL_IF(ioctl, INT(1, KVM_SET_XSAVE)),
	CALL_IF(ioctl, INT(1, KVM_GET_XCRS)),
	CALL_IF(ioctl, INT(1, KVM_SET_XCRS)),
	CALL_IF(ioctl, INT(1, KVM_GET_LAPIC)),
	CALL_IF(ioctl, INT(1, KVM_SET_LAPIC)),
	CALL_IF(ioctl, INT(1, KVM_GET_MP_STATE)),
	CALL_IF(ioctl, INT(1, KVM_SET_MP_STATE)),
	CALL_IF(ioctl, INT(1, KVM_GET_DEBUGREGS)),
	CALL_IF(ioctl, INT(1, KVM_SET_DEBUGREGS)),
	CALL_IF(ioctl, INT(1, KVM_GET_VCPU_EVENTS)),
	CALL_IF(ioctl, INT(1, KVM_SET_VCPU_EVENTS)),
	/* memory that comes and goes (test device), and a BAR that moves */
	CALL_IF(ioctl, INT(1, KVM_SET_USER_MEMORY_REGION)),
	CALL_IF(ioctl, INT(1, KVM_GET_DIRTY_LOG)),
	CALL_IF(ioctl, INT(1, KVM_IOEVENTFD)),
	CALL(eventfd2),		/* one for each doorbell of a BAR */
	CALL(epoll_ctl),
};

static const struct sandbox_rule console[] = {
	CALL(nanosleep),	/* where clock_nanosleep is not what libc calls */
};

/* Images were opened beforehand. */
static const struct sandbox_rule disk[] = {
	CALL(preadv),
	CALL(pwritev),
	CALL(pwrite64),		/* zeroes where no hole can be made */
	CALL(preadv2),
	CALL(pwritev2),
	CALL(fdatasync),
	CALL(newfstatat),	/* is the file as long as it was? */
	CALL(fstat),
	CALL(io_uring_enter),	/* whose operations are restricted as well */
	/* discard and write-zeroes: never the file's size */
	CALL_IF(fallocate, INT(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)),
	CALL_IF(fallocate, INT(1, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)),
	CALL_IF(ioctl, INT(1, BLKDISCARD)),
	CALL_IF(ioctl, INT(1, BLKZEROOUT)),
};

/* Frames: of a tap by readv and writev, else libslirp's sockets. */
static const struct sandbox_rule net[] = {
	CALL(recvfrom),
	CALL(sendto),
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(readv),
	CALL(writev),
	CALL_IF2(socket, INT(0, AF_INET), KIND(1, SOCK_STREAM)),
	CALL_IF2(socket, INT(0, AF_INET), KIND(1, SOCK_DGRAM)),
	CALL_IF2(socket, INT(0, AF_INET6), KIND(1, SOCK_STREAM)),
	CALL_IF2(socket, INT(0, AF_INET6), KIND(1, SOCK_DGRAM)),
	CALL(connect),
	CALL(accept4),		/* of forwarded ports */
	CALL(accept),
	CALL(bind),		/* UDP; Landlock refuses it for TCP */
	CALL(shutdown),
	CALL(setsockopt),
	CALL(getsockopt),
	CALL(getsockname),
	CALL(getpeername),
	CALL_IF(ioctl, INT(1, TUNSETOFFLOAD)), /* a driver starts, or goes */
	CALL_IF(ioctl, INT(1, FIONREAD)),
	CALL_IF(ioctl, INT(1, FIONBIO)),
	CALL_IF(fcntl, INT(1, F_GETFL)),
	CALL_IF(fcntl, INT(1, F_SETFL)),
	CALL_IF(fcntl, INT(1, F_GETFD)),
	CALL_IF(fcntl, INT(1, F_SETFD)),
	/* /etc/resolv.conf; which file that is is Landlock's matter */
	CALL_IF(openat, NO_BITS(2, O_ACCMODE | O_CREAT | O_TRUNC)),
	CALL(newfstatat),
	CALL(fstat),
	CALL(lseek),
};

/* Unix sockets: clients come, and the guest's connections go out by name. */
static const struct sandbox_rule sockets[] = {
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_ctl),
	CALL(accept4),
	CALL_IF2(socket, INT(0, AF_UNIX), KIND(1, SOCK_STREAM)),
	CALL(connect),
	CALL(recvfrom),
	CALL(sendto),
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(readv),
	CALL(writev),
	CALL(shutdown),
	CALL(getsockopt),
};

/* What pthread_create asks for: a thread, not a process or a namespace. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
		      CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static const struct sandbox_rule main_thread[] = {
	/* a reset starts vCPU threads again; clone3's flags cannot be looked at */
	{ .call = SCMP_SYS(clone), .count = 1,
	  .args = { { 0, SCMP_CMP_EQ, THREAD_FLAGS, 0 } } },
	REFUSE(clone3),
	CALL(set_robust_list),	/* a thread's beginning */
	CALL(rseq),
	CALL_IF(prctl, INT(0, PR_SET_NAME)),
	CALL_IF2(seccomp, INT(0, SECCOMP_SET_MODE_FILTER), INT(1, 0)),
	/* may we use the terminal now? It is made raw as it is put back. */
	CALL_IF(ioctl, INT(1, TIOCGPGRP)),
	CALL_IF(ioctl, INT(1, TIOCGWINSZ)), /* its size, for the guest's console */
	CALL(getpgrp),
	CALL(getrusage),	/* statistics */
	CALL(pread64),		/* and /proc/self/smaps for them */
	CALL(lseek),
	CALL(shutdown),		/* what backends do when they are closed */
	CALL(epoll_ctl),
	CALL(epoll_wait),	/* doorbells */
	CALL(epoll_pwait),
	/* the name of a unix socket of ours is removed: Landlock says where */
	CALL(newfstatat),
	CALL(unlink),
};

const struct sandbox_lists sandbox_lists[SANDBOX_KINDS] = {
	[SANDBOX_MAIN] = { { LIST(common), LIST(device), LIST(vcpu), LIST(main_thread) } },
	[SANDBOX_VCPU] = { { LIST(common), LIST(device), LIST(vcpu) } },
	[SANDBOX_CONSOLE] = { { LIST(common), LIST(console) } },
	[SANDBOX_DISK] = { { LIST(common), LIST(device), LIST(disk) } },
	[SANDBOX_NET] = { { LIST(common), LIST(device), LIST(net) } },
	[SANDBOX_SOCKETS] = { { LIST(common), LIST(device), LIST(sockets) } },
};
