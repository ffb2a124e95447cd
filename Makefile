# One way to do each thing. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UNIT := crds identity audit sidecar operator ledger cli
E2E := e2e/dist/http e2e/dist/regress e2e/dist/postgres e2e/dist/attribution e2e/dist/evidence e2e/dist/control e2e/dist/gateway e2e/dist/capture e2e/dist/bypass e2e/dist/fuzz e2e/dist/demo e2e/dist/harness
TEST_CLUSTER := cairn-test

.PHONY: help generate generate-kubernetes manifests demo test test-unit test-e2e test-kafka test-keycloak test-chart test-apiserver cluster cluster-down cluster-demo test-cluster check format build setup images bench bench-http bench-postgres bench-gateway bench-admission bench-reconcile bench-cluster bench-ledger fuzz soak test-regress clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: build ## three nested agents on this machine, every action attributed and provable
	@npx --no-install cairn demo

test: build check test-unit test-e2e test-apiserver test-chart ## everything but the suites that need Java or a cluster

test-unit: build ## the packages' own tests
	@node tools/run-tests.mjs $(UNIT)

test-e2e: build ## real servers and real clients
	@tools/need.sh psql curl nft ip ping strace openssl python3 javac mvn
	@node tools/run-tests.mjs $(E2E)

test-kafka: build ## a real Kafka broker
	@tools/need.sh java mvn kcat
	@node tools/run-tests.mjs e2e/dist/kafka

test-keycloak: build ## a real Keycloak, by OpenID Connect and by SAML
	@tools/need.sh java mvn unzip
	@node tools/run-tests.mjs e2e/dist/keycloak

test-chart: build ## the Helm chart on a real API server, and the pages that speak of it
	@tools/need.sh go setpriv flock
	@node e2e/dist/harness/kubernetes/main.js
	@node tools/run-tests.mjs e2e/dist/chart

test-apiserver: build ## the operator on a real Kubernetes API server, which is built once from Go modules (minutes)
	@tools/need.sh go setpriv flock python3
	@node e2e/dist/harness/kubernetes/main.js
	@node tools/run-tests.mjs e2e/dist/apiserver

cluster: build ## a one-node Kubernetes on this machine (CLUSTER=cairn): containerd, kubelet, Cilium; built once, which takes minutes
	@node e2e/dist/harness/cluster/main.js up --name $(or $(CLUSTER),cairn)

cluster-down: build ## end it; nothing but its logs stays
	@node e2e/dist/harness/cluster/main.js down --name $(or $(CLUSTER),cairn)

cluster-demo: build ## the demo as pods in a real cluster, which it brings up and leaves up (CLUSTER=cairn)
	@tools/need.sh go setpriv flock java mvn psql
	@CLUSTER=$(or $(CLUSTER),cairn) node e2e/dist/cluster/demo/main.js

test-cluster: build ## suites with real pods and real network policies, in a cluster of their own
	@tools/need.sh java mvn unzip kcat psql script python3
	@end() { kill $$(jobs -p) 2> /dev/null; wait; for name in $(TEST_CLUSTER) cairn-second; do node e2e/dist/harness/cluster/main.js down --name $$name; done; }; \
	trap end EXIT; trap 'exit 130' INT; trap 'exit 143' TERM HUP; \
	{ node e2e/dist/harness/cluster/main.js up --name $(TEST_CLUSTER) > /dev/null & wait $$!; } && \
	{ CLUSTER=$(TEST_CLUSTER) node tools/run-tests.mjs --one-cluster e2e/dist/cluster & wait $$!; }

check: build ## types, lint, import direction, unused exports, format
	@npx --no-install oxlint --type-aware --quiet
	@node tools/check-imports.mjs
	@npx --no-install knip
	@npx --no-install oxfmt --check .

format: ## rewrite the sources in the project's format
	@npx --no-install oxfmt .

setup: node_modules/.package-lock.json

node_modules/.package-lock.json: package-lock.json
	@echo "installing npm packages ..." >&2
	@npm ci --loglevel=error
	@touch $@

build: setup ## compile every package
	@npx --no-install tsc --build

generate: build ## the CRD manifests, the chart's copies and the policy reference, from the schemas
	@node crds/dist/generate/main.js
	@node operator/dist/admission/manifests/main.js

generate-kubernetes: ## how Kubernetes' own kinds read from protobuf, from the Go types of the version in e2e/go/kubernetes
	@tools/need.sh go
	@set -o pipefail; cd e2e/go/kubernetes; to=$(CURDIR)/cli/schema/kubernetes.json.gz; \
	PATH="$$PATH:/usr/local/go/bin" CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly go run ./protobuf-schema | gzip -9n > $$to.draft && mv $$to.draft $$to

manifests: build ## the chart as plain manifests in dist/manifests (VALUES=file.yaml)
	@tools/need.sh go
	@node e2e/dist/chart/manifests/main.js dist/manifests $(if $(VALUES),--values $(VALUES))

images: build ## Cairn's images as archives with their bills of materials in dist/images, without an engine
	@tools/need.sh nft flock
	@node e2e/dist/harness/images/main.js dist/images

bench: build ## every benchmark; appends to docs/benchmarks.md
	@tools/need.sh nginx wrk pgbench pgbouncer taskset
	@node bench/dist/main.js all

bench-http: build ## HTTP against nginx (JSON=1 for JSON lines)
	@tools/need.sh nginx wrk taskset
	@node bench/dist/main.js http

bench-postgres: build ## PostgreSQL against pgbouncer (JSON=1 for JSON lines)
	@tools/need.sh pgbench pgbouncer taskset
	@node bench/dist/main.js postgres

bench-gateway: build ## strict mode: no gateway against one, two and four replicas (JSON=1 for JSON lines)
	@tools/need.sh nginx wrk taskset
	@node bench/dist/main.js gateway

bench-admission: build ## the admission webhook against a trivial one (JSON=1 for JSON lines)
	@tools/need.sh taskset
	@node bench/dist/main.js admission

bench-reconcile: build ## the operator over PODS=5000 pods and POLICIES=200 policies on a real API server (JSON=1 for JSON lines)
	@tools/need.sh taskset go setpriv flock
	@node e2e/dist/harness/kubernetes/main.js
	@node bench/dist/main.js reconcile

bench-cluster: build ## what Cairn costs a pod: start, memory, CPU of PODS=50 pods in a cluster of their own (RECORD=1 adds it to docs/benchmarks.md)
	@trap 'node e2e/dist/harness/cluster/main.js down --name bench' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
	node e2e/dist/harness/cluster/main.js up --name bench > /dev/null && CLUSTER=bench node bench/dist/main.js cluster

bench-ledger: build ## the ledger with EVENTS=10000000 events
	@node bench/dist/main.js ledger

fuzz: build ## ten minutes of fuzzing (SECONDS=600) of HTTP and PostgreSQL framing
	@node e2e/dist/fuzz/main.js

test-regress: build ## PostgreSQL's own regression scripts through a sidecar (SCRIPTS="int4 text" for some, CONTROL=1 without the sidecar)
	@tools/need.sh psql
	@node e2e/dist/regress/main.js

soak: build ## memory over REQUESTS=500000 requests on long-lived connections
	@node e2e/dist/soak/main.js

clean: ## remove what builds and demos left
	@! ls .cairn/cluster/*/pid > /dev/null 2>&1 || { echo 'a cluster is up: make cluster-down first' >&2; exit 1; }
	@rm -rf dist */dist .cairn
