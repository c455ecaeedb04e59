# SPDX-License-Identifier: Apache-2.0
#
# Everything runs inside the Debian 13 root of scripts/build-root, which is made on first use.
# The results are under build/. "make help" lists the targets.

# One make at a time works in a tree: the goals are made by a second make, which has the lock.
ifndef VACCEL_LOCKED
goals := $(or $(MAKECMDGOALS),all)
$(sort $(goals)): locked
	@:
locked:
	+@[ -w . ] || { echo "make: cannot write to $(CURDIR): build in a copy of the sources that you own" >&2; \
		exit 1; }; \
	flock -n . true || echo "make: another make works in $(CURDIR); waiting for its end" >&2; \
	flock -o . $(MAKE) --no-print-directory VACCEL_LOCKED=1 $(goals)
.PHONY: locked $(goals)
else

in_root := scripts/in-root
serieses := 6.1 6.12 7.3
meson_setup := meson setup --prefix=/usr/local --libdir=lib -Dauto_features=enabled
# Engines whose libraries only the full root has
large := -Dplugin-torch=enabled -Dplugin-opencv=enabled
sanitize := -Db_sanitize=address,undefined -Db_lundef=false

all: user driver

user: build/plain/build.ninja
	$(in_root) meson compile -C build/plain

build/plain/build.ninja:
	$(in_root) $(meson_setup) build/plain

# The same, instrumented: for "make check".
sanitized: build/sanitized/build.ninja
	$(in_root) meson compile -C build/sanitized

build/sanitized/build.ninja:
	$(in_root) $(meson_setup) $(sanitize) build/sanitized

# Both once more in the full root, with every engine.
full: build/full/build.ninja build/full-sanitized/build.ninja
	$(in_root) --full meson compile -C build/full
	$(in_root) --full meson compile -C build/full-sanitized

build/full/build.ninja:
	$(in_root) --full $(meson_setup) $(large) build/full

build/full-sanitized/build.ninja:
	$(in_root) --full $(meson_setup) $(large) $(sanitize) build/full-sanitized

driver: $(serieses:%=driver-%)

$(serieses:%=driver-%): driver-%:
	$(in_root) $(MAKE) -C driver KDIR=/kernels/$*/headers CC=gcc BUILD=/src/build/driver/$*

stage: user
	rm -rf build/stage
	$(in_root) meson install -C build/plain --quiet --no-rebuild --destdir /src/build/stage

vm: stage driver
	$(in_root) packaging/vm/build-vm build/vm build/stage build/driver

demo: vm
	scripts/demo

demo-engines: full
	scripts/demo-engines

check: vm sanitized full
	scripts/check

# The plugins of engines that Debian does not have, with these engines, and public models; both are fetched into the cache.
check-engines: user vm
	scripts/check-engines

# Both, with one sum
check-all: vm sanitized full
	scripts/check --engines

# Public models: where they are, and their licences
models:
	scripts/models

# What bench/goals lists, natively and in a VM. BENCH_BIG=1: also transfers of up to 8 GiB.
bench: vm
	bench/run

# Many clients on one service
bench-clients: user
	$(in_root) env LD_LIBRARY_PATH=build/plain/src:build/plain/plugins bench/clients

# A model server's answers by the plugin oip, and by libcurl alone
bench-oip: user
	$(in_root) bench/oip

# Symbols, layouts, values and headers against vAccel 0.8.
abi: user
	$(in_root) meson test -C build/plain --no-rebuild --suite abi --print-errorlogs

# FUZZ_SECONDS: how long each fuzzer runs (default 60)
fuzz:
	$(in_root) scripts/fuzz

# Kills of the worker under load: TORTURE_KILLS natively (1000), TORTURE_VM_KILLS in a VM (100)
torture: vm
	scripts/torture

# The tests of user space under ThreadSanitizer, the unit tests under valgrind.
sanitizers:
	$(in_root) scripts/sanitizers

# Who dies, and what the others see: compared with docs/kill-matrix.md
kill-matrix: user
	$(in_root) scripts/kill-matrix

# Calls of all kinds at once: STRESS_SECONDS natively, plain and under the thread sanitizer (600), and
# STRESS_VM_SECONDS in a VM (180)
stress: vm build/tsan/build.ninja
	$(in_root) meson compile -C build/tsan
	scripts/stress

build/tsan/build.ninja:
	$(in_root) $(meson_setup) -Db_sanitize=thread -Db_lundef=false build/tsan

# Which lines of src/ and host/ the unit and integration tests run; at least 90 % of src/.
coverage:
	$(in_root) scripts/coverage

# The driver under a kernel with KASAN, lockdep and kmemleak, which is built first.
debug-kernel-check:
	scripts/debug-kernel

# Debian's QEMU with our patches, for the launcher and test/vm/patched-qemu.test.
qemu:
	packaging/qemu/build-qemu --test

# The driver against each kernel's headers.
sparse:
	scripts/sparse

# ARCH: some of amd64, arm64, armhf; TARGETS: some of deb, tar, vm, image (default: all)
dist:
	scripts/in-root --dist packaging/dist/make-dist /src/dist \
		"$(or $(ARCH),amd64 arm64 armhf)" "$(or $(TARGETS),deb tar vm image)"

# What "make dist" made, tried in bare roots, under prefixes and in VMs of all architectures.
# PARTS: some of deb, tar, vm, image, bad, cross, dkms, source (default: all of these), again (are two runs the same?)
check-dist:
	scripts/in-root --dist packaging/dist/check-dist /src/dist \
		"$(or $(ARCH),amd64 arm64 armhf)" "$(or $(PARTS),deb tar vm image bad cross dkms source)"

clean:
	rm -rf build

help:
	@echo 'make          build user space and the driver (for kernels $(serieses))'
	@echo 'make full     build also the engines that are too large for the usual build root'
	@echo 'make demo     build, boot VMs and run examples in them; build/demo/index.html shows what they recognised'
	@echo 'make demo-engines'
	@echo '              show each engine with one answer'
	@echo 'make check    build and run all tests; ends with "N passed, N failed"'
	@echo 'make check-engines'
	@echo '              fetch TensorFlow, OpenVINO, llama.cpp and public models, and test them with the plugins'
	@echo 'make check-all'
	@echo '              both, with one sum'
	@echo 'make models   fetch public models, and print where they are and their licences'
	@echo 'make bench    measure calls natively and in a VM, against unix sockets and vsock'
	@echo 'make abi      compare the library and its headers with vAccel 0.8'
	@echo 'make fuzz     run the fuzzers, each for FUZZ_SECONDS (60)'
	@echo 'make torture  kill the worker under load, 1,000 times natively and 100 times in a VM'
	@echo 'make sanitizers'
	@echo '              run the tests of user space under ThreadSanitizer and valgrind'
	@echo 'make kill-matrix'
	@echo '              kill each process in each state, and compare with docs/kill-matrix.md'
	@echo 'make stress   calls of all kinds at once, 10 minutes natively and 3 in a VM'
	@echo 'make coverage run the tests of user space and print which lines of the sources they reach'
	@echo 'make sparse   check the driver with sparse'
	@echo 'make debug-kernel-check  build a kernel with KASAN, lockdep and kmemleak, and test the driver in it'
	@echo 'make qemu     build QEMU with the patches of packaging/qemu'
	@echo 'make vm       build the VM artifacts in build/vm'
	@echo 'make dist     make packages, VM artifacts and container images in dist/ (ARCH=, TARGETS=)'
	@echo 'make check-dist try them: install, run, remove, boot; ends with "N passed, N failed"'
	@echo 'VACCEL_QUIET=1 make ...  says nothing while the build root, or packages, are made'
	@echo 'make clean    remove build/ (scripts/build-root --remove deletes the build root)'

.PHONY: all user sanitized driver $(serieses:%=driver-%) stage vm demo demo-engines bench bench-clients bench-oip check check-engines check-all models abi fuzz torture kill-matrix \
	stress sanitizers coverage debug-kernel-check qemu sparse dist check-dist clean help

endif
