# The front door. Building is CMake's work (CMakePresets.json); this installs what it needs, calls it, and
# names the few things one does with the project. Everything is built below build*/.
.PHONY: all build run test test-long bench fuzz clean help

all: build

build: ## compile, axcompile, axrunmodel and axc-pass in build/bin
	@scripts/install-deps.sh build
	@cmake --preset release >/dev/null
	@cmake --build --preset release

run: ## the shipped example: quantize, compile, run, compare with float32
	@scripts/install-deps.sh run
	@$(MAKE) --no-print-directory build
	@examples/run.sh

test: ## all tests: release, ASan+UBSan, Clang, fault injection; the last line counts them
	@scripts/install-deps.sh test
	@scripts/make-venv.sh
	@scripts/run-tests.sh

test-long: ## the same and everything that takes longer
	@scripts/install-deps.sh test
	@scripts/make-venv.sh
	@scripts/run-tests.sh long

bench: ## side by side with ONNX Runtime
	@scripts/install-deps.sh test
	@scripts/make-venv.sh
	@$(MAKE) --no-print-directory build
	@bench/run.sh

fuzz: ## fuzz whatever reads a file (FUZZ_SECONDS=600 per target)
	@scripts/install-deps.sh fuzz
	@scripts/fuzz.sh

clean:
	rm -rf build build-*

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile
