#!/usr/bin/env bash
# Installs the Debian packages Wayside needs (scripts/packages.txt). Does nothing when all are there.
# Usage: scripts/deps.sh [build|lint|chart|image|package|rootfs]...      (default: build)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
groups=("$@"); [ ${#groups[@]} -gt 0 ] || groups=(build)

say() { printf '%s\n' "$*" >&2; }
wanted() { awk -v g="$1" '$1 == g { print $2 }' "$here/packages.txt"; }
installed() { dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | grep -q '^installed '; }

missing=()
for group in "${groups[@]}"; do
  for package in $(wanted "$group"); do installed "$package" || missing+=("$package"); done
done
old=()
min_of() { case "$1" in mosquitto) echo 2.0.18 ;; catch2) echo 3.0 ;; esac; }
for package in $(wanted backports); do
  version=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo 0)
  dpkg --compare-versions "${version:-0}" ge "$(min_of "$package")" || old+=("$package")
done
[ ${#missing[@]} -gt 0 ] || [ ${#old[@]} -gt 0 ] || exit 0

say "installing: ${missing[*]-} ${old[*]-}"
if [ "$(id -u)" = 0 ]; then as_root() { "$@"; }
elif command -v sudo >/dev/null; then as_root() { sudo "$@"; }
else say "error: packages are missing and this user can neither install them nor use sudo"; exit 2; fi

# Debian starts a service when its package is installed; a policy that answers 101 forbids that for
# as long as we install, and is taken away again (one that was there already is left alone).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy"
  trap 'as_root rm -f "$policy"' EXIT
fi
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" >&2; }
apt_get update
[ ${#missing[@]} -eq 0 ] || apt_get install -y --no-install-recommends "${missing[@]}"

if [ ${#old[@]} -gt 0 ]; then
  . /etc/os-release
  candidate_ok() { dpkg --compare-versions "$(apt-cache policy "$1" | awk '/Candidate:/ {print $2}')" ge "$(min_of "$1")"; }
  from_stable=() from_backports=()
  for package in "${old[@]}"; do
    if candidate_ok "$package"; then from_stable+=("$package"); else from_backports+=("$package"); fi
  done
  [ ${#from_stable[@]} -eq 0 ] || apt_get install -y --no-install-recommends "${from_stable[@]}"
  if [ ${#from_backports[@]} -gt 0 ]; then
    suite="$VERSION_CODENAME-backports"
    if ! apt-cache policy | grep -q "a=[a-z]*-backports\|n=$suite"; then
      # The mirror is the one this machine already uses for its own release.
      mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(RELEASE)' 2>/dev/null |
        awk -v n="$VERSION_CODENAME" '$2 == n || $3 == n {print $1; exit}')
      [ -n "$mirror" ] || { say "error: no Debian mirror found in this machine's apt sources"; exit 2; }
      as_root sh -c "echo 'deb $mirror $suite main' > /etc/apt/sources.list.d/wayside-backports.list"
      as_root sh -c "printf 'Package: *\nPin: release n=$suite\nPin-Priority: 100\n' > /etc/apt/preferences.d/wayside-backports"
      apt_get update
    fi
    apt_get install -y --no-install-recommends -t "$suite" "${from_backports[@]}"
  fi
fi
