# One command for each habit. `make demo` and `make test` do all the set-up they need.

SWIFT ?= swift
KVSIM := .build/release/kvsim
DEMO := .build/demo
SOURCES := Package.swift Sources Tests

.PHONY: demo test test-deep test-c test-arm64 test-sanitized test-sanitized-c test-vulkan shaders \
	check-shaders bench bench-lengths format lint release clean setup setup-arm64 setup-vulkan \
	setup-chromium setup-cluster build

# Plays Scenarios/quickstart.yaml on the shipped profile of an H200 in three KV formats; then
# measures this machine, and plays Scenarios/two-cores.yaml on it.
demo: build
	@mkdir -p $(DEMO)
	$(KVSIM) run Scenarios/quickstart.yaml --trace $(DEMO)/h200.db --force
	$(KVSIM) calibrate --device cpu --seconds 90 --output $(DEMO)/cpu.json --force
	$(KVSIM) run Scenarios/two-cores.yaml --profile $(DEMO)/cpu.json \
	  --trace $(DEMO)/cpu.db --force
	@echo "Ask the traces: sqlite3 $(DEMO)/h200.db 'select format, count(*), avg(ttft_ns)/1e9 from request group by format'"

build: setup
	$(SWIFT) build -c release --product kvsim

test: setup setup-vulkan setup-chromium setup-cluster lint
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build

# The kernels in C under AddressSanitizer and UndefinedBehaviorSanitizer, through their check.
# Undefined behaviour traps: Swift links no runtime that would describe it.
SANITIZED := .build-sanitized
test-sanitized: setup
	$(SWIFT) build -c release --product kvsim --scratch-path $(SANITIZED) --sanitize=address \
	  -Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined
	$(SANITIZED)/release/kvsim kernels check --quick

# The same tests with more random worlds, shapes and mutations.
test-deep: setup setup-vulkan setup-chromium setup-cluster lint
	$(SWIFT) build --build-tests
	KVSIM_TEST_DEPTH=10 $(SWIFT) test --skip-build

# Do all paths of the CPU kernels agree? Without Swift, so that it runs where Swift does not.
# Swift's toolchain brings a clang; it need not be on the path.
CLANG ?= $(or $(shell command -v clang),$(dir $(realpath $(shell command -v $(SWIFT))))clang)
AGREEMENT := .build/agreement
AGREEMENT_SOURCES := $(wildcard Sources/CAttention/*.[ch] Sources/CAttention/include/*.h \
  Tests/CAttentionTests/*.[ch])
AGREEMENT_BUILD = mkdir -p $(AGREEMENT) && $(CLANG) -Wall -Wextra -Werror -fuse-ld=lld \
  -ISources/CAttention/include $(filter %.c,$^) -lm -o $@

# The paths of this machine.
test-c: $(AGREEMENT)/native
	$<

# The arm64 path, on an emulated CPU.
test-arm64: setup-arm64 $(AGREEMENT)/arm64
	qemu-aarch64 $(AGREEMENT)/arm64

# The paths of this machine again, where leaving memory or undefined behaviour ends the run.
test-sanitized-c: $(AGREEMENT)/sanitized
	$<

$(AGREEMENT)/native: $(AGREEMENT_SOURCES)
	$(AGREEMENT_BUILD) -O2
$(AGREEMENT)/arm64: $(AGREEMENT_SOURCES) | setup-arm64
	$(AGREEMENT_BUILD) -O2 --target=aarch64-linux-gnu -static
$(AGREEMENT)/sanitized: $(AGREEMENT_SOURCES)
	$(AGREEMENT_BUILD) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

# The Vulkan kernels on llvmpipe, a GPU made of software, under the Khronos validation layer, with its
# checks of how copies and fills are kept apart: any message of it fails the run. Nearly all of its four minutes are
# llvmpipe's compiling; the tests run a small part of it. Then a profile of llvmpipe, which says
# nothing of any GPU but that one can be made.
test-vulkan: setup-vulkan build
	KVSIM_VULKAN_VALIDATION=1 $(KVSIM) kernels check --quick --device vulkan:llvmpipe
	$(KVSIM) calibrate --device vulkan:llvmpipe --seconds 20 -o .build/llvmpipe.json --force

# SPIR-V is checked in beside its source, so that nobody needs a compiler for it.
shaders: setup-vulkan
	Sources/CVulkan/Shaders/compile
check-shaders: setup-vulkan
	Sources/CVulkan/Shaders/compile --check

# Speed and memory: 100,000 requests simulated and stored, and a million on one replica; that again, a
# million as long as Azure's, and ten million over a hundred replicas, not stored, each step by step
# too; how time and memory grow with requests, and what the loop allocates. Never part of the tests.
BENCH := .build/bench
TIMED := command time -f '%e s elapsed, %U s of a processor, %M kB at the peak' $(KVSIM) run
bench: build bench-lengths
	$(call install,time)
	cd Tests/Benchmarks && $(SWIFT) package -c release --disable-sandbox benchmark --no-progress
	$(TIMED) Tests/Benchmarks/poisson-100k.yaml --trace $(BENCH)/bench.db --force
	$(TIMED) Tests/Benchmarks/one-replica.yaml --trace $(BENCH)/bench.db --force
	$(TIMED) Tests/Benchmarks/one-replica.yaml --no-trace
	$(TIMED) Tests/Benchmarks/one-replica.yaml --no-trace --exact-steps
	$(TIMED) Tests/Benchmarks/azure-lengths.yaml --no-trace
	$(TIMED) Tests/Benchmarks/azure-lengths.yaml --no-trace --exact-steps
	$(TIMED) Tests/Benchmarks/hundred-replicas.yaml --no-trace
	$(TIMED) Tests/Benchmarks/hundred-replicas.yaml --no-trace --exact-steps
	Tests/Benchmarks/growth.sh $(KVSIM) Tests/Benchmarks/one-replica.yaml
	CLANG=$(CLANG) Tests/Benchmarks/allocations.sh $(KVSIM) Tests/Benchmarks/one-replica.yaml

# Prompts and outputs of Azure's conversations, a length a line.
bench-lengths:
	@mkdir -p $(BENCH)
	tail -n +2 Scenarios/traces/azure-conversation.csv | cut -d, -f2 > $(BENCH)/azure-prompt-tokens.csv
	tail -n +2 Scenarios/traces/azure-conversation.csv | cut -d, -f3 > $(BENCH)/azure-output-tokens.csv

# One binary without a Swift runtime beside it.
release: setup
	$(SWIFT) build -c release --static-swift-stdlib --product kvsim --scratch-path .build-static
	@ls -l .build-static/release/kvsim

format:
	$(SWIFT) format --in-place --parallel --recursive $(SOURCES)

lint:
	$(SWIFT) format lint --strict --parallel --recursive $(SOURCES)

clean:
	rm -rf .build .build-static $(SANITIZED) Tests/Benchmarks/.build

# Debian's packages, asked for only where they are missing; a Swift toolchain must be there.
setup:
	@command -v $(SWIFT) >/dev/null || { echo "kvsim needs Swift 6.2 or later: \
	https://www.swift.org/install/linux/" >&2; exit 1; }
	$(call install,libsqlite3-dev libvulkan-dev)

# A Vulkan device made of software, the validation layer, and a compiler and checker of SPIR-V.
setup-vulkan:
	$(call install,mesa-vulkan-drivers vulkan-validationlayers glslang-tools spirv-tools)

# A browser that opens reports, and a font, so that pictures of them are the same everywhere.
setup-chromium:
	$(call install,chromium fonts-dejavu-core)

# What spreads sweeps over machines, for a cluster and hosts on loopback, and a checker of scripts.
# Tests start their own daemons; those that come with the packages stay off.
setup-cluster:
	$(call install,slurm-wlm munge parallel openssh-client openssh-server shellcheck,$(start_nothing))

# Debian asks this file whether a package may start its daemons. One that stands there is kept.
start_nothing = policy=/usr/sbin/policy-rc.d; \
  if [ ! -e $$policy ]; then \
    trap "$$as rm -f $$policy" EXIT; trap 'exit 130' INT TERM; \
    printf '\#!/bin/sh\nexit 101\n' | $$as tee $$policy >/dev/null; $$as chmod 755 $$policy; \
  fi;

# A C library and its start files for arm64, and an emulator of its CPUs.
setup-arm64:
	$(call install,gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)

define install
@missing=$$(for package in $(1); do \
  dpkg -s $$package >/dev/null 2>&1 || echo $$package; done); \
if [ -n "$$missing" ]; then \
  if [ "$$(id -u)" = 0 ]; then as=; else as=sudo; fi; \
  $(2) \
  $$as apt-get update -q && $$as apt-get install -q -y --no-install-recommends $$missing; \
fi
endef
