# SPDX-License-Identifier: Apache-2.0
# What a person types. The build itself is CMake's: CMakeLists.txt, src/CMakeLists.txt, CMakePresets.json.
#
#   make          the programs, in build/bin        make asan|tsan   the unit tests under sanitizers
#   make test     the unit tests                    make fuzz        every fuzzer, FUZZ_SECONDS (60) each
#   make demo     the whole story                   make bench       the figures
#   make check    every test there is               make lint        the house rules
#   make format   clang-format                      make coverage    gcov counters of the unit tests
#   make soak     an hour of random faults under CometBFT and ten minutes of them at full load; bench/RESULTS.md
#   make cometbft the pinned engine for many machines, build/bin/cometbft (a minute; Go comes with tools/setup --check)
#   make cometbft-next   the other one that is tested, v0.40.0, build/bin/cometbft-0.40
#
# tools/setup installs what this needs; ./demo and ./check call it.
export FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc)
env := if [ -f build/env.sh ]; then . ./build/env.sh; fi;
fixed_addresses := $(shell setarch -R true 2>/dev/null && echo setarch -R)# the thread sanitizer needs them on new kernels

all: build-release
build-%: build/%/build.ninja
	@$(env) cmake --build --preset $* -j $(JOBS)
build/%/build.ninja: CMakePresets.json
	@$(env) cmake --preset $* && touch $@

test: build-release
	@$(env) ctest --preset release -j $(JOBS)
asan tsan: %: build-%
	@$(env) $(fixed_addresses) ctest --preset $@ -j $(JOBS)
coverage: build-coverage
	@$(env) ctest --preset coverage -j $(JOBS)
fuzz: build-fuzz
	@exec tools/fuzz build/fuzz/fuzzers
bench: build-release
	@$(env) exec bench/run
cometbft:
	@$(env) cd tools/cometbft && go build -mod=readonly -trimpath -buildvcs=false -o ../../build/bin/cometbft \
		github.com/cometbft/cometbft/cmd/cometbft && ../../build/bin/cometbft version
	@$(env) cd test/peers && go build -mod=readonly -trimpath -buildvcs=false -o ../../build/bin/ ./doublesign ./forge ./querycheck
# v0.40.0 calls itself 0.39.0; what stands behind the plus is where CometBFT's own Makefile puts a commit.
cometbft-next:
	@$(env) cd tools/cometbft-0.40 && go build -mod=readonly -trimpath -buildvcs=false \
		-ldflags '-X github.com/cometbft/cometbft/version.TMGitCommitHash=v0.40.0' -o ../../build/bin/cometbft-0.40 \
		github.com/cometbft/cometbft/cmd/cometbft && ../../build/bin/cometbft-0.40 version
soak: build-release cometbft
	@$(env) exec bench/run soak
lint:
	@exec tools/lint
format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i
demo check:
	@exec ./$@
clean:
	rm -rf build/bin build/release build/debug build/asan build/tsan build/fuzz build/coverage
.PHONY: all test asan tsan coverage fuzz bench cometbft cometbft-next soak lint format demo check clean
.PRECIOUS: build/%/build.ninja
