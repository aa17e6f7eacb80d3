# Thin: what a target does stands in a script. `make help` lists the targets.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build release demo test bench fuzz escapes load docker check fmt docs kernel shell host host-command install uninstall \
	package clean

PREFIX ?= /usr/local
WITH_KVM := Tests/EmulatedHost/with-kvm
STAGED := Tests/EmulatedHost/staged
# As it was typed: `$` is the command's, not make's; a doubled one, as makefiles want it, is taken as one.
export HOST_COMMAND := $(subst $$$$,$$,$(value CMD))

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing (apt packages), build the guest kernel into the cache
	@Setup/setup test

build: ## debug build
	@Setup/setup
	swift build

release: ## release build: build/bin, build/vmlinux, build/initramfs.cpio
	@Setup/setup
	@Setup/release

demo: release ## set up, build, and show the main job
	@Setup/demo

test: setup check release ## check, unit tests, then the tests that need a virtual machine, where KVM works
	@Tests/run

bench: setup release ## measure against QEMU, runc and one container per VM
	@Kernel/with-pci
	@Setup/python-root "$(CURDIR)/build/python"
	@Setup/bench-root "$(CURDIR)/build/bench-root"
	@$(WITH_KVM) -t 7200 -- Tests/Performance/run

fuzz: setup ## run each fuzz target for FUZZ_SECONDS (60)
	@Tests/Fuzz/run

escapes: setup release ## containers that try to get out, or to take what their siblings need (Tests/Escapes)
	@Tests/Escapes/run build
	@$(WITH_KVM) -t 1800 -- $(STAGED) Tests/Escapes/run

docker: setup release ## everyday commands of docker 26 with czone as the runtime (Tests/Docker)
	@Setup/docker-root "$(CURDIR)/build/docker"
	@$(WITH_KVM) -t 2400 -- $(STAGED) Tests/Docker/run

load: setup release ## 10,000 requests over 50 functions while VMs are killed; sixteen containers come and go ten times (Tests/Functions)
	@Setup/function-clients
	@$(WITH_KVM) -t 7200 -- $(STAGED) env CZONE_LOAD_REQUESTS=10000 CZONE_LOAD_FUNCTIONS=50 CZONE_LOAD_CYCLES=10 \
		Tests/Functions/run load_test

check: ## format, dependencies, unsafe marks, sizes, documentation, words
	@Tests/Check/run

fmt: ## format the Swift sources
	swift format format --in-place --parallel --recursive Sources Tests Package.swift

docs: ## DocC's pages of the modules in build/docs; a warning fails
	@Setup/setup
	@Setup/docs

kernel: ## build the guest kernel
	@Kernel/build build

shell: ## a shell where KVM works
	@$(WITH_KVM) --tty -- $(STAGED) bash

host: host-command ## run CMD='…' where KVM works, with build/bin on PATH
	@$(end-with-status)

install: ## copy the release build to PREFIX (/usr/local)
	@Setup/install-files install "$(DESTDIR)$(PREFIX)"

uninstall: ## remove what install copied
	@Setup/install-files uninstall "$(DESTDIR)$(PREFIX)"

package: ## a Debian package of the release build in build/
	@Setup/package

clean: ## remove build products; the cache stays
	rm -rf build .build

# The command's status goes by a file, and make ends with it (Setup/exit-with.c): by itself it knows 0 and 2.
ifeq ($(MAKECMDGOALS),host)
STATUS_FILE := $(shell mktemp)
-load $(shell Setup/exit-with)
take-status = $(file <$(STATUS_FILE))$(shell rm -f $(STATUS_FILE))
end-with-status = $(if $(filter %exit_with.so,$(.LOADED)),$(exit-with $(take-status)),exit $(take-status))
host-command:
	@[ -x build/bin/czone ] || $(MAKE) release </dev/null >&2
	@status=0; $(WITH_KVM) -t 0 -- $(STAGED) bash -c "$$HOST_COMMAND" || status=$$?; echo $$status >$(STATUS_FILE)
endif
