#!/usr/bin/env bash
# usage: hack/tool.sh NAME
# Prints the path of a tool that hack/tools/go.mod names, and builds it first unless the cache has that version.
# The Go version is part of the key: golangci-lint can't read code that is newer than the Go it was built with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/tools"

name=${1:?usage: hack/tool.sh NAME}
package=$(awk -v name="$name" '/^tool \(/ { on = 1; next } /^\)/ { on = 0 } on && $1 ~ "(^|/)" name "$" { print $1 }' go.mod)
[[ -n $package ]] || { echo "hack/tools/go.mod has no tool $name" >&2; exit 1; }
version=$(awk -v package="$package/" '$2 ~ /^v/ && index(package, $1 "/") == 1 { print $2 }' go.mod)

bin=${CROSSFADE_CACHE:-$HOME/.cache/crossfade}/tools/$name-$version-$(go env GOVERSION)
if [[ ! -x $bin ]]; then
  echo "building $name $version" >&2
  mkdir -p "$(dirname "$bin")"
  # Built beside its place and renamed, so that an interrupted or a second build never leaves half a tool.
  go build -o "$bin.$$" "$package" >&2
  mv "$bin.$$" "$bin"
fi
echo "$bin"
