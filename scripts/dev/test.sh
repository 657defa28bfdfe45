# ./dev test: build and run every test.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
case "${1:-}" in -h|--help)
  cat <<TEXT
usage: ./dev test [ARGUMENTS OF ctest]

Builds preset dev and runs all tests. Useful: -R REGEX, -L unit|integration|crash|simulation|hostile|chart|packaging.
Tests with recorded drives read WAYSIDE_DATA_DIR (now: ${WAYSIDE_DATA_DIR:-unset, those tests are skipped}).
TEXT
  exit 0 ;;
esac
scripts/deps.sh build chart
bash scripts/dev/chart_tools.sh   # what it cannot bring is skipped by name
build_preset dev
exec ctest --test-dir build/dev --output-on-failure --no-tests=error -j 2 "$@"
