# SPDX-License-Identifier: Apache-2.0
# `make check`: everything that says whether Trivet works, with one count at the
# end. tools/check.py runs the stages and adds up.
CHECK_FUZZ_SECONDS ?= 5

# Tests of the hosted program's own files link those objects.
VMFILE_OBJ = $(patsubst %,build/obj/$(1)/%.o,$(wildcard src/host/vmfile*.c src/host/config*.c) src/host/args.c src/host/net_spec.c)
build/unit/test_vmfile: $(call VMFILE_OBJ,asan)
SANDBOX_OBJ := $(patsubst %,build/obj/asan/%.o,$(wildcard src/host/sandbox*.c))
build/unit/test_net_host: $(foreach f,netq net_csum net_spec,build/obj/asan/src/host/$(f).c.o)
build/unit/test_console: $(foreach f,console outq terminal log,build/obj/asan/src/host/$(f).c.o) $(SANDBOX_OBJ)
build/unit/test_sandbox: $(foreach f,terminal log,build/obj/asan/src/host/$(f).c.o) $(SANDBOX_OBJ)
build/unit/test_disk: $(foreach f,disk disk_io disk_worker disk_uring log terminal,build/obj/asan/src/host/$(f).c.o) $(SANDBOX_OBJ)
build/fuzz/fuzz_vmfile: $(call VMFILE_OBJ,fuzz)

.PHONY: check check-stages boots
boots: build/trivet guest-files debian-base kernels ## boot tests: Debian, test kernels
	/usr/bin/python3 -m pytest -q -n $(JOBS) --dist loadgroup tests/boot tests/kernels

check: ## set up, lint, unit tests, short fuzzing, boots
	@tools/setup.sh build guest debian test
	@+$(SUBMAKE) check-stages

check-stages:
	@+$(SUBMAKE) build/trivet guest-files debian-base kernels $(UNIT_BIN) $(FUZZ_BIN) \
		$(if $(wildcard mk/native.mk),build/native/native) || \
		{ echo "check: 0 passed, 1 failed (the build)"; exit 1; }
	@/usr/bin/python3 tools/check.py --make '$(MAKE)' --fuzz-seconds $(CHECK_FUZZ_SECONDS) \
		--fuzz '$(FUZZ_BIN)' $(if $(wildcard mk/native.mk),--native)
