#!/usr/bin/env bash
# usage: [KEEP=1] [UP_FLAGS=...] hack/with-cluster.sh [flags that choose the cluster] -- COMMAND...
# Starts a test cluster unless it runs already, and runs COMMAND in the e2e module with KUBECONFIG set. The cluster ends
# with it, also when it fails or is interrupted, unless KEEP is set. UP_FLAGS are further flags of `cluster up`. The exit
# code is COMMAND's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../e2e"

flags=()
while [[ ${1:?usage: hack/with-cluster.sh [flags] -- COMMAND...} != -- ]]; do
  flags+=("$1")
  shift
done
shift

cluster() { go run ./cluster/cmd/cluster "${flags[@]}" "$@"; }
end() {
  rm -rf "$scratch"
  if [[ -n ${KEEP-} ]]; then
    echo "the cluster stays up; make cluster-down ends it" >&2
  else
    cluster down >&2
  fi
}
scratch=$(mktemp -d)
trap end EXIT

# shellcheck disable=SC2086 # several flags
cluster up ${UP_FLAGS-}
export KUBECONFIG=$scratch/kubeconfig
cluster kubeconfig >"$KUBECONFIG"
"$@"
