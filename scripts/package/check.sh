#!/bin/bash
# Runs inside a freshly booted Debian that has the package: starts core and edge by their units, then upgrades, removes and
# purges it. Each line is `ok WHAT` or `FAILED WHAT`; the last is `exit N`.
set -uo pipefail
version=$1 failed=0
units="wayside-core wayside-bridge wayside-broker"
check() { # WHAT COMMAND...
  local what=$1 told; shift
  if told=$("$@" 2>&1); then echo "ok      $what"; else echo "FAILED  $what: $told"; failed=1; fi
}
refuse() { local what=$1; shift; if "$@" >/dev/null 2>&1; then echo "FAILED  $what"; failed=1; else echo "ok      $what"; fi; }
end() { [ $failed = 0 ] || journalctl --no-pager -b -n 80; echo "exit $failed"; exit $failed; }
is() { [ "$1" = "$2" ] || { echo "'$1', not '$2'"; return 1; }; }
property() { systemctl show --property "$2" --value "$1.service"; }
status_of() { sed -n "s/^$2:\s*//p" "/proc/$(property "$1" MainPID)/status"; }

check "wayside --version" is "$(wayside --version)" "wayside ${version%-*}"
check "the shipped broker.toml is accepted" wayside-broker --config /etc/wayside/broker.toml --check-config
check "the shipped bridge.toml is accepted" wayside-bridge edge --config /etc/wayside/bridge.toml --check-config
check "the shipped core.toml is accepted" wayside-bridge core --config /etc/wayside/core.toml --check-config
check "there is a user wayside" id wayside
for unit in $units; do
  check "$unit is not enabled before it is configured" is "$(systemctl is-enabled $unit)" disabled
  check "systemd accepts $unit" systemd-analyze verify --man=no "$unit.service"
done

# Keys and certificates, as an operator lays them.
pki=/root/pki etc=/etc/wayside
for words in "pki init $pki --development" "pki issue edge $pki edge-1" "pki issue core $pki core-a" "grant key init $pki" "grant trust $pki"; do
  check "wayside $words" wayside $words
done
lay() { install -D -m 0640 -o root -g wayside "$1" "$etc/$2"; }
mkdir -p $etc/trust
for name in vehicles services links; do lay "$pki/ca/$name.crt" "$name-ca/ca.crt"; done
lay $pki/edge/edge-1/server.crt server/tls.crt; lay $pki/edge/edge-1/server.key server/tls.key
lay $pki/edge/edge-1/link.crt link/tls.crt; lay $pki/edge/edge-1/link.key link/tls.key
lay $pki/core/core-a/link.crt core-link/tls.crt; lay $pki/core/core-a/link.key core-link/tls.key
lay $pki/commands/root.pub root-key/root.pub
for list in $pki/commands/trust/*.wsl; do lay "$list" "trust/${list##*/}"; done
# The core's broker: Debian's own Mosquitto, one listener, rights by name.
install -D -m 0640 -o root -g mosquitto $pki/core/core-a/server.key /etc/mosquitto/certs/core.key
install -m 0644 $pki/core/core-a/server.crt /etc/mosquitto/certs/core.crt
install -m 0644 $pki/ca/links.crt /etc/mosquitto/certs/links.crt
printf 'user core-a\ntopic readwrite wayside/#\ntopic readwrite v1/#\n\nuser edge-1\ntopic readwrite wayside/edge-1/#\n' >/etc/mosquitto/core.acl
chown mosquitto:mosquitto /etc/mosquitto/core.acl && chmod 0600 /etc/mosquitto/core.acl
cat >/etc/mosquitto/conf.d/core.conf <<CONF
listener 18883
cafile /etc/mosquitto/certs/links.crt
certfile /etc/mosquitto/certs/core.crt
keyfile /etc/mosquitto/certs/core.key
require_certificate true
use_identity_as_username true
acl_file /etc/mosquitto/core.acl
CONF
# What differs from the shipped files, by drop-ins, as an operator may: two roles on one machine, and development CAs.
drop_in() { # UNIT NAME=VALUE...
  local folder=/etc/systemd/system/$1.service.d; shift
  mkdir -p "$folder"
  { echo "[Service]"; printf 'Environment=%s\n' "$@"; } >"$folder/try.conf"
}
drop_in wayside-broker WAYSIDE_BROKER__VEHICLES__ALLOW_DEVELOPMENT_CA=true
drop_in wayside-bridge WAYSIDE_BRIDGE_EDGE__CORE__ADDRESS=localhost:18883
drop_in wayside-core WAYSIDE_BRIDGE_CORE__BROKER__ADDRESS=localhost:18883 WAYSIDE_BRIDGE_CORE__BROKER__CERTIFICATE=$etc/core-link/tls.crt \
  WAYSIDE_BRIDGE_CORE__BROKER__KEY=$etc/core-link/tls.key
systemctl daemon-reload
check "Mosquitto takes the core's listener" systemctl restart mosquitto

ready="wayside ready --wait 60 127.0.0.1:9464 127.0.0.1:9465 127.0.0.1:9466"
check "core and edge are started by their units" systemctl enable --now $units
check "core and edge become ready" $ready
linked() { local i; for i in $(seq 60); do wayside status /run/wayside/edge >/root/status.txt 2>&1 && return 0; sleep 1; done; cat /root/status.txt; return 1; }
check "wayside status finds the edge healthy" linked
for unit in $units; do
  uid=$(id -u wayside)
  check "$unit runs as wayside" is "$(status_of $unit Uid)" "$uid	$uid	$uid	$uid"
  check "$unit has no capability" is "$(status_of $unit CapEff)$(status_of $unit CapBnd)" 00000000000000000000000000000000
  check "$unit may gain no privilege" is "$(status_of $unit NoNewPrivs)" 1
  check "$unit is under a system call filter" is "$(status_of $unit Seccomp)" 2
  check "$unit did not restart" is "$(property $unit NRestarts)" 0
done
check "the local broker is a child of the broker" grep -qx mosquitto /proc/*/comm
uuid=$(cat /var/lib/wayside/state/spool/spool.uuid | sha256sum)
before=$(property wayside-broker MainPID)
check "the package is put over itself" dpkg --install /root/wayside.deb
check "what ran is ready again" $ready
refuse "it is another process" [ "$before" = "$(property wayside-broker MainPID)" ]
check "the edge is healthy again" linked
check "the units stop" systemctl stop $units
for unit in $units; do
  check "$unit drained: it ended by itself with 0" is "$(property $unit Result) $(property $unit ExecMainStatus)" "success 0"
done
check "the units start again" systemctl start $units
check "the package is removed" apt-get remove -y wayside
for unit in $units; do refuse "$unit runs no more" systemctl is-active --quiet $unit; done
check "its configuration is kept" test -s /etc/wayside/broker.toml
check "the package is purged" apt-get purge -y wayside
refuse "its configuration is gone" test -e /etc/wayside/broker.toml
refuse "nothing of it is enabled" ls /etc/systemd/system/multi-user.target.wants/wayside-broker.service
check "keys that an operator laid are kept" test -s /etc/wayside/link/tls.key
check "the volume is kept" is "$(cat /var/lib/wayside/state/spool/spool.uuid | sha256sum)" "$uuid"
end
