# ./dev build [PRESET]
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
preset=${1:-dev}
case "$preset" in
  -h|--help) echo "usage: ./dev build [dev|release|asan|tsan|fuzz] [TARGET...]    (default: dev, everything)"; exit 0 ;;
  dev|release|asan|tsan|fuzz) ;;
  *) say "error: unknown preset '$preset'"; near=$(nearest "$preset" dev release asan tsan fuzz); [ -z "$near" ] || say "did you mean '$near'?"; exit 2 ;;
esac
[ $# -eq 0 ] || shift
if [ "$preset" = fuzz ]; then scripts/deps.sh build lint; else scripts/deps.sh build; fi
build_preset "$preset" "$@"
