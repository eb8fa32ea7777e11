# SPDX-License-Identifier: Apache-2.0
# Debian's kernel and a small RAM disk as the guest, and running it.
GUEST_EXTRA := $(wildcard build/guest/extra/*)

build/guest/vmlinuz: tools/guest/fetch.sh
	@[ -s $@ ] && touch $@ || tools/guest/fetch.sh build/guest build/download

build/guest/initrd.gz: tools/guest/mkinitrd.sh tools/guest/init $(GUEST_EXTRA)
	@mkdir -p $(@D)
	tools/guest/mkinitrd.sh $@ build/guest/extra

.PHONY: guest guest-files run setup
guest: ## Debian's kernel and a RAM disk, in build/guest
	@tools/setup.sh guest
	@$(MAKE) --no-print-directory guest-files
guest-files: build/guest/vmlinuz build/guest/initrd.gz

setup: ## install the Debian packages that are missing
	@tools/setup.sh build guest test

# A second make, so that it sees what the set-up installed. Without a terminal
# nobody could type: the guest then says its version and powers off.
run: ## set up, build, and run Debian's kernel to its shell
	@tools/setup.sh build guest
	@$(MAKE) --no-print-directory build/trivet guest-files
	@if [ -t 0 ]; then exec build/trivet run tools/guest/debian.yaml; \
	else exec build/trivet run tools/guest/debian.yaml --timeout 300 \
		--append 'console=ttyS0 trivet.auto=poweroff'; fi
