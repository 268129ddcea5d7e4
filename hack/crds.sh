#!/usr/bin/env bash
# usage: hack/crds.sh FILE...
# Brings generated CRDs into the size that they may have. A Release embeds its Rollout's whole spec, which is described
# and judged at the Rollout: in the copy the descriptions and the rules in CEL go. Only what was admitted is ever copied.
# Of what Kubernetes says of fields that are the same in all kinds, the first line stays.
set -euo pipefail

limit=60000

for file in "$@"; do
  awk '
    cutting && match($0, /^ */) && RLENGTH > depth { next }
    { cutting = 0 }
    /^ *description: [|]-$/ {
      head = $0; getline
      if ($0 !~ /^ *(APIVersion defines|Kind is a string value|lastTransitionTime is|message is a human|observedGeneration represents|reason contains)/) { print head; print; next }
      match(head, /^ */); depth = RLENGTH; cutting = 1
      sub(/[|]-$/, "", head); sub(/^ */, ""); print head $0; next
    }
    { print }
  ' "$file" >"$file.$$"
  mv "$file.$$" "$file"
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

  # Indentation is nowhere kept: a CRD is sent, stored and noted by kubectl as JSON.
  size=$(sed 's/^ *//' "$file" | wc -c)
  if ((size > limit)); then
    echo "crds: $file has $size bytes without indentation, $limit at most: shorten descriptions, or leave fields out" >&2
    exit 1
  fi
done
