#!/usr/bin/env bash
# usage: hack/unit.sh [go test flags]
# Runs the tests that need no cluster: all of the root module, and what e2e is built from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

race=${RACE-}
[[ -n $race ]] || echo "no C compiler: without the race detector" >&2

# What decides, what translates and the tests of a release start no goroutine: the race detector would find nothing
# there, ten times as slowly.
pure='^crossfade\.io/crossfade/(apis|intent|workload|trafficrouting|controllers/release|analysis/sequential)(/|$)'
# Fuzz tests have a target of their own.
go list ./... | grep -E "$pure" | xargs hack/go-test.sh -timeout 10m -skip '^Fuzz' "$@"
go list ./... | grep -vE "$pure" | xargs hack/go-test.sh $race -timeout 10m "$@"
cd e2e
# These talk to a cluster, and have targets of their own.
go list ./... | grep -vE '^crossfade\.io/crossfade/e2e/(api|suite|soak|bench|demo)(/|$)' |
  xargs ../hack/go-test.sh $race -timeout 10m "$@"
