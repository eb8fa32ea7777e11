# SPDX-License-Identifier: Apache-2.0
# The libyaml calls of the VM-file reader: libcyaml's own pkg-config file does
# not name what it is built on.
HOST_PKGS += yaml-0.1

.PHONY: lint
lint: ## layering, headers that stand alone, both compilers' warnings
	@/usr/bin/python3 tools/lint_layers.py
	@/usr/bin/python3 tools/lint_compile.py --gcc='$(CC)' --clang='$(CLANG)' \
		--flags='$(BASE_CFLAGS)' --free='$(FREE_CFLAGS)' --host='$(HOST_CFLAGS)'
