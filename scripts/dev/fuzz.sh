# ./dev fuzz NAME [SECONDS]
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
names=$(cd fuzz && ls ./*_fuzz.cc 2>/dev/null | sed 's|^\./||; s/_fuzz\.cc$//' | tr '\n' ' ')
name=${1:-}; seconds=${2:-60}
case "$name" in
  -h|--help|"") echo "usage: ./dev fuzz NAME [SECONDS]    NAME: ${names}or 'all'; default 60 s each; a short form of each is among the tests: ./dev test -L fuzz"; [ -n "$name" ] && exit 0 || exit 2 ;;
esac
[ "$name" = all ] || case " $names " in *" $name "*) ;; *)
  say "error: no fuzzer '$name'"; near=$(nearest "$name" $names); [ -z "$near" ] || say "did you mean '$near'?"; exit 2 ;; esac
scripts/deps.sh build lint
[ "$name" = all ] && todo=$names || todo=$name
targets=(); for one in $todo; do targets+=("fuzz_$one"); done
build_preset fuzz "${targets[@]}"
for one in $todo; do
  corpus=.cache/corpus/$one; mkdir -p "$corpus"
  say "fuzzing $one for $seconds s"
  "build/fuzz/bin/fuzz_$one" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix=".cache/crash-$one-" "$corpus"
done
printf '{"fuzzers": %s, "seconds_each": %s, "crashes": 0}\n' "$(echo $todo | wc -w)" "$seconds"
