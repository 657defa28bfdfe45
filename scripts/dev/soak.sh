# ./dev soak NAME: the long forms of the tests. Each ends with one JSON object on the last line.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail

usage() {
  cat <<TEXT
usage: ./dev soak NAME [OPTIONS]

  demo [--runs N] [--parallel N] [--seed N]     the outage drill N times (default 20), every start counts;
                                                JSON: runs, passed, missing, twice, residual
  kill [--cycles N] [--seed N] [...]            kill -9 of each process N times (default 10) under load;
                                                JSON: kills, missing, twice, residual, ledgers_equal
  simulation [--seeds N] [--from SEED] [--steps N] [--replay SEED]
                                                N histories (default 200) of N steps (default 2000) under simulated
                                                disks, links, clocks and crashes, then the planted bugs;
                                                --replay tells one again and cuts it down while it fails;
                                                JSON: seeds, steps, broken, pairs, pairs_min_hits, planted,
                                                planted_found, forked_by_rot
  full                                          clang-tidy of every file, all tests under asan and tsan

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

soak_simulation() {
  build_preset release soak_simulation
  build/release/bin/soak_simulation "$@"
}

soak_full() {
  local failed=0
  ./dev lint --all || failed=1
  for preset in asan tsan; do
    build_preset "$preset"
    ctest --test-dir "build/$preset" --output-on-failure -j 2 || failed=1
  done
  printf '{"passed": %s}\n' "$([ $failed = 0 ] && echo true || echo false)"
  return $failed
}

name=${1:-}; [ $# -eq 0 ] || shift
case "${1:-}" in -h|--help) usage; exit 0 ;; esac
case "$name" in
  demo|kill|simulation|full) scripts/deps.sh build; "soak_$name" "$@" ;;
  -h|--help) usage ;;
  "") usage >&2; exit 2 ;;
  *) say "error: no soak '$name'"; near=$(nearest "$name" demo kill simulation full); [ -z "$near" ] || say "did you mean '$near'?"; exit 2 ;;
esac
