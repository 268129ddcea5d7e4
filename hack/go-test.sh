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
notes=$(mktemp "$RECORD/XXXXXXXX.json") status=0
"$("$(dirname "${BASH_SOURCE[0]}")/tool.sh" gotestsum)" --format="$format" --hide-summary="$hide" --jsonfile="$notes" -- "$@" || status=$?
# Once more in a few lines, at the end, which is what is left of a long output: which tests failed, and what they wanted.
if ((status)); then
  grep '"Action":"fail"' "$notes" | grep -oE '"Test":"[^"]+"' | sed 's/^"Test":/failed: /' | tail -n 40 || true
  grep -E '"Output":" +\\t(Error|Messages):' "$notes" | sed -E 's/^.*"Test":"([^"]*)","Output":" +\\t/\1: /; s/\\[tn]/ /g; s/ *"}$//' | cut -c 1-400 | tail -n 40 || true
fi
exit "$status"
