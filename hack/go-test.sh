#!/usr/bin/env bash
# usage: hack/go-test.sh [go test flags and packages]
# Is go test, in the folder that it is called from. Where RECORD names a folder, what ran is noted there too.
set -euo pipefail
[[ -n ${RECORD-} ]] || exec go test "$@"

format=standard-quiet
for argument in "$@"; do
  [[ $argument != -v ]] || format=standard-verbose
done
exec "$("$(dirname "${BASH_SOURCE[0]}")/tool.sh" gotestsum)" --format="$format" --hide-summary=all --jsonfile="$(mktemp "$RECORD/XXXXXXXX.json")" -- "$@"
