# SPDX-License-Identifier: Apache-2.0
# Instruction semantics against the host CPU: tests/native/.
NATIVE_SRC := $(sort $(wildcard tests/native/*.c tests/native/*.S)) tests/unit/fake_platform.c
NATIVE_OBJ := $(NATIVE_SRC:%=build/obj/native/%.o)
NATIVE_CASES ?= 500

$(NATIVE_OBJ): build/obj/native/%.o: % mk/native.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -MMD -MP -c $< -o $@

build/native/native: $(NATIVE_OBJ) build/obj/release/libtrivet.a
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -o $@ $^ -lcmocka -pthread

-include $(NATIVE_OBJ:.o=.d)

# The small form of the same handlers, as the bare-metal image has them.
NATIVE_SMALL_OBJ := $(patsubst %,build/obj/small/%.o,$(filter src/arch/x86/%,$(FREE_SRC)))
$(NATIVE_SMALL_OBJ): build/obj/small/%.o: % mk/build.mk mk/native.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE_CFLAGS) $(FREE_CFLAGS) -Os -DX86_SMALL -MMD -MP -c $< -o $@
-include $(NATIVE_SMALL_OBJ:.o=.d)

build/native/native_small: $(NATIVE_OBJ) $(NATIVE_SMALL_OBJ) build/obj/release/libtrivet.a
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -o $@ $^ -lcmocka -pthread

.PHONY: native
native: build/native/native build/native/native_small ## instruction semantics compared with the host CPU
	@if [ "$$(uname -m)" = x86_64 ]; then build/native/native $(NATIVE_CASES) && \
		build/native/native_small $(NATIVE_CASES); \
	else echo "native: skipped, the host is not x86-64"; fi
