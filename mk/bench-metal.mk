# SPDX-License-Identifier: Apache-2.0
# make bench-metal: exits and a boot on the bare-metal hypervisor in instructions, beside
# KVM in the same emulator. BENCH_METAL holds options of tests/bench/metal/bench.py.
BENCH_METAL ?=

build/bench/metal/exits-intel.elf: EXITS_CFLAGS := -DINTEL
build/bench/metal/exits.elf build/bench/metal/exits-intel.elf: tests/bench/metal/exits.c $(KERNEL_LIB64) $(wildcard tests/kernels/lib/*.h) \
		tests/kernels/lib/kernel.ld
	@mkdir -p $(@D)
	@echo "  KERNEL  $@"
	@gcc -m64 -mno-red-zone -mcmodel=small $(KERNEL_CFLAGS) $(EXITS_CFLAGS) $(KERNEL_LD) -o $@64 $< $(KERNEL_LIB64)
	@objcopy -O elf32-i386 $@64 $@

build/bench/metal/start: tests/bench/metal/start.c
	@mkdir -p $(@D)
	@echo "  GUEST   $@"
	@gcc -std=gnu11 -O2 -static -Wall -Wextra -Wshadow -Werror -o $@ $<

.PHONY: bench-metal
bench-metal: ## exits and a boot on bare metal, in instructions, beside KVM in the same emulator
	@tools/setup.sh build guest metal bench
	@+$(SUBMAKE) build/trivet build/trivet-x86.elf build/bench/metal/exits.elf build/bench/metal/exits-intel.elf build/bench/metal/start guest-files
	@/usr/bin/python3 tests/bench/metal/bench.py $(BENCH_METAL)
