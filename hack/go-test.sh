#!/usr/bin/env bash
# usage: hack/go-test.sh [go test flags and packages]
# Is go test, in the folder that it is called from. Where RECORD names a folder, what ran is noted there too.
set -euo pipefail
[[ -n ${RECORD-} ]] || exec go test "$@"

# What failed is printed once: at the end, or where -v prints everything as it comes.
format=standard-quiet hide=skipped
for argument in "$@"; do
  [[ $argument != -v ]] || format=standard-verbose hide=all
done
exec "$("$(dirname "${BASH_SOURCE[0]}")/tool.sh" gotestsum)" --format="$format" --hide-summary="$hide" --jsonfile="$(mktemp "$RECORD/XXXXXXXX.json")" -- "$@"
