# `make help` lists what there is. Each goal first installs what is missing (third_party/setup).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build demo test fmt conformance setup clean bench-route bench-proxy bench-ca bench-config diff-envoy diff-istio sanitize clang fuzz
MAKEFLAGS += --no-print-directory

FILES ?=
CHECK ?=
MTLS ?=
DATA ?= $(MESH_SHARED)/conformance

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## installs what is missing; silent when nothing is
	@third_party/setup/setup

build: setup  ## bin/meshd, bin/mesh-proxy, bin/meshctl, and the demo's two programs
	@third_party/setup/build

demo: build  ## Bookinfo through the mesh on http://127.0.0.1:8080/productpage; FILES='PATH ...' other YAML; MTLS=off plaintext; CHECK=1 without a person
	@exec bin/demo $(if $(FILES),--files '$(FILES)') $(if $(filter off,$(MTLS)),--nomutual_tls) $(if $(CHECK),--check)

test: setup  ## formatting, layering and all tests; the last line counts them
	@exec tests/run

conformance: build  ## counts answers equal to the originals'; DATA=DIRECTORY
	@exec tests/conformance/run $(DATA)

bench-route: setup  ## the route engine beside its peers: one table, and a plot in bin/route.svg
	@exec benchmarks/route/run

bench-ca: setup  ## certificates, handshakes and authorization beside their floors
	@exec benchmarks/ca/run

bench-config: setup  ## reading and analysing 22,000 objects, beside libyaml and, with ISTIOCTL=PATH, istioctl
	@exec benchmarks/config/run

bench-proxy: build  ## CPU a request through mesh-proxy, Envoy, nginx and haproxy, alternating rounds
	@exec benchmarks/proxy/run

diff-envoy: setup  ## a million random requests over 2,000 random tables, asked of Envoy and of us
	@third_party/setup/peer envoy >/dev/null
	@bazel run --ui_event_filters=-info,-stdout,-stderr --noshow_progress //tests/route:diff_envoy -- $(or $(TABLES),2000) $(or $(REQUESTS),500) $(or $(SEED),1)

diff-istio: build  ## findings and verdicts on meshes made by chance, of a newer Istio's analyzers and of ours; builds that for ten minutes once
	@third_party/setup/peer istio_judge >/dev/null && third_party/setup/peer istioctl >/dev/null
	@exec tests/analysis/against_istio/run --meshctl bin/meshctl --meshes $(or $(MESHES),600) --seed $(or $(SEED),1)

sanitize: setup  ## address, undefined-behaviour and thread sanitizers
	@tests/sanitize asan && exec tests/sanitize tsan

clang: setup  ## everything with clang-16, where a warning is an error
	@third_party/setup/peer libfuzzer >/dev/null && exec bazel build --config=clang --keep_going --show_progress_rate_limit=10 --ui_event_filters=-info -- //mesh/... //tests/... //examples/... //benchmarks/...

fuzz: setup  ## libFuzzer on what others send us: every fuzzer of tests/fuzz/run, or NAME=http1; SECONDS=600 each
	@for name in $(or $(NAME),$$(tests/fuzz/run --list)); do tests/fuzz/run $$name $(or $(SECONDS),600) || exit; done

fmt: setup  ## formats C++, protos and BUILD files in place
	@exec tests/format --fix

clean:  ## removes bin/ and Bazel's output of this folder, not the compile cache
	@bazel clean --expunge; rm -rf bin
