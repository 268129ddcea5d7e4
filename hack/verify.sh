#!/usr/bin/env bash
# Fails when something that a machine writes isn't what it would write now. It tells of all such files, not of the first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wrong=0
complain() { echo "verify: $*" >&2; wrong=1; }

# By content rather than by git diff, so that it also holds among changes that aren't committed.
fingerprint() { { find apis charts docs -type f -exec sha256sum {} + 2>/dev/null || true; } | sort -k 2; }
before=$(fingerprint)
hack/generate.sh
changed=$(diff <(echo "$before") <(fingerprint) | awk '/^[<>]/ { print $3 }' | sort -u) || true
[[ -z $changed ]] || complain "make generate had changed these, commit them:" $changed

for module in . e2e e2e/gitops hack/tools; do
  (cd "$module" && go mod tidy -diff >/dev/null) || complain "go mod tidy is due in $module"
done

unformatted=$(gofmt -l .)
[[ -z $unformatted ]] || complain "gofmt is due:" $unformatted

# A hazard is shown by a test, so the test must be there.
for test in $(grep -oE '`Test[A-Za-z0-9]+`' docs/hazards.md | tr -d '`' | sort -u); do
  grep -rqE "^func $test\(t \*testing\.T\)" --include='*_test.go' . || complain "docs/hazards.md names $test, which is not there"
done

exit "$wrong"
