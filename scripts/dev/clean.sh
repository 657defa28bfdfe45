# ./dev clean
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
case "${1:-}" in -h|--help) echo "usage: ./dev clean    removes build/ and .cache/"; exit 0 ;; "") ;; *) fail "unknown option '$1'" ;; esac
rm -rf build .cache
