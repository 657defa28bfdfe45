# ./dev package: the Debian package, and a try of it on a fresh Debian 12.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
usage() {
  cat <<TEXT
usage: ./dev package [--revision N] [--no-try]

Builds preset release and makes build/package/wayside_<version>-<revision>_<architecture>.deb of it: the programs, systemd units
for an edge (wayside-broker, wayside-bridge) and a core (wayside-core), and their configuration in /etc/wayside. Looks at it
with lintian and systemd-analyze. Then bootstraps a Debian 12 in build/package, installs the package there with apt, boots it
with systemd-nspawn, without a network, and starts core and edge by their units; upgrades, removes and purges the package.
The try needs root.

  --revision N   Debian revision (default 1)
  --no-try       build and look, bootstrap and start nothing

The last line is one JSON object: passed, package, package_bytes, lintian_errors, lintian_warnings, exposure (of
systemd-analyze security, at most 10, each unit), checks, try_exit, seconds.
TEXT
}
revision=1 try=yes
while [ $# -gt 0 ]; do case "$1" in
  -h|--help) usage; exit 0 ;;
  --revision) revision=${2:-}; shift; [ $# -eq 0 ] || shift; case "$revision" in ''|*[!0-9]*) fail "--revision: '$revision' is no number" ;; esac ;;
  --no-try) try=no; shift ;;
  *) fail "unknown option '$1' (try --help)" ;;
esac; done
[ $try = no ] || [ "$(id -u)" = 0 ] || fail "a fresh Debian is bootstrapped and booted as root here; try sudo ./dev package, or --no-try"
scripts/deps.sh build package
started=$(date +%s)
step() { say "[$(( $(date +%s) - started )) s] $*"; }

version=$(project_version)-$revision
epoch=$(git log -1 --format=%ct 2>/dev/null || date +%s)
architecture=$(dpkg --print-architecture)
units="wayside-broker wayside-bridge wayside-core"
build_preset release $product_targets
work=$root/build/package tree=$root/build/package/tree
mkdir -p "$work"; rm -rf "$tree"
step "laying out the package"
DESTDIR=$tree cmake --install build/release --prefix /usr --strip >/dev/null
mkdir -p "$tree/lib/systemd/system" "$tree/usr/lib/sysusers.d" "$tree/etc/wayside"
for unit in $units; do cp "packaging/systemd/$unit.service" "$tree/lib/systemd/system/"; done
cp packaging/systemd/wayside.sysusers "$tree/usr/lib/sysusers.d/wayside.conf"
cp packaging/config/*.toml "$tree/etc/wayside/"
PYTHONDONTWRITEBYTECODE=1 python3 scripts/package/control.py --tree "$tree" --build build/release --version "$version" --epoch "$epoch"
chmod -R u=rwX,go=rX "$tree"
package=$work/wayside_${version}_$architecture.deb
rm -f "$work"/*.deb
SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group -Zxz --build "$tree" "$package" >/dev/null

status=0 errors=0 warnings=0
step "lintian"
lintian --allow-root --tag-display-limit 0 "$package" >"$work/lintian.log" 2>&1 || true
cat "$work/lintian.log" >&2
errors=$(grep -c '^E:' "$work/lintian.log" || true) warnings=$(grep -c '^W:' "$work/lintian.log" || true)
[ "$errors" = 0 ] || { say "error: lintian finds errors"; status=1; }

exposure=""
step "systemd-analyze"
# Below the tree as root, where the programs are that the units name; units of the system that they only wait for are not.
for unit in $units; do
  systemd-analyze verify --man=no --recursive-errors=no --root="$tree" "$unit.service" >&2 || { say "error: $unit.service"; status=1; }
  found=$(systemd-analyze security --offline=true --root="$tree" "$unit.service" 2>/dev/null | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p')
  exposure="$exposure${exposure:+, }\"$unit\": ${found:-null}"
done

try_exit=null checks=0
if [ $try = yes ]; then
  step "bootstrapping a fresh Debian 12 and installing the package there"
  fresh=$work/fresh
  rm -rf "$fresh"
  # Only what this try made; nothing of it outlives the command unless it failed.
  sources=$(debian_sources)
  [ -n "$sources" ] || fail "this machine's apt knows no Debian 12 (bookworm); run apt-get update"
  printf '%s\n' "$sources" | mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus bookworm "$fresh" - >&2 || fail "bootstrapping failed"
  cp "$package" "$fresh/root/wayside.deb"
  install -m 755 scripts/package/check.sh "$fresh/root/check.sh"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$fresh/etc/hosts"
  cp /etc/resolv.conf "$fresh/etc/resolv.conf"
  chroot "$fresh" env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin sh -c \
    'apt-get -q update && apt-get -q install -y --no-install-recommends -t bookworm-backports /root/wayside.deb' >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log" >&2; fail "the package cannot be installed on a fresh Debian 12"; }
  cat >"$fresh/etc/systemd/system/wayside-check.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/root/check.sh $version
StandardOutput=file:/root/check.log
StandardError=inherit
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
  ln -s ../wayside-check.service "$fresh/etc/systemd/system/multi-user.target.wants/wayside-check.service"
  step "booting it"
  # No network but its own loopback: nothing on this machine's ports is met.
  timeout 300 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory="$fresh" --boot --console=pipe </dev/null >"$work/boot.log" 2>&1 || true
  cat "$fresh/root/check.log" >&2 || { tail -n 20 "$work/boot.log" >&2; say "error: systemd did not come up in the fresh Debian"; }
  checks=$(grep -c '^ok' "$fresh/root/check.log" || true)
  try_exit=$(sed -n 's/^exit //p' "$fresh/root/check.log" 2>/dev/null); try_exit=${try_exit:-1}
  if [ "$try_exit" = 0 ]; then rm -rf "$fresh"; else status=1; say "error: the try failed; it is kept in $fresh"; fi
fi
step "done: $package"
printf '{"passed": %s, "package": "%s", "package_bytes": %d, "lintian_errors": %d, "lintian_warnings": %d, "exposure": {%s}, "checks": %d, "try_exit": %s, "seconds": %d}\n' \
  "$([ $status = 0 ] && echo true || echo false)" "${package##*/}" "$(stat -c %s "$package")" "$errors" "$warnings" "$exposure" "${checks:-0}" "$try_exit" $(( $(date +%s) - started ))
exit $status
