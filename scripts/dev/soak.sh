# ./dev soak NAME: the long forms of the tests. Each ends with one JSON object on the last line.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail

usage() {
  cat <<TEXT
usage: ./dev soak NAME [OPTIONS]

  demo [--runs N] [--parallel N] [--seed N]     the outage drill N times (default 20), every start counts;
                                                JSON: runs, passed, missing, twice, residual
  kill [--cycles N] [--seed N] [...]            kill -9 of each of 5 processes N times (default 10) under load,
                                                while cars lose their radio and come back;
                                                JSON: kills, flaps, acked, in_flight_min, missing, twice, residual,
                                                ledgers_equal, values_resent, seed
  mixed [--release TAG] [--cycles N] [--seed N] [...]
                                                the release before (built in build/releases) in the place of each
                                                process and back, N times (default 2) under load, by SIGTERM and by
                                                SIGKILL in turn; JSON: release, replaced, and as kill
  power [--cycles N] [--seed N] [--planted NAME] [...]
                                                loss of power of the edge's host, the core's and both, N times each
                                                (default 10) under load: what was not synced is taken back, sector by
                                                sector and name by name, of SQLite's files too; --planted fdatasync,
                                                fsync_dir, segment_sync or sqlite_sync: a sync that does nothing,
                                                which the run must find;
                                                JSON: as kill, and power_losses, sectors_unsynced, sectors_lost,
                                                names_unsynced, names_lost, words_back
  rotate [--cycles N] [--seed N] [--cars N] [...]
                                                every secret of a region swapped under load as the kubelet does it, good
                                                files and bad, N times (default 5): certificates, CAs, revocation and deny
                                                list, lists of commands, link; JSON: rotations, revoked, dropped, bad_files,
                                                alarms, acked, missing, twice, residual, ledgers_equal, seed
  simulation [--seeds N] [--from SEED] [--steps N] [--replay SEED]
                                                N histories (default 200) of N steps (default 2000) under simulated
                                                disks, links, clocks and crashes, then the planted bugs;
                                                --replay tells one again and cuts it down while it fails;
                                                JSON: seeds, steps, broken, pairs, pairs_min_hits, planted,
                                                planted_found
  chart                                         the chart's tests with the schemas of three versions of Kubernetes; then
                                                every value set by helm install, upgrade and rollback against a real
                                                kube-apiserver, built with Go in build/chart-cluster (once, half an hour);
                                                JSON: passed, value_sets, installed, upgraded, rolled_back, pods_admitted,
                                                fixed_refused
  full                                          clang-tidy of every file; everything built and all tests run
                                                under release, asan and tsan

Folders of failed runs are kept and named.
TEXT
}

soak_demo() {
  local runs=20 parallel=1 seed=1
  while [ $# -gt 0 ]; do case "$1" in
    --runs) runs=$2; shift 2 ;; --parallel) parallel=$2; shift 2 ;; --seed) seed=$2; shift 2 ;;
    *) fail "unknown option '$1' (try --help)" ;; esac; done
  build_preset release $product_targets
  choose_user
  local results; results=$(mktemp -d "${TMPDIR:-/tmp}/wayside-soak.XXXXXX")
  one_drill() {
    local number=$1 status=0
    stage_run "drill" release
    env HOME="$stage/run" "${runner[@]}" "$stage/bin/wayside" up --drill outage --dir "$stage/run" \
      --seed $((seed + number)) --json >"$results/$number.out" 2>"$results/$number.err" || status=$?
    echo "$status" >"$results/$number.status"
    if [ "$status" = 0 ]; then rm -rf "$stage"; say "drill $number of $runs: passed"
    else say "drill $number of $runs: FAILED with $status, folder $stage"; tail -n 5 "$results/$number.err" >&2; fi
  }
  local number=1 at
  while [ "$number" -le "$runs" ]; do
    for at in $(seq "$number" $(( number + parallel - 1 < runs ? number + parallel - 1 : runs ))); do ( one_drill "$at" ) & done
    wait
    number=$((number + parallel))
  done
  local passed=0 missing=0 twice=0 residual=0 value
  for at in $(seq 1 "$runs"); do
    [ "$(cat "$results/$at.status")" = 0 ] && passed=$((passed + 1))
    value=$(json_last "$results/$at.out" missing); missing=$((missing + ${value:-0}))
    value=$(json_last "$results/$at.out" twice); twice=$((twice + ${value:-0}))
    value=$(json_last "$results/$at.out" residual); residual=$((residual + ${value:-0}))
  done
  printf '{"runs": %d, "passed": %d, "missing": %d, "twice": %d, "residual": %d, "seed": %d}\n' \
    "$runs" "$passed" "$missing" "$twice" "$residual" "$seed"
  [ "$passed" = "$runs" ]
}

soak_kill() {
  build_preset release $product_targets soak_kill
  choose_user
  stage_run kill release soak_kill
  local status=0
  env HOME="$stage/run" "${runner[@]}" "$stage/bin/soak_kill" --dir "$stage/run" "$@" || status=$?
  if [ "$status" = 0 ]; then rm -rf "$stage"; else say "folder kept: $stage"; fi
  return "$status"
}

# release_before TAG: its broker and bridge in build/releases/TAG/bin.
release_before() {
  local into=build/releases/$1
  [ -x "$into/bin/wayside-bridge" ] && return 0
  rm -rf "$into"; mkdir -p "$into/source" "$into/bin"
  git archive "$1" | tar -x -C "$into/source" || fail "there is no release $1 here"
  say "building $1 in $into"
  (cd "$into/source" && cmake --preset release -DWAYSIDE_BENCH=OFF -DWAYSIDE_TESTS=OFF >&2 && ninja -C build/release wayside-broker wayside-bridge >&2)
  cp "$into/source/build/release/bin/wayside-broker" "$into/source/build/release/bin/wayside-bridge" "$into/bin/"
  rm -rf "$into/source"
}

soak_mixed() {
  local release="" arguments=(--cycles 2)
  while [ $# -gt 0 ]; do case "$1" in
    --release) release=$2; shift 2 ;;
    *) arguments+=("$1"); shift ;; esac; done
  [ -n "$release" ] || release=$(git describe --tags --abbrev=0 --match 'v*' HEAD^ 2>/dev/null) || fail "no release is tagged before this one"
  release_before "$release"
  build_preset release $product_targets soak_kill
  choose_user
  stage_run mixed release soak_kill
  mkdir "$stage/before"; cp "build/releases/$release/bin/"* "$stage/before/"; chmod -R a+rX "$stage/before"
  local status=0 last
  env HOME="$stage/run" "${runner[@]}" "$stage/bin/soak_kill" --dir "$stage/run" --other-release "$stage/before" \
    "${arguments[@]}" >"$stage/out" || status=$?
  last=$(tail -n 1 "$stage/out")
  printf '{"release": "%s", %s\n' "$release" "${last#\{}"
  if [ "$status" = 0 ]; then rm -rf "$stage"; else say "folder kept: $stage"; fi
  return "$status"
}

soak_power() {
  build_preset release $product_targets soak_kill
  choose_user
  stage_run power release soak_kill power
  local status=0
  env HOME="$stage/run" "${runner[@]}" "$stage/bin/soak_kill" --power --dir "$stage/run" "$@" || status=$?
  if [ "$status" = 0 ]; then rm -rf "$stage"; else say "folder kept: $stage"; fi
  return "$status"
}

soak_rotate() {
  build_preset release $product_targets soak_rotate
  choose_user
  stage_run rotate release soak_rotate
  local status=0
  env HOME="$stage/run" "${runner[@]}" "$stage/bin/soak_rotate" --dir "$stage/run" "$@" || status=$?
  if [ "$status" = 0 ]; then rm -rf "$stage"; else say "folder kept: $stage"; fi
  return "$status"
}

soak_simulation() {
  build_preset release soak_simulation
  build/release/bin/soak_simulation "$@"
}

soak_chart() {
  scripts/deps.sh chart
  bash scripts/dev/chart_tools.sh
  [ ! -s build/chart-tools/missing ] || fail "a tool of the chart's checks is not here: $(cat build/chart-tools/missing)"
  bash scripts/dev/chart_cluster.sh
  build_preset dev $product_targets
  local failed=0
  WAYSIDE_KUBERNETES_VERSIONS="1.30 1.34 1.37" ctest --test-dir build/dev --output-on-failure --no-tests=error -L chart >&2 || failed=1
  (cd tests/chart && PYTHONDONTWRITEBYTECODE=1 python3 cluster_soak.py) | sed "s/\"passed\": true/\"passed\": $([ $failed = 0 ] && echo true || echo false)/" || failed=1
  return $failed
}

soak_full() {
  local failed=0
  ./dev lint --all || failed=1
  for preset in release asan tsan; do
    build_preset "$preset"
    ctest --test-dir "build/$preset" --output-on-failure -j 2 || failed=1
  done
  printf '{"passed": %s}\n' "$([ $failed = 0 ] && echo true || echo false)"
  return $failed
}

name=${1:-}; [ $# -eq 0 ] || shift
case "${1:-}" in -h|--help) usage; exit 0 ;; esac
case "$name" in
  demo|kill|mixed|power|rotate|simulation|chart|full) scripts/deps.sh build; "soak_$name" "$@" ;;
  -h|--help) usage ;;
  "") usage >&2; exit 2 ;;
  *) say "error: no soak '$name'"; near=$(nearest "$name" demo kill mixed power rotate simulation chart full); [ -z "$near" ] || say "did you mean '$near'?"; exit 2 ;;
esac
