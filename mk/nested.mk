# SPDX-License-Identifier: Apache-2.0
# The KVM engine for real: QEMU's emulated AMD-V runs Debian's kernel with KVM,
# which runs our guests (tests/nested). A program of its own is built for that
# bed, without the sanitizers, which take their time under an emulator.
KVM_SRC := $(filter src/engine/kvm/%,$(HOSTED_SRC))
build/obj/asan/kvm.a: $(KVM_SRC:%=build/obj/asan/%.o)
build/obj/release/kvm.a: $(KVM_SRC:%=build/obj/release/%.o)
build/obj/asan/kvm.a build/obj/release/kvm.a:
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^
build/unit/test_kvm: build/obj/asan/kvm.a

build/nested/test_kvm: tests/unit/test_kvm.c tests/unit/fake_platform.c build/obj/release/kvm.a \
		build/obj/release/libtrivet.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -O1 -o $@ $^ -lcmocka -pthread

build/nested/bench_kvm: tests/nested/bench_kvm.c build/obj/release/kvm.a \
		$(foreach f,platform mutex counter log,build/obj/release/src/host/$(f).c.o) \
		build/obj/release/libtrivet.a
	@mkdir -p $(@D)
	$(call say,BENCH,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -Isrc/engine/kvm -O2 -o $@ $^ -pthread

.PHONY: bench-nested
bench-nested: ## what the KVM engine adds to an exit, and its start beside QEMU's, in the nested bed
	@tools/setup.sh build guest bench
	@+$(SUBMAKE) build/trivet build/nested/bench_kvm guest-files
	@/usr/bin/python3 tests/nested/bench.py

.PHONY: check-nested
check-nested: ## the KVM engine under QEMU's emulated AMD-V
	@tools/setup.sh build guest test bench
	@+$(SUBMAKE) build/trivet build/nested/test_kvm guest-files
	@/usr/bin/python3 tools/check.py --bed nested
