# ./dev demo: the outage drill on this machine.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
case "${1:-}" in -h|--help)
  cat <<TEXT
usage: ./dev demo [ARGUMENTS OF wayside up]

Installs what is missing, builds the product and runs 'wayside up --drill outage': a core, an edge and 20
cars over mutual TLS on this machine; the core is killed for 30 s; a car is unlocked meanwhile; nothing that
was acknowledged is lost. Everything runs under one unprivileged user in one folder, which is named and kept.
Exit status 0 only if every promise held. Useful: --json, --seed N, --dir DIR.
TEXT
  exit 0 ;;
esac
started=$(date +%s)
scripts/deps.sh build
build_preset release $product_targets
choose_user
stage_run demo release
say "running as $run_user in $stage (built after $(( $(date +%s) - started )) s)"
cd "$stage/run"
exec env HOME="$stage/run" "${runner[@]}" "$stage/bin/wayside" up --drill outage --dir "$stage/run" "$@"
