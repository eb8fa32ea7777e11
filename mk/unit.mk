# SPDX-License-Identifier: Apache-2.0
# Unit tests: tests/unit/test_*.c, each its own program under ASan and UBSan,
# linked with the freestanding rooms and a fake platform. Fuzz targets:
# tests/fuzz/fuzz_*.c. A source names libraries it needs in a line `// LIBS: -lx`.
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=build/unit/%)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_SECONDS ?= 10
# A test program that hangs ends after so long, as failed.
UNIT_SECONDS ?= 300

TEST_CFLAGS := $(filter-out -Wmissing-prototypes,$(BASE_CFLAGS)) -Itests/unit -D_GNU_SOURCE
libs_of = $(shell sed -n 's,^// LIBS: ,,p' $(1))

# One compilation each, so that every source's headers are known to make.
.SECONDARY: build/obj/asan/fake_platform.o build/obj/fuzz/fake_platform.o
build/obj/%/fake_platform.o: tests/unit/fake_platform.c tests/unit/fake_platform.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(VARIANT_$*_CC) $(TEST_CFLAGS) $(VARIANT_$*_FLAGS) -c $< -o $@

build/unit/%: tests/unit/%.c build/obj/asan/fake_platform.o build/obj/asan/libtrivet.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) $(VARIANT_asan_FLAGS) -MMD -MP -MF $@.d -o $@ $< $(filter %fake_platform.o %.a,$^) \
		-lcmocka -pthread $(call libs_of,$<)
-include $(UNIT_BIN:=.d)

build/fuzz/%: tests/fuzz/%.c build/obj/fuzz/fake_platform.o build/obj/fuzz/libtrivet.a
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(TEST_CFLAGS) $(VARIANT_fuzz_FLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ \
		$< $(filter %fake_platform.o %.a,$^) -pthread $(call libs_of,$<)
-include $(FUZZ_BIN:=.d)

.PHONY: unit fuzz
unit: $(UNIT_BIN) ## unit tests, under ASan and UBSan
	@fail=0; printf '%s\n' $^ | xargs -P$(JOBS) -I{} sh -c \
		'timeout $(UNIT_SECONDS) {} >{}.log 2>&1 || { echo "FAILED {}"; tail -n 40 {}.log; exit 1; }' || fail=1; \
	cat $(UNIT_BIN:=.log) | awk '/^\[  PASSED  \]/ {p += $$4} /^\[  FAILED  \] [0-9]+ test/ {f += $$4} \
		END {printf "unit: %d passed, %d failed\n", p, f}'; exit $$fail

fuzz: $(FUZZ_BIN) ## every fuzz target for FUZZ_SECONDS each
	@for t in $^; do n=$$(basename $$t); mkdir -p build/fuzz/corpus/$$n; echo "$$n: $(FUZZ_SECONDS) s"; \
	$$t -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/$$n- \
		build/fuzz/corpus/$$n $$(ls -d tests/fuzz/corpus/$$n 2>/dev/null) >$$t.log 2>&1 \
		|| { tail -n 30 $$t.log; exit 1; }; done
