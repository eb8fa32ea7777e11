# SPDX-License-Identifier: Apache-2.0
# Everything is built under build/. `make help` lists the goals.
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

include mk/build.mk
include $(sort $(filter-out mk/build.mk,$(wildcard mk/*.mk)))

.PHONY: all clean help
all: build/trivet ## build the monitor

clean: ## remove what was built (build/guest, build/debian and downloads stay)
	rm -rf $(filter-out build/guest build/download build/debian,$(wildcard build/*))

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1	/p' Makefile mk/*.mk | sort | expand -t 16
