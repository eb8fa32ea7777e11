# SPDX-License-Identifier: Apache-2.0
"""Cases of the test kernels that fail under svm in QEMU 7.2 because of QEMU's emulation: what its
TCG does wrong with or without us (the same cases fail in `tests/kernels/run.py --on qemu`), and
what its VMRUN and its intercepts do (shown by `tests/kernels/run.py --on qemu vmrun`). Some of the
former pass under svm: its processor lacks bits of CR4, so each #GP exits and arch/x86 says what it is."""

TCG = {
    'cpu': 'ac-ring3 gp-iret-non-canonical-rip gp-jmp-non-canonical '
           'gp-ltr-null gp-wrmsr-fs-non-canonical '
           'gp-wrmsr-lstar-non-canonical np-gate syscall-masks-flags',
    'creg': 'gp-cr0-high',
    'segment': 'gp-jmp-l-and-d gp-wrgsbase-non-canonical',
    'paging': 'pf-nx-reserved-without-nxe pf-reserved-address-bit pf-reserved-in-2m-entry '
              'pf-reserved-ps-in-pml4e pf-reserved-user-write pf-rmw-crossing pf-smap-implicit',
    'debug': 'step-hlt step-lss',
    'fpu': 'gp-fxrstor-mxcsr gp-ldmxcsr-reserved mf-next-x87 mf-store mf-store-wrote-nothing '
           'mxcsr-kept nm-mmx pf-movups-store-nothing sse-denormal-flag ud-xm-without-osxmmexcpt '
           'x87-stack-overflow xm-divide xm-keeps-destination',
    'prot32': 'gp-code-limit gp-expand-down-16-bit-top gp-expand-down-below gp-expand-down-edge '
              'gp-limit-crossing gp-limit-page-granular gp-limit-wrap '
              'gp-limit-write gp-null-segment gp-pae-pdpte-reserved gp-read-only gp-write-code '
              'pae-pdptes-are-registers pae-reserved paging32-4m-reserved ss-limit ss-limit-ebp '
              'ss-limit-pop ss-limit-pop-keeps-esp',
    'task32': 'db-task-switch db-task-switch-bt ts-bad-ds-eip-of-new-task',
    'mode32': 'real-limit-interrupt-13 v86-limit',
    'events': 'rep-data-breakpoint-rf rep-fault-rf rep-step-rf',
    'detail': 'mfence-with-66 pcommit-absent',
}

SVM = {
    # VMRUN takes DR7 from the VMCB without arming the breakpoints; they work without a hypervisor.
    'debug': 'data-read data-write-dr6 data-write-in-8-bytes data-write-is-trap data-write-overlap '
             'data-write-push data-write-rep exec-breakpoint-count exec-breakpoint-dr1 '
             'exec-breakpoint-dr6 exec-breakpoint-is-fault mov-ss-data-breakpoint mov-ss-int3 '
             'two-exec-breakpoints',
    # rep-exec-breakpoint-once: the same breakpoints.
    # An x87 error with CR0.NE clear raises the physical machine's line 13: FERR_FREEZE, which we
    # ask for, is not intercepted.
    'events': 'rep-exec-breakpoint-once x87-error-is-irq13 x87-error-status',
    # AMD's SYSCALL of 32-bit code goes to CSTAR even when that is 0, and nothing intercepts it.
    'detail': 'syscall-from-32-bit-without-cstar',
}


def of(kernel):
    return set((TCG.get(kernel, '') + ' ' + SVM.get(kernel, '')).split())
