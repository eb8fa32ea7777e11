# SPDX-License-Identifier: Apache-2.0
# Debian's kernel and a small RAM disk as the guest, and running it.
# Small static programs for the guest's /bench, and what else lies in extra/.
GUEST_PROG := $(patsubst tests/guest/%.c,build/guest/extra/%,$(wildcard tests/guest/*.c))
GUEST_EXTRA := $(sort $(GUEST_PROG) $(wildcard build/guest/extra/*))

$(GUEST_PROG): build/guest/extra/%: tests/guest/%.c
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)gcc -std=gnu11 -O2 -static -s -Wall -Wextra -Wshadow -Werror -o $@ $<

build/guest/vmlinuz: tools/guest/fetch.sh
	@if [ -s $@ ] && ls build/guest/kernel/lib/modules/*/kernel/{net/core/failover,net/vmw_vsock/vsock,virt/lib/irqbypass}.ko >/dev/null 2>&1; then touch $@; else tools/guest/fetch.sh build/guest build/download; fi

build/guest/initrd.gz: tools/guest/mkinitrd.sh tools/guest/init tools/guest/udhcpc.script build/guest/vmlinuz $(GUEST_EXTRA)
	@mkdir -p $(@D)
	$(call say,INITRD,$@)
	$(Q)tools/guest/mkinitrd.sh $@ build/guest/extra build/guest/kernel

.PHONY: guest guest-files run setup
guest: ## Debian's kernel and a RAM disk, in build/guest
	@tools/setup.sh guest
	@+$(SUBMAKE) guest-files
guest-files: build/guest/vmlinuz build/guest/initrd.gz

setup: ## install the Debian packages that are missing
	@tools/setup.sh build guest debian test

# A second make, so that it sees what the set-up installed. Without a terminal
# nobody could type: the guest then says its version and powers off.
run: ## set up, build, and run Debian's kernel to its shell
	@tools/setup.sh build guest
	@+$(SUBMAKE) build/trivet guest-files
	@if [ -t 0 ]; then exec build/trivet run tools/guest/debian.yaml; \
	else exec build/trivet run tools/guest/debian.yaml --timeout 300 \
		--append 'console=ttyS0 trivet.auto=poweroff'; fi
