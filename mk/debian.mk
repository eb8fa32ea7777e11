# SPDX-License-Identifier: Apache-2.0
# A whole Debian on a disk: built once in build/debian/base, which the tests
# copy, and copied to build/debian for the user, whose changes stay.
DEBIAN_SIZE ?= 1G
DEBIAN_TOOLS := $(filter-out %/install.sh,$(wildcard tools/debian/*))

build/debian/id_ed25519:
	@mkdir -p $(@D)
	@ssh-keygen -q -t ed25519 -N '' -C trivet-debian -f $@

build/debian/base/disk.img: build/debian/id_ed25519 $(DEBIAN_TOOLS)
	$(call say,DEBIAN,$(@D))
	$(Q)tools/debian/build.sh $(@D) $< build/download/debian $(DEBIAN_SIZE)

.PHONY: debian debian-base
debian: ## a Debian with systemd on a disk, in build/debian
	@tools/setup.sh debian
	@+$(SUBMAKE) debian-base
	@tools/debian/install.sh build/debian/base build/debian

debian-base: build/debian/base/disk.img
