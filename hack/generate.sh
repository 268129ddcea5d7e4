#!/usr/bin/env bash
# Writes everything that is derived from the Go sources. hack/verify.sh runs it to see whether anything changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

chart=charts/crossfade
controller_gen=$(hack/tool.sh controller-gen)
crd_ref_docs=$(hack/tool.sh crd-ref-docs)

"$controller_gen" object paths=./apis/...
# Removed first, so that the CRD of a type that is gone goes too.
rm -f "$chart"/crds/crossfade.io_*.yaml
"$controller_gen" crd paths=./apis/... output:crd:dir="$chart/crds"
hack/crds.sh "$chart"/crds/crossfade.io_*.yaml

"$controller_gen" rbac:roleName=crossfade paths=./cmd/... paths=./controllers/... paths=./trafficrouting/providers output:rbac:dir="$chart/files/rbac"
for what in policies permissions webhook-routes webhook-tables; do
  go run ./controllers/admission/render --print="$what" >"$chart/files/$what.yaml"
done

mkdir -p docs
go run ./hack/routes >docs/providers.md
"$crd_ref_docs" --config=hack/api-docs.yaml --source-path=apis --renderer=markdown --output-path=docs/api.md --log-level=WARN
