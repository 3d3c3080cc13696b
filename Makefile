# Each target works alone on a machine that has Go and reaches the package
# registries, as root or as an ordinary user. `make help` lists them.

SHELL       := /bin/sh
.DEFAULT_GOAL := help

BIN         := $(CURDIR)/bin
DEV_DIR     := $(CURDIR)/.dev
SQL_LOG     := $(BIN)/sql-log

# What to test; e.g. make test PKG=./ledger/... TESTFLAGS='-run Balance -v'. A package
# may take TEST_TIME, on a machine that is slow and has much else to do.
PKG         ?= ./...
TESTFLAGS   ?=
TEST_TIME   ?= 60m

# Packages whose tests talk to a broker; test-kafka runs them against Apache
# Kafka, the whole flows on a broker of their own: its topics are then theirs.
KAFKA_FLOW_PKG ?= ./cmd/tenor/...
KAFKA_PKG      ?= ./internal/devstack ./internal/stream/...

# Packages that hold rules, beside helpers of tests (named …test), and the share
# of statements that the tests of each must reach.
RULE_PKG    ?= ./internal/blob ./internal/casefile ./internal/command ./internal/config ./internal/database \
	./internal/event ./internal/groupcommit ./internal/httpapi ./internal/money ./internal/privacy ./internal/stream \
	./internal/upload ./amortization/... ./ledger/... ./servicing/... ./origination/... ./notification/... \
	./identity/... ./gateway/...
COVER_MIN   ?= 80

GOLANGCI_VERSION    := v2.15.0
GOVULNCHECK_VERSION := v1.9.0

# A file of schedule vectors and the tools that tests ask for a second opinion,
# each with its Debian package. `make test` brings those that are missing, below
# TOOLS when it is not root, and says which cannot be had.
VECTORS     ?= ../shared/vectors/open.json
TOOLS       := $(CURDIR)/.tools
SECOND_OPINIONS := pdfsig=poppler-utils pdftotext=poppler-utils qpdf=qpdf openssl=openssl hledger=hledger \
	bean-check=beancount bean-query=beancount

# Packages whose work is concurrent.
RACE_PKG    ?= ./internal/app ./internal/command ./internal/groupcommit ./internal/stream

# How long and how hard `make faults` drills; an hour: make faults FAULTS_FLAGS='--duration 60m --rate 75 --seed 2'
FAULTS_FLAGS ?= --duration 90s --warmup 2s --rate 40 --scale 0.25

# Which deliberate bugs `make mutants` drills (all of them), and how long each.
MUTANTS      ?=
MUTANT_FLAGS ?= --duration 60s --warmup 2s --rate 40 --scale 0.25

# An archive of the Go vulnerability database, for machines that cannot reach it.
VULNDB_TGZ  ?= ../shared/data/go-vulndb-20260821.tgz

.PHONY: help build demo up clean test test-race race test-kafka cover lint fmt vulncheck check faults mutants openapi \
	devexec debtools

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the tenor binary into bin/
	go build -trimpath -o $(BIN)/tenor ./cmd/tenor

demo: build ## Walk one loan from registration to closing, check every figure, stop
	@exec $(BIN)/tenor demo

up: build ## Keep the whole platform running with seeded officers; Ctrl-C stops it
	@exec $(BIN)/tenor up --dir $(DEV_DIR)

clean: devexec ## Remove the kept data, the built binaries and the tools
	@$(BIN)/devexec -clean $(DEV_DIR)
	rm -rf $(BIN) $(TOOLS) coverage.out

test: devexec debtools ## Run all tests, then lint every SQL statement that they executed
	@rm -rf $(SQL_LOG)
	@$(BIN)/debtools -dir $(TOOLS) $(SECOND_OPINIONS)
	@export PATH="$(TOOLS)/bin:$$PATH" TENOR_TEST_VECTORS="$$(test -f "$(VECTORS)" && realpath "$(VECTORS)")"; \
		TENOR_TEST_SQL_LOG_DIR=$(SQL_LOG) $(BIN)/devexec -- go test -timeout $(TEST_TIME) $(TESTFLAGS) $(PKG)
	@TENOR_TEST_SQL_LINT_DIR=$(SQL_LOG) go test -count=1 -timeout $(TEST_TIME) ./internal/database/sqllint
	@test -f "$(VECTORS)" || echo "NOT RUN: the schedule, events and journal vectors; there is no $(VECTORS)"

test-race: devexec ## Run all tests under the race detector (needs a C compiler)
	@CGO_ENABLED=1 $(BIN)/devexec -- go test -race -timeout $(TEST_TIME) $(TESTFLAGS) $(PKG)

test-kafka: devexec ## Run the broker tests against a real Apache Kafka (needs Java 17)
	@$(BIN)/devexec -kafka -- go test -count=1 -timeout $(TEST_TIME) $(TESTFLAGS) $(KAFKA_PKG)
	@$(BIN)/devexec -kafka -- go test -count=1 -timeout $(TEST_TIME) $(TESTFLAGS) $(KAFKA_FLOW_PKG)

cover: devexec ## Report coverage; fail where a package of rules is below COVER_MIN percent
	@$(BIN)/devexec -- go test -timeout $(TEST_TIME) -coverprofile=coverage.out $(PKG) > $(BIN)/cover.txt; \
		failed=$$?; cat $(BIN)/cover.txt; exit $$failed
	@go tool cover -func=coverage.out | tail -1
	@go list $(RULE_PKG) | grep -v 'test$$' | awk -v min=$(COVER_MIN) ' \
		FILENAME == "-" { rule[$$1] = 1; next } \
		{ for (i = 1; i <= NF; i++) { if ($$i in rule) { name = $$i; delete rule[name] } else if ($$i ~ /\//) name = ""; \
			if (name && $$i == "coverage:" && $$(i+1) !~ /^\[/ && $$(i+1) + 0 < min) low = low " " name } } \
		END { for (name in rule) low = low " " name " (not tested)"; \
			if (low) print "below " min " %:" low; exit low != "" }' - $(BIN)/cover.txt

lint: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) ## Check style and house rules with golangci-lint
	$(BIN)/golangci-lint-$(GOLANGCI_VERSION) run $(PKG)

fmt: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) ## Format the code as lint wants it
	$(BIN)/golangci-lint-$(GOLANGCI_VERSION) fmt $(PKG)

vulncheck: $(BIN)/govulncheck-$(GOVULNCHECK_VERSION) ## Look for known vulnerabilities that the code reaches
	@test -f "$(VULNDB_TGZ)" || { echo "vulncheck: NOT RUN: no vulnerability database at $(VULNDB_TGZ)." \
		"Give one with VULNDB_TGZ=…" >&2; exit 1; }
	go run ./internal/tools/vulndb -archive "$(VULNDB_TGZ)" -out $(BIN)/vulndb -govulncheck $<
	$< -db file://$(BIN)/vulndb $(PKG)

check: lint vulncheck test race ## Everything a change has to pass

race: ## Run the concurrent packages under the race detector (needs a C compiler)
	@$(MAKE) --no-print-directory test-race PKG="$(RACE_PKG)"

faults: build ## Kill, cut and freeze everything while payments are taken, then hold the books to account
	@go build -buildvcs=false -o $(BIN)/bench ./bench
	@exec $(BIN)/bench run faults --tenor $(BIN)/tenor --report $(BIN)/faults $(FAULTS_FLAGS)

mutants: ## Drill platforms with deliberate bugs, each of which has to be caught
	@go build -buildvcs=false -o $(BIN)/bench ./bench
	@exec $(BIN)/bench mutants $(MUTANTS) --report $(BIN)/mutants $(MUTANT_FLAGS)

openapi: build ## Write docs/openapi.json anew from the services' own descriptions
	@$(BIN)/tenor openapi > $(BIN)/openapi.json
	@mv $(BIN)/openapi.json docs/openapi.json

# The programs below are built first and then run, so that signals reach them
# and not a `go run` in front of them.
debtools:
	@go build -buildvcs=false -o $(BIN)/debtools ./internal/tools/debtools

devexec:
	@go build -buildvcs=false -o $(BIN)/devexec ./internal/devstack/devexec

$(BIN)/golangci-lint-$(GOLANGCI_VERSION):
	@echo "building golangci-lint $(GOLANGCI_VERSION) (once, some minutes)"
	@GOFLAGS= GOBIN=$(BIN)/new go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(BIN)/new/golangci-lint $@ && rmdir $(BIN)/new

$(BIN)/govulncheck-$(GOVULNCHECK_VERSION):
	@GOFLAGS= GOBIN=$(BIN)/new go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@mv $(BIN)/new/govulncheck $@ && rmdir $(BIN)/new
