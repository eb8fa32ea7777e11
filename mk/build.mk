# SPDX-License-Identifier: Apache-2.0
# Compiling the rooms: one object tree per variant, one archive per variant.
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang

# make V=1 shows the commands.
ifeq ($(V),)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

# A make within: silent when there is nothing to do, and on every CPU unless the
# user said how many.
JOBS ?= $(shell nproc)
SUBMAKE = $(MAKE) -s --no-print-directory $(if $(filter -j% --jobs%,$(MAKEFLAGS)),,-j$(JOBS))

WARN := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wvla -Werror
BASE_CFLAGS := -std=gnu11 -g -Iinclude -Isrc/arch/x86/include -fno-strict-aliasing \
	-fno-common -fPIE -fstack-protector-strong $(WARN)
FREE_CFLAGS := -ffreestanding
# The program's own dependencies, asked for only when a host file is compiled.
HOST_PKGS := libcyaml libseccomp
HOST_CFLAGS = -D_GNU_SOURCE -pthread $(shell pkg-config --cflags $(HOST_PKGS) 2>/dev/null)
# libslirp without pkg-config: that would want the headers of its own dependencies.
HOST_LIBS = -pthread -lslirp $(shell pkg-config --libs $(HOST_PKGS) 2>/dev/null)

FREE_SRC := $(sort $(wildcard src/lib/*.c src/core/*.c src/arch/x86/*.c src/arch/x86/*.S \
	src/device/*.c src/pci/*.c src/virtio/*.c src/machine/*.c src/engine/soft/*.c))
HOSTED_SRC := $(sort $(wildcard src/engine/kvm/*.c src/host/*.c))

# $(1) variant; VARIANT_<v>_CC and VARIANT_<v>_FLAGS say how.
VARIANT_release_CC = $(CC)
VARIANT_release_FLAGS := -O2
VARIANT_asan_CC = $(CC)
VARIANT_asan_FLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
VARIANT_fuzz_CC = $(CLANG)
VARIANT_fuzz_FLAGS := -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer
VARIANTS := release asan fuzz

define variant_rules
FREE_OBJ_$(1) := $$(FREE_SRC:%=build/obj/$(1)/%.o)
HOSTED_OBJ_$(1) := $$(HOSTED_SRC:%=build/obj/$(1)/%.o)
$$(FREE_OBJ_$(1)): build/obj/$(1)/%.o: % mk/build.mk
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(VARIANT_$(1)_CC) $$(BASE_CFLAGS) $$(FREE_CFLAGS) $$(VARIANT_$(1)_FLAGS) -MMD -MP -c $$< -o $$@
$$(HOSTED_OBJ_$(1)): build/obj/$(1)/%.o: % mk/build.mk
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(VARIANT_$(1)_CC) $$(BASE_CFLAGS) $$(HOST_CFLAGS) $$(VARIANT_$(1)_FLAGS) -MMD -MP -c $$< -o $$@
build/obj/$(1)/libtrivet.a: $$(FREE_OBJ_$(1))
	@rm -f $$@
	$$(call say,AR,$$@)
	$$(Q)ar rcs $$@ $$^
-include $$(FREE_OBJ_$(1):.o=.d) $$(HOSTED_OBJ_$(1):.o=.d)
endef
$(foreach v,$(VARIANTS),$(eval $(call variant_rules,$(v))))

build/trivet: $(HOSTED_OBJ_release) build/obj/release/libtrivet.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(HOST_LIBS)

# The same program under ASan and UBSan: slow, for hunting.
build/trivet-asan: $(HOSTED_OBJ_asan) build/obj/asan/libtrivet.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(VARIANT_asan_FLAGS) -o $@ $^ $(HOST_LIBS)
