#!/usr/bin/env bash
# Runs the fuzz tests of the root module: the inputs that are known or, with FUZZTIME, each for so long on new ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${FUZZTIME-} ]]; then
  exec hack/go-test.sh -timeout 5m -run '^Fuzz' ./...
fi

# go test fuzzes one test of one package at a time, so each is named.
find . -name '*_test.go' -not -path './e2e/*' -print0 |
  xargs -0r awk 'match($0, /^func Fuzz[A-Za-z0-9_]*/) { folder = FILENAME; sub("/[^/]*$", "", folder); print folder, substr($0, 6, RLENGTH - 5) }' |
  while read -r folder name; do
    echo "fuzzing $name in $folder for $FUZZTIME"
    go test -timeout 0 -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" "$folder" </dev/null
  done
