# SPDX-License-Identifier: Apache-2.0
# make bench: our engine against QEMU's TCG and against the host.
# BENCH holds the options of tests/bench/bench.py, such as --quick.
BENCH ?=
BENCH_SRC := $(sort $(wildcard tests/bench/guest/*.c))
BENCH_BIN := $(BENCH_SRC:tests/bench/guest/%.c=build/bench/guest/%)

# Programs for the guest: plain static ones, at -O2 whatever the variant.
$(BENCH_BIN): build/bench/guest/%: tests/bench/guest/%.c tests/bench/guest/bench.h
	@mkdir -p $(@D)
	@echo "  GUEST   $@"
	@gcc -std=gnu11 -O2 -static -Wall -Wextra -Wshadow -Werror -o $@ $<

.PHONY: bench bench-setup
bench-setup:
	@if [ -x tools/setup.sh ]; then tools/setup.sh build guest debian bench; fi

bench: ## measure against QEMU's TCG and native (BENCH="--quick")
	@$(MAKE) --no-print-directory bench-setup
	@$(MAKE) --no-print-directory build/trivet debian-base $(BENCH_BIN)
	@test -s build/guest/vmlinuz || $(MAKE) --no-print-directory guest-files
	@/usr/bin/python3 tests/bench/bench.py $(BENCH)
