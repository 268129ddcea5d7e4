# What people and CI run. Recipes past a few lines are scripts in hack/; .ci/run calls `make test`.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

# One test by name, for the inner loop: make e2e KEEP=1 RUN=TestPromote
RUN      ?= .
# 1 leaves a target's cluster up, so that the next run starts at once.
KEEP     ?=
# How long each fuzz test looks for new inputs; empty runs the inputs that are known.
FUZZTIME ?=
# How many states of each small world make explore goes through at most; 0 goes on until nothing is new.
STATES   ?= 0
# How many runs of each scenario the analysis is measured by.
RUNS     ?= 10000
export KEEP FUZZTIME

# The race detector needs a C compiler, which a bare machine may lack.
RACE := $(if $(shell command -v gcc clang),-race)
export RACE

CACHE   := $(or $(CROSSFADE_CACHE),$(HOME)/.cache/crossfade)
cluster := cd e2e && go run ./cluster/cmd/cluster

# What of the e2e tests needs three nodes, what needs istiod, and what is about evidence. LIKE is what tells little more than
# others do that run each time; SOAK is that, and what takes long.
NODES3   := TestNode
ISTIO    := TestIstio
LIKE     := TestAbortAtHalf|TestAbortBySteps|TestBlueGreenTakenBack|TestFullRollback|TestStableTemplateReappliedAtHalf|$\
  TestReadinessSwitchedOffAtHalf|TestPromotePodsThatExitAtOnce|TestHeadersOfTheCanary|$\
  TestOtherKindsFromHalf/(GRPCRouteSuperseded|Ingress[AS]|TraefikServiceAborted|TCPRoutePromoted|TLSRoute)|$\
  TestNewTemplateInEachPhase/(CanaryStarts|OnTheWayBack|PastNoReturn)|TestRolloutDeletedAtHalf/(Foreground|Orphan)|$\
  TestGitOpsLoopThroughARelease/(IngressRoute|client-side|json-patch|replace)|TestAuthenticationHolds/(HTTPRouteAborted|Ingress)|$\
  TestSeveralKindsTogether/Aborted|TestBackendsBehindTLS/Aborted|TestNamedRule|TestRouteElsewhere/Aborted|$\
  TestDescribedMirror/(Aborted|Emptied)|TestProbedPromotion/HTTPRoute|TestProbeThatSomebodyElseAnswers/app-canary|$\
  TestQuotaLeavesNoRoom/ForTheStep|TestAutoscaledAtHalf/ByCPU|$\
  TestIstioPromoteBySteps/Subset|TestIstioMeshRoutes/(HTTPRoutePromoted|GRPCRouteAborted)|TestIstioGoesBack/SubsetSuperseded|TestIstioBesideGateways/Aborted|TestIstioDelegate/Promoted
SOAK     := TestIngressPromoteBySteps|TestGRPCPromoteBySteps|TestDescribedPromote|TestMeshRoutesPromoteBySteps|$\
  TestConnectionsPromoteBySteps|TestTwoRolloutsShareARoute|$(LIKE)
EVIDENCE := TestEvidence

# What of the API-level tests takes minutes: 200 sequences of a native controller, idling, a CRD that comes back,
# releases under faults, and what is built from the code of Argo CD.
LONG := TestNativeModel|TestIdleCostsNothing|TestRouteKindThatIsNotInstalled|TestFaults|TestKilledAtEachWrite|TestLaggingCaches|TestArgoCDSeesARelease|TestHealthOverARelease

# An API server that serves no MutatingAdmissionPolicy, and what is done again with it: all but what needs one beside ours.
NO_POLICIES := --apiserver-arg=--disable-admission-plugins=MutatingAdmissionPolicy \
  --apiserver-arg=--runtime-config=admissionregistration.k8s.io/v1/mutatingadmissionpolicies=false,admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings=false
BY_WEBHOOK := TestLive|TestRoutesAreGuarded|TestKilledAtEachWrite|TestAdmission/by_webhook/^[^a]

.PHONY: help demo test lint verify unit explore mutants fuzz api api-long api-oldest e2e e2e-nodes e2e-istio e2e-evidence soak upgrade bench bench-evidence bench-analysis generate cluster-up cluster-down clean

help: ## this list
	@awk -F ':[a-z -]* ## ' '/^[a-z0-9-]+:[a-z -]* ## / { printf "%-14s — %s\n", $$1, $$2 }' Makefile

demo: ## a cluster with an app, a load and a release to watch and to steer
	cd e2e && go run ./demo

# One after the other, cheapest first, whatever -j says.
test: ## all that CI runs: lint, verify, unit, fuzz, api, api-long, e2e, e2e-nodes, e2e-istio; and whether the hazards' tests ran
	record=$$(mktemp -d); trap 'rm -rf "$$record"' EXIT; export RECORD=$$record; \
	for target in lint verify unit fuzz api api-long e2e e2e-nodes e2e-istio; do $(MAKE) "$$target"; done; \
	hack/ran.sh "$$record"

lint: ## the rules of the house: imports, purity, sizes, comments
	linter=$$(hack/tool.sh golangci-lint); for module in . e2e e2e/gitops; do (cd "$$module"; "$$linter" run --allow-parallel-runners ./...); done

verify: ## generated files, go.mod and formatting are up to date
	hack/verify.sh

unit: ## everything that needs no cluster, with the race detector where anything runs side by side
	hack/unit.sh -run '$(RUN)'

explore: ## all that can happen to a release in small worlds, with two faults on a path
	log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	go test -v -count=1 -timeout 0 -run 'TestExplore' ./controllers/release -worlds . -faults 2 -deeds 2 -states $(STATES) | tee "$$log" || failed=1; \
	grep -oE 'states [0-9]+, violations [0-9]+, rules fired [0-9]+/[0-9]+, frontier [0-9]+$$' "$$log" | tail -n 1; exit "$${failed:-0}"

mutants: ## deliberate bugs, one at a time: exploration and faults must find each
	hack/with-cluster.sh --control-plane-only -- bash -c 'cd .. && exec go run ./hack/mutants'

fuzz: ## known fuzz inputs; FUZZTIME=30s looks for new ones
	hack/fuzz.sh

api: ## against a real API server and no nodes; KEEP=1 leaves it up
	hack/with-cluster.sh --control-plane-only -- ../hack/go-test.sh -p 1 -count=1 -timeout 10m -run '$(RUN)' -skip '$(LONG)' ./api/...

api-long: ## the same, what takes minutes; that clusters leave nothing behind; and what is read of a real Prometheus
	cd e2e && ../hack/go-test.sh -tags cluster -p 1 -count=1 -timeout 15m -run 'TestDownLeavesNothing|TestSource' ./cluster ./prometheus
	hack/with-cluster.sh --control-plane-only -- ../hack/go-test.sh -p 1 -count=1 -timeout 25m -parallel 6 -run '$(LONG)' ./api/...
	UP_FLAGS='$(NO_POLICIES)' CROSSFADE_GATE=webhook \
	  hack/with-cluster.sh --control-plane-only -- ../hack/go-test.sh -p 1 -count=1 -timeout 15m -run '$(BY_WEBHOOK)' ./api/...

api-oldest: ## what the webhook does, on the oldest Kubernetes that is supported
	CROSSFADE_KUBERNETES=1.34 CROSSFADE_GATE=webhook \
	  hack/with-cluster.sh --control-plane-only -- go test -p 1 -count=1 -timeout 15m -run '$(BY_WEBHOOK)' ./api/...

e2e: ## on a real cluster under load, every request counted; KEEP=1 leaves it up
	hack/with-cluster.sh -- ../hack/e2e.sh -timeout 60m -run '$(RUN)' -skip '$(NODES3)|$(ISTIO)|$(SOAK)|$(EVIDENCE)' ./suite/...

e2e-nodes: ## the same on three nodes: they are drained in the middle of a release
	NODES=3 hack/with-cluster.sh -- ../hack/e2e.sh -timeout 20m -run '$(or $(filter-out .,$(RUN)),$(NODES3))' ./suite/...

e2e-istio: ## the same with istiod, and callers who follow it
	UP_FLAGS=--istio hack/with-cluster.sh -- ../hack/e2e.sh -timeout 30m -run '$(or $(filter-out .,$(RUN)),$(ISTIO))' -skip '$(LIKE)' ./suite/...

e2e-evidence: ## canaries judged by a real Prometheus: good and bad ones, incidents, and who is away meanwhile; 40 minutes
	hack/with-cluster.sh -- ../hack/e2e.sh -timeout 120m -run '$(or $(filter-out .,$(RUN)),$(EVIDENCE))' ./suite/...

soak: ## what takes long: all routes by quarters, two Rollouts on one, all ways on and back, five idle minutes, native controllers by a new seed, a fault at every write, fuzzing
	UP_FLAGS=--istio hack/with-cluster.sh -- ../hack/e2e.sh -timeout 60m -run '$(SOAK)' ./suite/...
	IDLE=5m hack/with-cluster.sh --control-plane-only -- go test -v -count=1 -timeout 60m -run 'TestIdle' ./api/live
	CROSSFADE_SEED=$$RANDOM hack/with-cluster.sh --control-plane-only -- go test -v -count=1 -timeout 60m -run 'TestNativeModel' ./api
	FAULTS=all hack/with-cluster.sh --control-plane-only -- go test -v -count=1 -timeout 60m -parallel 6 -run 'TestFaults|TestKilled|TestLagging' ./api/live
	FUZZTIME=$(or $(FUZZTIME),5m) hack/fuzz.sh

upgrade: ## releases that a former version begins, FROM=COMMIT, and this one ends, from after each write
	former=$$(mktemp -d); trap 'git worktree remove --force "$$former"' EXIT; git worktree add --detach "$$former" $(FROM); \
	FORMER=$$former hack/with-cluster.sh --control-plane-only -- go test -v -tags upgrade -count=1 -timeout 60m -run 'TestUpgradedMidWay' ./api/live

bench: ## times, API requests and CPU of 20 releases, on a control plane without nodes
	hack/with-cluster.sh --control-plane-only -- go test -v -timeout 60m -run '^$$' -bench '$(RUN)' -skip Evidence -benchtime 1x ./bench/...

bench-evidence: ## 1 000 Releases judged at once, 35 minutes: queries, memory, and a source that never answers; BENCH='-releases 50 -first 1m -last 3m -compared 1m' is quick
	hack/with-cluster.sh --control-plane-only -- go test -v -timeout 120m -run '^$$' -bench Evidence -benchtime 1x ./bench $(BENCH)

bench-analysis: ## how often the judges of a canary are wrong, and how soon they are right; RUNS=500 is quick
	go run ./hack/bench-analysis -runs $(RUNS)

generate: ## deepcopy, CRDs, RBAC and docs/api.md from the Go sources
	hack/generate.sh

cluster-up: ## a test cluster to work on; NODES=3 has three nodes
	$(cluster) up

cluster-down: ## end the clusters that this checkout started; leaves nothing behind
	$(cluster) down --all

clean: cluster-down ## all that these targets made outside the checkout: clusters, their binaries, tools
	rm -rf "$(CACHE)/cluster" "$(CACHE)/tools"
