# Everything that is done with this repository. `make` alone says what there is.
#
# What takes long is done once: the control plane is built into a cache outside the checkout, and every target compiles
# with the same features, so that the AWS SDK is compiled once for checking, once for building, once for release.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

TARGET := $(or $(CARGO_TARGET_DIR),target)
LAB := $(TARGET)/debug/lab
CARGO_DENY := 0.20.2
CARGO_AUDITABLE := 0.7.7
CARGO_ABOUT := 0.9.3
CARGO_CYCLONEDX := 0.5.9
MDBOOK := 0.5.4
# Tests on the real parts wait more than they work.
TEST_THREADS ?= 10

# How long the first run usually takes on two cores with empty caches: about half of the processor time.
DEMO_TAKES := 13 to 25 minutes
PROGRAMS_TAKE := 12 to 18 minutes
RELEASE_TAKES := 15 minutes

.PHONY: help
help:
	@echo "make demo       watches one MigrationNetwork become a whole private network, and go again without a trace"
	@echo "make up         the same environment, kept running to explore; says what to try"
	@echo "make down       stops it"
	@echo "make test       everything that a change must pass"
	@echo "make test-full  the same on the real parts, all failures, planted bugs, moto and boto3: before a release"
	@echo "make soak       searches far longer than the tests do for a world in which a promise does not hold"
	@echo "make mutants    plants bugs in a copy of the operator, and fails if one is not caught as its patch says"
	@echo "make fuzz       has libFuzzer look for inputs that break the operator; needs the nightly compiler"
	@echo "make conformance ENDPOINT=URL  compares a model of AWS with what the emulator's sources say; make conformance-aws"
	@echo "                ACCOUNT=ID REGION=NAME PAY_UP_TO=USD compares an AWS account: docs/testing.md says what it costs"
	@echo "make lint       format, clippy with all warnings denied, and the links in the documents"
	@echo "make generate   writes crds/, docs/reference.md, the table of docs/metrics.md, docs/images, and the copies and the table of the chart"
	@echo "make bench      measures calls, times and memory of a release build, also with 1,000 networks; writes target/bench.json"
	@echo "make deny       licences and advisories of the dependencies; installs cargo-deny"
	@echo "make image      builds the image of the operator as an OCI layout; needs buildah, and no daemon"
	@echo "make docs       builds the documentation site; installs mdBook"
	@echo "make build      compiles everything that the others run"
	@echo
	@echo "The first 'make demo' on a machine usually takes $(DEMO_TAKES) on two cores: cargo compiles the AWS SDK for EC2,"
	@echo "which needs 8 GB of memory, and Go compiles etcd and Kubernetes. Later runs take less than a minute."
	@echo "Needed: cargo (https://rustup.rs), make, a C compiler, and Go 1.26 or newer (https://go.dev/doc/install). The demo"
	@echo "needs no Go where etcd, kube-apiserver and kubectl of Kubernetes 1.31 or newer are in KUBEBUILDER_ASSETS, in the"
	@echo "store of setup-envtest, or in PATH; tests, 'make up' and 'make bench' need kube-controller-manager too. Tests need Prometheus."

# Names what is missing and where to get it, before minutes of work. build.sh does the same for Go, unless all is built.
.PHONY: rust-is-there
rust-is-there:
	@command -v cargo >/dev/null || { \
		echo "make: cargo is missing; get Rust $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer from" \
			"https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { \
		echo "make: a C compiler is missing, which some crates need; install gcc or clang (Debian and Ubuntu:" \
			"apt-get install build-essential; macOS: xcode-select --install)" >&2; exit 1; }

# Finds or builds a control plane, prints its folder, and at the same time runs what follows `--beside`: Go keeps the second
# core busy while cargo compiles the EC2 SDK, a single crate.
CONTROL_PLANE := tests/control-plane/build.sh
# By another name: make runs a line that names MAKE itself even if asked to run nothing (`make -n`).
SELF = $(MAKE) --no-print-directory

.PHONY: control-plane
control-plane:
	@$(CONTROL_PLANE) >/dev/null

.PHONY: build
build: programs
	cargo build --workspace

# What the demo runs. The whole workspace is selected all the same: with fewer packages selected, dependencies would have
# fewer features, and `make test` would compile the SDK again.
.PHONY: programs
programs: rust-is-there
	@[[ -x $(LAB) ]] || echo "make: compiling the operator, the AWS emulator and the demo with cargo;" \
		"the first time usually takes $(PROGRAMS_TAKE) on two cores, most of it for the AWS SDK for EC2" >&2
	cargo build --workspace --bin mgnet --bin aws-emulator --bin lab

# The operator as it is released.
.PHONY: release
release: rust-is-there
	@[[ -x $(TARGET)/release/mgnet ]] || echo "make: compiling the operator in the release profile with cargo;" \
		"the first time usually takes $(RELEASE_TAKES) on two cores" >&2
	cargo build --release --package mgnet

# Programs of cargo that a release needs: the list of crates in the binary, licenses, and the software bill of materials.
.PHONY: release-tools
release-tools: rust-is-there
	@for tool in cargo-auditable@$(CARGO_AUDITABLE) cargo-about@$(CARGO_ABOUT) cargo-cyclonedx@$(CARGO_CYCLONEDX); do \
		cargo install --list | grep -qxF "$${tool/@/ v}:" || { \
			echo "make: installing $$tool; takes about 3 minutes on two cores" >&2; \
			cargo install --locked --version "$${tool#*@}" "$${tool%@*}" $$([[ $$tool != cargo-about@* ]] || echo --features cli); }; \
	done

# The image with the operator as it is released, for this machine's architecture: docs/image.md.
.PHONY: image
image: release-tools
	@[[ -x $(TARGET)/release/mgnet ]] || echo "make: compiling the operator in the release profile with cargo;" \
		"the first time usually takes $(RELEASE_TAKES) on two cores" >&2
	cargo auditable build --release --locked --package mgnet --bin mgnet
	release/notices.sh
	deploy/image/build.sh

# What the tests of releases pack: the operator as `make image` builds it, but without optimization, which takes a minute.
PARTS := $(TARGET)/release-parts

.PHONY: release-parts
release-parts: release-tools
	mkdir -p $(PARTS)
	cargo auditable build --workspace --bin mgnet
	strip -o $(PARTS)/mgnet $(TARGET)/debug/mgnet
	release/notices.sh --quick $(PARTS)/third-party.txt

# The documentation site from docs/, into $(TARGET)/site/book.
.PHONY: docs
docs: docs-tools
	docs/site.sh

.PHONY: docs-tools
docs-tools: rust-is-there
	@mdbook --version 2>/dev/null | grep -qxF 'mdbook v$(MDBOOK)' || { \
		echo "make: installing mdBook $(MDBOOK); takes about 3 minutes on two cores" >&2; \
		cargo install --locked --version $(MDBOOK) --no-default-features --features search mdbook; }

# Without kube-controller-manager: the demo deletes no namespace.
.PHONY: demo
demo: rust-is-there
	@assets="$$($(CONTROL_PLANE) etcd kube-apiserver kubectl --beside $(SELF) programs)"; \
	KUBEBUILDER_ASSETS="$$assets" $(LAB) demo

.PHONY: up
up: rust-is-there
	@$(CONTROL_PLANE) --beside $(SELF) programs >/dev/null
	@$(LAB) up

.PHONY: down
down:
	@if [[ -x $(LAB) ]]; then $(LAB) down; else echo "nothing runs"; fi

# The behavior tests whose subject is what an API server does: they run on a real one, too.
ON_REAL_PARTS := create:: classes:: vpc_leases:: on_premises::
# Tests that need packages of Python, programs of Go, minutes of real time, a compiler for planted bugs, or an earlier version
# of the operator: `make test-full` runs them.
ONLY_IN_FULL := --skip boto3:: --skip moto:: --skip fires_and_ends --skip the_planted_bugs_of_the_sample --skip upgrades:: \
	--skip flux:: --skip argocd:: --skip with_helm:: --skip in_full:: --skip dns_servers:: --skip in_browser:: --skip markdown:: \
	--skip consumers::
# The search needs processor time, and the tests on the real parts mostly wait, so they run at the same time.
BESIDE_THE_SEARCH := --skip promises::

# Prometheus, which the tests of the alerts and of the dashboard run.
.PHONY: monitoring-tools
monitoring-tools:
	@tests/monitoring/install.sh

.PHONY: test
test: rust-is-there monitoring-tools control-plane
	@[[ -x $(TARGET)/debug/mgnet ]] || \
		echo "make: compiling; the first time takes about 20 minutes on two cores, most of it for the AWS SDK" >&2
	cargo build --workspace --all-targets
	nice cargo test --workspace --test search >$(TARGET)/search.log 2>&1 & search=$$!; failed=0; \
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --workspace --no-fail-fast -- $(ONLY_IN_FULL) $(BESIDE_THE_SEARCH) || failed=1; \
	MGNET_BACKEND=real RUST_TEST_THREADS=$(TEST_THREADS) cargo test --workspace --test behavior -- $(ON_REAL_PARTS) || failed=1; \
	wait $$search || failed=1; cat $(TARGET)/search.log; exit $$failed

# What `make test` runs a sample of, in full, on the real parts, one after the other.
IN_FULL := MGNET_KILLS=all MGNET_LEADER_KILLS=50 MGNET_FAULTS=all MGNET_TAMPERINGS=all MGNET_ORDERS=all \
	MGNET_SEARCH=all MGNET_PACE=measured MGNET_GENERATED_SPECS=20000 MGNET_FUZZ_TIMES=100

# Everything on both backends, all failures on the real parts, moto, boto3, an upgrade from an earlier version, all planted
# bugs, many inputs of the fuzz targets, and the parts of a release. What needs processor time runs beside the tests that mostly wait.
.PHONY: test-full
test-full: test
	tests/e2e/upgrades/build.sh >/dev/null
	nice $(SELF) searched-in-full >$(TARGET)/searched-in-full.log 2>&1 & searched=$$!; failed=0; \
	$(SELF) on-real-parts-in-full || failed=1; \
	wait $$searched || failed=1; cat $(TARGET)/searched-in-full.log; exit $$failed
	$(MAKE) release-parts docs-tools
	RUST_TEST_THREADS=2 cargo test --workspace --no-fail-fast --test release -- in_full::
	tests/release/chart-from-image.sh $(PARTS)
	$(MAKE) mutants

.PHONY: searched-in-full
searched-in-full:
	$(IN_FULL) cargo test --workspace --no-fail-fast --test targets --test search -- --show-output fuzzed_ promises::crashes
	$(IN_FULL) cargo test --workspace --no-fail-fast --test behavior -- --show-output refusals::

.PHONY: on-real-parts-in-full
on-real-parts-in-full:
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --workspace --no-fail-fast --test conformance --test monitoring
	cargo test --workspace --no-fail-fast --test chart
	tests/hand_off/install.sh
	cargo test --workspace --no-fail-fast --test hand_off
	tests/graph/install.sh >/dev/null
	cargo test --workspace --no-fail-fast --test graph
	tests/gitops/install.sh
	for set in flux argocd kustomize; do tests/tools/build.sh $$set >/dev/null; done
	RUST_TEST_THREADS=3 cargo test --workspace --no-fail-fast --test gitops -- --show-output flux:: argocd::
	MGNET_BACKEND=real RUST_TEST_THREADS=$(TEST_THREADS) cargo test --workspace --no-fail-fast --test behavior
	$(IN_FULL) cargo test --workspace --no-fail-fast --test e2e --test manifests -- --show-output --test-threads=1 \
		kills:: leaders:: api_faults:: watches:: restarts:: deletion_orders:: poison:: upgrades:: agreement:: a_policy
	$(IN_FULL) MGNET_BACKEND=real cargo test --workspace --no-fail-fast --test behavior -- --show-output tampering::

# All crashes, faults, late requests, bad watches and pairs of leaders, then SCHEDULES random schedules from SEED on, of which
# nine in ten have the five faults at least that count.
SCHEDULES ?= 110000
SEED ?= 1

.PHONY: soak
soak: rust-is-there build
	@[[ -x $(TARGET)/release/simulation ]] || \
		echo "make: compiling the search as it is released; the first time takes about 12 minutes on two cores" >&2
	cargo build --release --package simulation
	$(TARGET)/release/simulation --scenario create --crashes 2 --leaders
	$(TARGET)/release/simulation --scenario delete --crashes 2 --leaders
	$(TARGET)/release/simulation --crashes 1 --faults 1000 --late --watches
	$(TARGET)/release/simulation --schedules $(SCHEDULES) --seed $(SEED)

# The cases of tests/conformance against a model of AWS, or an AWS account, whose credentials are in the environment. CASES:
# parts of names, `cheap` or `slow`. A run that was killed is cleaned up by `make conformance-clean-up RUN=...`.
CONFORMANCE := $(TARGET)/debug/conformance
CASES ?=
IN_ACCOUNT = --real-account $(ACCOUNT) --region $(REGION)

.PHONY: conformance-program
conformance-program: rust-is-there
	@[[ -x $(CONFORMANCE) ]] || echo "make: compiling; the first time usually takes $(PROGRAMS_TAKE) on two cores" >&2
	@cargo build --quiet --workspace --bin conformance

.PHONY: conformance
conformance: conformance-program
	@[[ -n '$(ENDPOINT)' ]] || { echo "make: which endpoint? make conformance ENDPOINT=http://127.0.0.1:PORT" >&2; exit 1; }
	@$(CONFORMANCE) run --endpoint $(ENDPOINT) $(if $(REGION),--region $(REGION)) $(addprefix --cases ,$(CASES))

.PHONY: conformance-aws
conformance-aws: conformance-program
	@[[ -n '$(ACCOUNT)' && -n '$(REGION)' ]] || { echo "make: which account? make conformance-aws ACCOUNT=123456789012" \
		"REGION=us-east-1 PAY_UP_TO=3.00" >&2; exit 1; }
	@$(CONFORMANCE) run $(IN_ACCOUNT) $(if $(PAY_UP_TO),--yes-i-pay-up-to $(PAY_UP_TO)) $(addprefix --cases ,$(CASES))

.PHONY: conformance-clean-up
conformance-clean-up: conformance-program
	@[[ -n '$(ACCOUNT)' && -n '$(REGION)' && -n '$(RUN)' ]] || { echo "make: which run? make conformance-clean-up" \
		"ACCOUNT=123456789012 REGION=us-east-1 RUN=..." >&2; exit 1; }
	@$(CONFORMANCE) clean-up $(IN_ACCOUNT) $(RUN)

# Each bug of tests/simulation/mutants, all in one compilation behind switches. MUTANTS: parts of names, or flags of the
# program: --alone (each compiled by itself), --unharmed (each search without a bug first), --threads N.
MUTANTS ?= --unharmed

.PHONY: mutants
mutants: build
	@echo "make: compiling the operator with planted bugs; takes about a minute on two cores" >&2
	$(TARGET)/debug/mutants $(MUTANTS)

# Each target for FUZZ_SECONDS. What is found lands in fuzz/artifacts; the part worth keeping goes to fuzz/corpus, where every
# `make test` runs it. Without a sanitizer, as there is no unsafe code here.
CARGO_FUZZ := 0.13.1
FUZZ_TOOLCHAIN ?= nightly
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= answers plans policies ranges refusals

.PHONY: fuzz
fuzz: rust-is-there
	@rustc +$(FUZZ_TOOLCHAIN) --version >/dev/null 2>&1 || { \
		echo "make: the compiler '$(FUZZ_TOOLCHAIN)' is missing: rustup toolchain install $(FUZZ_TOOLCHAIN)" >&2; exit 1; }
	@cargo fuzz --version 2>/dev/null | grep -qF ' $(CARGO_FUZZ)' || { \
		echo "make: installing cargo-fuzz $(CARGO_FUZZ); takes about 2 minutes on two cores" >&2; \
		cargo install --locked --version $(CARGO_FUZZ) cargo-fuzz; }
	@[[ -d fuzz/target ]] || echo "make: compiling; the first time takes about 20 minutes on two cores" >&2
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/target/found/$$target; \
		cargo +$(FUZZ_TOOLCHAIN) fuzz run --sanitizer none $$target fuzz/target/found/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=60 -print_final_stats=1; \
	done

.PHONY: lint
lint: rust-is-there
	cargo fmt --all --check
	@echo "make: checking; the first time takes about 3 minutes on two cores, most of it for the AWS SDK" >&2
	cargo clippy --workspace --all-targets -- -D warnings
	CARGO_MANIFEST_DIR="$(CURDIR)" rustc --edition 2024 --test -o $(TARGET)/links tests/docs/links.rs
	$(TARGET)/links --quiet

.PHONY: generate
generate: build
	$(TARGET)/debug/mgnet crds --output-dir crds
	$(TARGET)/debug/reference >$(TARGET)/reference.md
	mv $(TARGET)/reference.md docs/reference.md
	MGNET_WRITE_DOCS=1 cargo test --workspace --lib -- the_documentation_lists_all_metrics
	MGNET_WRITE_DOCS=1 cargo test --workspace --test graph -- the_picture_in_the_documents
	MGNET_WRITE_DOCS=1 cargo test --workspace --test chart -- the_readme_lists_all_values the_chart_has_copies

.PHONY: bench
bench: rust-is-there
	@$(CONTROL_PLANE) --beside $(SELF) programs release >/dev/null
	@$(LAB) bench --operator $(TARGET)/release/mgnet
	@$(LAB) memory --operator $(TARGET)/release/mgnet

# The database of advisories is fetched from the network. Without it: make deny DENY_CHECKS="bans licenses sources".
DENY_CHECKS ?=

.PHONY: deny
deny: rust-is-there
	@cargo deny --version 2>/dev/null | grep -qF ' $(CARGO_DENY)' || { \
		echo "make: installing cargo-deny $(CARGO_DENY); takes about 5 minutes on two cores" >&2; \
		cargo install --locked --version $(CARGO_DENY) cargo-deny; }
	cargo deny --workspace check $(DENY_CHECKS)
