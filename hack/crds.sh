#!/usr/bin/env bash
# usage: hack/crds.sh FILE...
# Brings generated CRDs into the size that they may have. A Release embeds its Rollout's whole spec, which is described
# and judged at the Rollout: in the copy the descriptions and the rules in CEL go. Only what was admitted is ever copied.
set -euo pipefail

limit=60000

for file in "$@"; do
  # A description goes with the deeper lines that continue it, rules with their list.
  awk '
    { match($0, /^ */); depth = RLENGTH }
    skipping && (depth > skipped || rules && depth == skipped && /^ *- /) { next }
    { skipping = 0 }
    inside && depth <= policy && !/^ *$/ { inside = 0 }
    inside && (depth > policy + 2 && /^ *description:/ || /^ *x-kubernetes-validations:/) {
      rules = /validations/; skipping = 1; skipped = depth; next
    }
    /^ *policy:$/ { inside = 1; policy = depth }
    { print }
  ' "$file" >"$file.$$"
  mv "$file.$$" "$file"

  size=$(wc -c <"$file")
  if ((size > limit)); then
    echo "crds: $file has $size bytes, $limit at most: shorten descriptions, or leave fields out" >&2
    exit 1
  fi
done
