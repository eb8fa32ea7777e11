# SPDX-License-Identifier: Apache-2.0
# Bare-metal test kernels: tests/kernels/*.c, 64-bit unless the name ends in 32.
# Multiboot wants ELF32, so the 64-bit ones are converted after linking.
KERNEL_SRC := $(sort $(wildcard tests/kernels/*.c))
KERNEL_ELF := $(KERNEL_SRC:tests/kernels/%.c=build/kernels/%.elf)
KERNEL_CFLAGS := -std=gnu11 -g0 -O1 -ffreestanding -fno-stack-protector -fno-pie -fcf-protection=none \
	-fno-asynchronous-unwind-tables -mgeneral-regs-only -fno-toplevel-reorder -fno-strict-aliasing \
	-Wall -Wextra -Wshadow -Werror -Itests/kernels
KERNEL_LIB64 := tests/kernels/lib/start64.S tests/kernels/lib/trap64.S tests/kernels/lib/lib.c tests/kernels/lib/init64.c tests/kernels/lib/tsc.c tests/kernels/lib/smp64.S
KERNEL_LIB32 := tests/kernels/lib/start32.S tests/kernels/lib/trap32.S tests/kernels/lib/lib.c tests/kernels/lib/init32.c
KERNEL_LD := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,--no-warn-rwx-segments -Wl,-T,tests/kernels/lib/kernel.ld

build/kernels/%32.elf: tests/kernels/%32.c $(KERNEL_LIB32) $(wildcard tests/kernels/lib/*.h) tests/kernels/lib/kernel.ld
	@mkdir -p $(@D)
	@echo "  KERNEL  $@"
	@gcc -m32 -march=i686 $(KERNEL_CFLAGS) $(KERNEL_LD) -o $@ $< $(KERNEL_LIB32)

build/kernels/%.elf: tests/kernels/%.c $(KERNEL_LIB64) $(wildcard tests/kernels/lib/*.h) tests/kernels/lib/kernel.ld
	@mkdir -p $(@D)
	@echo "  KERNEL  $@"
	@gcc -m64 -mno-red-zone -mcmodel=small $(KERNEL_CFLAGS) $(KERNEL_LD) -o $@64 $< $(KERNEL_LIB64)
	@objcopy -O elf32-i386 $@64 $@

.PHONY: kernels kernel-tests
kernels: $(KERNEL_ELF) ## bare-metal test kernels

kernel-tests: build/trivet kernels ## the test kernels on our engine
	/usr/bin/python3 -m pytest -q tests/kernels
