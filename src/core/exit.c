/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/exit.h>

const char *exit_reason_name(enum exit_reason reason)
{
	static const char *const names[EXIT_REASON_COUNT] = {
		[EXIT_NONE] = "none",	    [EXIT_IO] = "io",
		[EXIT_MMIO] = "mmio",	    [EXIT_MSR] = "msr",
		[EXIT_TPR] = "tpr",	    [EXIT_HALT] = "halt",
		[EXIT_IRQ_WINDOW] = "irq_window",
		[EXIT_SHUTDOWN] = "shutdown", [EXIT_HYPERCALL] = "hypercall",
		[EXIT_EOI] = "eoi",
		[EXIT_FPU_ERROR] = "fpu_error",
		[EXIT_ERROR] = "error",
	};

	return reason < EXIT_REASON_COUNT ? names[reason] : "unknown";
}
