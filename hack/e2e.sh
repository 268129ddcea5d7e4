#!/usr/bin/env bash
# usage: hack/e2e.sh [go test flags and packages of the e2e module]
# Makes images of this working tree in the cluster that hack/with-cluster.sh started, and runs tests against it.
# CROSSFADE_CLUSTER names another cluster than the checkout's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../e2e"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# As in the images, so that nothing is compiled twice.
export CGO_ENABLED=0

# image NAME FOLDER PACKAGE: one static binary, in the image crossfade.io/NAME:e2e.
image() {
  (cd "$2" && go build -o "$scratch/$1" "$3")
  go run ./cluster/cmd/cluster ${CROSSFADE_CLUSTER:+--name "$CROSSFADE_CLUSTER"} load-binary --image "crossfade.io/$1:e2e" "$scratch/$1"
}
image controller .. ./cmd/crossfade
image app . ./app

../hack/go-test.sh -count=1 -v "$@"
