#!/usr/bin/env bash
# usage: hack/crds.sh FILE...
# Brings generated CRDs into the size that they may have. A Release embeds its Rollout's whole spec, which is described
# at the Rollout: in the copy the descriptions go.
set -euo pipefail

limit=60000

for file in "$@"; do
  # A description goes with the deeper lines that continue it.
  awk '
    { match($0, /^ */); depth = RLENGTH }
    skipping && depth > skipped { next }
    { skipping = 0 }
    inside && depth <= policy && !/^ *$/ { inside = 0 }
    inside && depth > policy + 2 && /^ *description:/ { skipping = 1; skipped = depth; next }
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
