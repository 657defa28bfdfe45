# ./dev chart: the checks of helm/wayside, and its table of values.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
case "${1:-}" in
  -h|--help)
    cat <<TEXT
usage: ./dev chart [--update | --render VALUES]

Brings helm, promtool and the schemas into build/chart-tools, builds the programs and runs the chart's tests (those of
ctest -L chart). --update: writes the table of values in helm/wayside/README.md. --render: what the chart makes of a
values file, a path or a name of helm/wayside/ci.
TEXT
    exit 0 ;;
esac
scripts/deps.sh build chart
bash scripts/dev/chart_tools.sh
case "${1:-}" in
  --update) exec python3 scripts/dev/chart_readme.py ;;
  --render)
    values=${2:?which values file?}
    [ -e "$values" ] || values=helm/wayside/ci/$values.yaml
    exec build/chart-tools/helm template site helm/wayside --namespace wayside -f "$values" ;;
  "") ;;
  *) fail "unknown option '$1' (try --help)" ;;
esac
build_preset dev $product_targets
exec ctest --test-dir build/dev --output-on-failure --no-tests=error -L chart
