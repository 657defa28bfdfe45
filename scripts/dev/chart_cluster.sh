#!/usr/bin/env bash
# Builds etcd and kube-apiserver from their Go modules into build/chart-cluster, once: half an hour on two cores, some
# seconds when they are there. For ./dev soak chart.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
into=$root/build/chart-cluster
kubernetes=1.37.2
etcd=3.6.16
command -v go >/dev/null || { echo "error: the soak of the chart builds kube-apiserver, and Go is not installed" >&2; exit 2; }
mkdir -p "$into"

# Each in a module of its own: they want different versions of the same modules.
build_etcd() {
  mkdir -p "$into/etcd.module"; cd "$into/etcd.module"; rm -f go.mod go.sum
  go mod init wayside.invalid/etcd
  go get -tool "go.etcd.io/etcd/server/v3@v$etcd"
  go build -trimpath -ldflags '-s -w' -o "$into/etcd" go.etcd.io/etcd/server/v3
}
build_apiserver() {
  local file module
  mkdir -p "$into/kubernetes.module"; cd "$into/kubernetes.module"; rm -f go.mod go.sum
  go mod init wayside.invalid/kubernetes
  file=$(go mod download -json "k8s.io/kubernetes@v$kubernetes" | python3 -c 'import json, sys; print(json.load(sys.stdin)["GoMod"])')
  # Its staging modules are released under versions of their own.
  for module in $(grep -oE 'k8s\.io/[a-z0-9-]+ v0\.0\.0$' "$file" | cut -d' ' -f1 | sort -u); do
    go mod edit -replace "$module=$module@v0.${kubernetes#1.}"
  done
  go mod edit -require "k8s.io/kubernetes@v$kubernetes"
  go get -tool "k8s.io/kubernetes/cmd/kube-apiserver@v$kubernetes"
  local version=k8s.io/component-base/version
  go build -trimpath -o "$into/kube-apiserver" \
    -ldflags "-s -w -X $version.gitVersion=v$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=$(echo $kubernetes | cut -d. -f2)" \
    k8s.io/kubernetes/cmd/kube-apiserver
}
[ -x "$into/etcd" ] || { echo "building etcd $etcd" >&2; (build_etcd) >&2; }
[ -x "$into/kube-apiserver" ] || { echo "building kube-apiserver $kubernetes" >&2; (build_apiserver) >&2; }
