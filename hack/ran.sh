#!/usr/bin/env bash
# usage: hack/ran.sh RECORD
# Fails unless each test that docs/hazards.md names passed in what hack/go-test.sh has noted in the folder RECORD.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

passed=$(cat "${1:?usage: hack/ran.sh RECORD}"/*.json | grep '"Action":"pass"' | grep -oE '"Test":"[A-Za-z0-9_]+"' | cut -d '"' -f 4 | sort -u)
missing=$(comm -23 <(grep -oE '`Test[A-Za-z0-9]+`' docs/hazards.md | tr -d '`' | sort -u) <(echo "$passed"))
[[ -z $missing ]] || { echo "docs/hazards.md names tests that did not run and pass:" $missing >&2; exit 1; }
