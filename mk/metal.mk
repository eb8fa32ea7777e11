# SPDX-License-Identifier: Apache-2.0
# The bare-metal hypervisor: the freestanding rooms and src/metal in one image.
METAL_SRC := $(sort $(wildcard src/lib/*.c src/core/*.c src/arch/x86/*.c src/arch/x86/*.S \
	src/device/*.c src/pci/*.c src/virtio/*.c src/machine/*.c src/engine/hw/*.c \
	src/engine/svm/*.c src/engine/svm/*.S src/engine/vmx/*.c src/engine/vmx/*.S \
	src/metal/common/*.c src/metal/x86/*.c src/metal/x86/*.S))
# What no VM has on metal: src/metal/common/absent.c.
METAL_SRC := $(filter-out src/virtio/vsock% src/virtio/balloon%,$(METAL_SRC))
METAL_OBJ := $(METAL_SRC:%=build/obj/metal/%.o)
# No red zone: interrupts come on the running stack. The guest's FPU state is in the
# registers, so only the rooms that run x87 and SSE for it may touch those.
METAL_CFLAGS = $(filter-out -fPIE -fstack-protector-strong,$(BASE_CFLAGS)) $(FREE_CFLAGS) -Isrc/metal \
	-fno-pie -mcmodel=small -mno-red-zone -fcf-protection=none -fno-asynchronous-unwind-tables \
	-fno-stack-protector -ffunction-sections -fdata-sections -falign-functions=1 -falign-jumps=1 \
	-falign-loops=1 $(METAL_LTO)
METAL_GENERAL := -mgeneral-regs-only -mpreferred-stack-boundary=3
# The rooms are put together by the compiler, in one piece: smaller, and no calls between them on
# the way of an exit. gcc's own; with another compiler without.
METAL_LTO := $(if $(findstring gcc,$(CC)),-flto=2 -flto-partition=one)
METAL_FPU_OBJ := $(filter build/obj/metal/src/arch/x86/fpu% build/obj/metal/src/arch/x86/sse%,$(METAL_OBJ))
$(METAL_FPU_OBJ): METAL_GENERAL := -mno-avx -mincoming-stack-boundary=3
# Small rather than fast, instructions included, which run one at a time here; but for
# the way of an exit. What gcc 12 does to arguments, functions with one caller, dominators and loops
# makes more code, not less.
METAL_LESS := -fno-ipa-sra -fno-inline-functions-called-once -fno-tree-dominator-opts \
	-fno-caller-saves -fno-tree-loop-im -fno-move-loop-invariants
METAL_OPT := $(if $(findstring gcc,$(CC)),-Oz $(METAL_LESS),-Os)
$(filter build/obj/metal/src/arch/x86/%,$(METAL_OBJ)): METAL_OPT += -DX86_SMALL
METAL_FAST := $(foreach f,engine/svm/run engine/svm/exits engine/vmx/run engine/vmx/exits engine/hw/quick \
	engine/hw/context engine/hw/tags core/vcpu core/bus core/access core/irq \
	pci/func pci/msix virtio/pci arch/x86/cpuid engine/vmx/state engine/hw/event engine/hw/step \
	metal/common/clock metal/x86/counter,build/obj/metal/src/$(f).c.o)
$(METAL_FAST): METAL_OPT := -O2 -DX86_SMALL

$(METAL_OBJ): build/obj/metal/%.o: % mk/build.mk mk/metal.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(METAL_CFLAGS) $(METAL_OPT) $(METAL_GENERAL) -MMD -MP -c $< -o $@
-include $(METAL_OBJ:.o=.d)

# Multiboot 1 loaders want ELF32; addresses are low.
build/trivet-x86.elf64: $(METAL_OBJ) src/metal/x86/link.ld
	$(call say,LINK,$@)
	$(Q)$(CC) $(METAL_CFLAGS) $(METAL_OPT) $(METAL_GENERAL) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--gc-sections \
		-Wl,-T,src/metal/x86/link.ld -o $@ $(METAL_OBJ) -lgcc
build/trivet-x86.elf: build/trivet-x86.elf64
	$(Q)objcopy -S -O elf32-i386 $< $@

# What of it is no processor's has unit tests.
METAL_PARTS := $(patsubst %,metal/common/%,pages heap options bundle ramdisk mactable netswitch) \
	engine/hw/tags
define METAL_PARTS_RULES
METAL_$(1)_OBJ := $$(METAL_PARTS:%=build/obj/$(1)/src/%.c.o)
$$(METAL_$(1)_OBJ): build/obj/$(1)/%.o: % mk/build.mk
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(VARIANT_$(1)_CC) $$(BASE_CFLAGS) $$(FREE_CFLAGS) $$(VARIANT_$(1)_FLAGS) -MMD -MP -c $$< -o $$@
-include $$(METAL_$(1)_OBJ:.o=.d)
endef
$(eval $(call METAL_PARTS_RULES,asan))
$(eval $(call METAL_PARTS_RULES,fuzz))
build/unit/test_metal build/unit/test_netswitch build/unit/test_hw: $(METAL_asan_OBJ)
build/fuzz/fuzz_bundle build/fuzz/fuzz_netswitch: $(METAL_fuzz_OBJ)

METAL_CPU ?= max
METAL_QEMU = qemu-system-x86_64 -accel tcg -M q35 -cpu $(METAL_CPU) -m 2048 -nodefaults -nographic \
	-no-reboot -serial mon:stdio

# What a grub-mkrescue ISO of the machine of `make run` needs.
build/trivet.iso: build/trivet build/trivet-x86.elf tools/guest/debian.yaml build/guest/vmlinuz build/guest/initrd.gz
	$(call say,ISO,$@)
	$(Q)build/trivet image tools/guest/debian.yaml -o $@

METAL_UNIT := test_metal test_netswitch test_hw test_move

.PHONY: metal run-metal check-metal check-long
metal: build/trivet-x86.elf ## the bare-metal hypervisor's image

# Ctrl-a x leaves QEMU, Ctrl-] is the hypervisor's own prompt.
run-metal: ## Debian's kernel on the bare-metal hypervisor, from an ISO in QEMU
	@tools/setup.sh build guest metal
	@+$(SUBMAKE) build/trivet.iso
	@$(METAL_QEMU) -cdrom build/trivet.iso -boot d

check-metal: ## the bare-metal hypervisor in emulated AMD-V (QEMU, Bochs) and VT-x (Bochs)
	@tools/setup.sh build guest test metal
	@+$(SUBMAKE) build/trivet build/trivet-x86.elf guest-files kernels $(METAL_UNIT:%=build/unit/%)
	@for t in $(METAL_UNIT); do build/unit/$$t >build/unit/$$t.log 2>&1 || \
		{ cat build/unit/$$t.log; exit 1; }; done
	@/usr/bin/python3 tools/check.py --bed metal

check-long: ## what of it takes many minutes: Bochs with two processors
	@tools/setup.sh build guest test metal
	@+$(SUBMAKE) build/trivet build/trivet-x86.elf guest-files kernels
	@/usr/bin/python3 tools/check.py --bed long
