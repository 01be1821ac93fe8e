# How a person drives this project. `make` alone lists the targets.

GO       ?= go
BIN      := $(CURDIR)/bin
KPLB     := $(BIN)/kplb
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null)
TOOLS    := $(or $(KPLB_TOOLS),$(HOME)/.cache/kplb/tools)
LINT_VERSION := v2.15.0
LINT     := $(TOOLS)/golangci-lint-$(LINT_VERSION)
# HAProxy and keepalived are daemons: where they are not installed, the tests have unpacked ones
DAEMONS  := $(foreach d,haproxy keepalived,$(if $(shell PATH=$$PATH:/usr/sbin:/sbin command -v $(d)),,$(TOOLS)/$(d)))
# sshd is a daemon, and needed by tests only: where it is not installed, they have an unpacked one
SSHD     := $(if $(wildcard /usr/sbin/sshd),,$(TOOLS)/sshd)
PROMTOOL := $(or $(shell command -v promtool),$(TOOLS)/promtool)
LAB      := $(CURDIR)/lab/lab
LAB_TAGS := e2e,faults,load,bench,failover,restarts

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/kplb
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X github.com/kplb/kplb/cmd.version=$(VERSION)" -o $(KPLB) ./cmd/kplb

.PHONY: test
test: checkers ## unit tests with the race detector, and every golden by the real haproxy and keepalived
	KPLB_REQUIRE_CHECKERS=$(if $(filter 0,$(shell id -u)),1) $(GO) test -race ./...

.PHONY: programs
programs: checkers ## every program of a change killed before each of its commands, and failing at each, under every shell and in every way back (ten minutes)
	KPLB_PROGRAMS=all $(GO) test -count=1 -timeout 60m -run '^TestPrograms' ./node

.PHONY: checkers
checkers: $(PROMTOOL) $(DAEMONS) $(SSHD) # what the tests call, installed by root and named for others
	@missing=; for c in ip:iproute2 nft:nftables unshare:util-linux ssh:openssh-client dash:dash busybox:busybox-static; do \
		PATH=$$PATH:/usr/sbin:/sbin command -v $${c%%:*} >/dev/null || missing="$$missing $${c##*:}"; done; \
	[ -z "$$missing" ] || if [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "kplb: the tests need packages that are missing:$$missing; apt-get install them" >&2; exit 1; fi

$(TOOLS)/promtool: # from Debian's package, whose service nobody wants here
	rm -rf $@.new && mkdir -p $@.new
	cd $@.new && { apt-get -qq -o APT::Sandbox::User=root download prometheus || { apt-get update -qq && apt-get -qq -o APT::Sandbox::User=root download prometheus; }; }
	dpkg-deb -x $@.new/prometheus_*.deb $@.new
	mv $@.new/usr/bin/promtool $@
	rm -rf $@.new

$(TOOLS)/haproxy $(TOOLS)/keepalived: lab/unpack.sh
	lab/unpack.sh $(notdir $@) $@

$(TOOLS)/sshd: # unpacked with the library that OpenSSH's client does not need; nothing is installed or started
	rm -rf $@.new $(TOOLS)/unpacked/sshd && mkdir -p $@.new $(TOOLS)/unpacked/sshd
	cd $@.new && { apt-get -qq -o APT::Sandbox::User=root download openssh-server libwrap0 || { apt-get update -qq && apt-get -qq -o APT::Sandbox::User=root download openssh-server libwrap0; }; }
	for archive in $@.new/*.deb; do dpkg-deb -x $$archive $(TOOLS)/unpacked/sshd || exit 1; done
	rm -rf $@.new
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$$@"\n' "$$(dirname $(TOOLS)/unpacked/sshd/*/*/*/libwrap.so.0 $(TOOLS)/unpacked/sshd/*/*/libwrap.so.0 2>/dev/null | grep -v '[*]' | head -1)" $(TOOLS)/unpacked/sshd/usr/sbin/sshd >$@.new
	chmod +x $@.new && mv $@.new $@

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (30s) each
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(or $(FUZZTIME),30s) $$package || exit 1; \
		done; \
	done

.PHONY: lint
lint: $(LINT) ## go vet, golangci-lint, gofmt, shellcheck
	$(GO) vet ./...
	$(GO) vet -tags '$(LAB_TAGS)' ./lab/...
	$(LINT) run ./...
	$(LINT) run --build-tags '$(LAB_TAGS)' ./lab/...
	@command -v shellcheck >/dev/null || [ "$$(id -u)" != 0 ] || { apt-get update -qq && apt-get install -y -qq --no-install-recommends shellcheck; }
	shellcheck -x lab/lab lab/boot.sh lab/join.sh lab/demo.sh lab/unpack.sh lab/uml/init.sh lab/uml/run.sh lab/kubeadm/kubelet-ground .ci/run
	@# they are parts that are put together: names come from elsewhere; `a && b || c` and unquoted constants are meant
	shellcheck -s sh -e SC2154,SC2317,SC2015,SC1010,SC2086,SC2034 node/programs/*.sh
	shellcheck -s sh -e SC1091,SC2013,SC2094,SC2154,SC2317,SC2015,SC1010,SC2086,SC2034 node/programtest/*.sh node/programtest/standin/*

$(LINT):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS)/new GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv $(TOOLS)/new/golangci-lint $@

.PHONY: golden
golden: ## write the golden files anew; look at the diff before you commit it
	$(GO) test ./inventory ./render ./kubeadm ./drill ./record -update
	$(GO) test -count=1 -run '^TestAudit$$' ./verify -update
	KPLB_UPDATE_SCRIPTS=1 $(GO) test -count=1 ./cmd ./report -update

.PHONY: demo
demo: build ## three real nodes on this machine (root), an apply, and /healthz through the VIP
	lab/demo.sh

.PHONY: demo-down
demo-down: ## remove what demo made
	$(LAB) down --name demo

.PHONY: e2e
e2e: build ## what lands a change: one path through each capability on real machines, among them a kubeadm cluster, and a few faults of each class (root; the first time builds Kubernetes)
	$(LAB) image
	$(LAB) kubernetes
	$(GO) test -tags e2e -count=1 -timeout 50m -v ./lab/e2e ./lab/standin
	$(MAKE) faults-fast

.PHONY: e2e-all
e2e-all: build ## the whole acceptance, before an issue is called resolved (root, an hour)
	$(LAB) image
	$(LAB) kubernetes
	E2E=all $(GO) test -tags e2e -count=1 -timeout 120m -v ./lab/e2e ./lab/standin

.PHONY: exposures
exposures: build ## every way from one exposure to another, and back by themselves (root, ten minutes)
	EXPOSURES=all $(GO) test -tags e2e -count=1 -timeout 40m -v -run 'TestExposures$$' ./lab/e2e

.PHONY: ipvs
ipvs: build ## exposure ipvs, on this kernel if it has ip_vs, and else on one that is built for it (root; the first time 10 minutes more)
	$(GO) test -tags e2e -c -o $(BIN)/e2e.test ./lab/e2e
	cd lab/e2e && $(LAB) with-ipvs env IPVS=1 $(BIN)/e2e.test -test.run '^TestIPVS' -test.v -test.timeout 120m

.PHONY: drills
drills: build ## kplb drill with every fault, on real machines (root, three minutes)
	DRILLS=all $(GO) test -tags e2e -count=1 -timeout 20m -v -run 'TestDrill$$' ./lab/e2e

.PHONY: faults-fast
faults-fast: build fault-tools ## a few faults of each class (root, some minutes)
	FAULTS_FAST=1 $(GO) test -tags faults -count=1 -timeout 30m -v ./lab/faults

.PHONY: fault-tools
fault-tools: # what the faults need on this machine besides the lab's own
	@ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends libfaketime; }

.PHONY: faults
faults: build fault-tools ## some hundred injected faults, judged by an independent checker (root, an hour and more); table in docs/
	FAULTS_TABLE=$(CURDIR)/docs/faults-table.md $(GO) test -tags faults -count=1 -timeout 90m -v ./lab/faults

.PHONY: drill-report
drill-report: build ## ten faults, 30 times each, on kplb's profiles and on what people set up by hand (root, more than an hour); table in docs/
	FAILOVER_TABLE=$(or $(FAILOVER_TABLE),$(CURDIR)/docs/failover-table.md) $(GO) test -tags failover -count=1 -timeout 6h -v -skip '^TestBusy$$' ./lab/failover

.PHONY: busy
busy: build ## takeovers that nothing is the cause of, while the nodes have far too much to do (root, 25 minutes); table in docs/
	BUSY_TABLE=$(or $(BUSY_TABLE),$(CURDIR)/docs/failover-busy.md) $(GO) test -tags failover -count=1 -timeout 6h -v -skip '^TestReport$$' ./lab/failover

.PHONY: load
load: build ## 100 applies while clients use the VIP (root, some minutes)
	$(GO) test -tags load -count=1 -timeout 40m -v ./lab/load

.PHONY: bench
bench: build ## how long applies take, beside Ansible and plain ssh (root, about 9 minutes; BENCH_TABLE=FILE keeps the table)
	@command -v ansible-playbook >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends ansible-core; }
	$(GO) test -tags bench -count=1 -timeout 25m -v -run '^TestBench$$' ./lab/bench

.PHONY: restarts
restarts: build ## how long an apiserver is away when its manifest changes, and what its users notice, on a kubeadm cluster (root, half an hour); table in docs/
	$(LAB) kubernetes
	RESTARTS_TABLE=$(or $(RESTARTS_TABLE),$(CURDIR)/docs/restart-table.md) $(GO) test -tags restarts -count=1 -timeout 90m -v ./lab/restart

.PHONY: restart-faults
restart-faults: build ## every fault in the middle of an apiserver's restart, on a kubeadm cluster (root, half an hour)
	$(LAB) kubernetes
	RESTART_FAULTS=1 $(GO) test -tags e2e -count=1 -timeout 60m -v -run '^TestMidRestart$$' ./lab/e2e

.PHONY: clean
clean: ## remove what was built here
	rm -rf $(BIN)
