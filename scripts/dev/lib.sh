# Shared by ./dev and scripts/dev/*.sh; sourced, never run. `root` is the checkout.
root=${root:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
export PATH=$PATH:/usr/sbin:/sbin   # where Debian keeps mosquitto

# Recorded drives and the VSS catalogue, where they lie beside the checkout.
if [ -z "${WAYSIDE_DATA_DIR:-}" ] && [ -d "$root/../shared/data" ]; then
  WAYSIDE_DATA_DIR=$(cd "$root/../shared/data" && pwd); export WAYSIDE_DATA_DIR
fi

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 2; }

# The first word that starts with the same letter or contains the typed one.
nearest() {
  local typed=$1 word; shift
  for word in "$@"; do case "$word" in "$typed"*|*"$typed"*) echo "$word"; return ;; esac; done
  for word in "$@"; do [ "${word:0:2}" = "${typed:0:2}" ] && { echo "$word"; return; }; done
  for word in "$@"; do [ "${word:0:1}" = "${typed:0:1}" ] && { echo "$word"; return; }; done
}

# configure PRESET: once, or again when CMake's inputs ask for it (ninja does that itself).
configure() {
  [ -f "build/$1/build.ninja" ] || cmake --preset "$1" >"build-$1.log" 2>&1 || { cat "build-$1.log" >&2; rm -f "build-$1.log"; fail "configuring preset $1 failed"; }
  rm -f "build-$1.log"
}

# build_preset PRESET [TARGET...]
build_preset() {
  local preset=$1; shift
  configure "$preset"
  if [ $# -gt 0 ]; then ninja -C "build/$preset" "$@" >&2; else ninja -C "build/$preset" >&2; fi
}

# The version of the project, as CMake has it.
project_version() { sed -n 's/^project(wayside VERSION \([0-9.]*\) .*/\1/p' "$root/CMakeLists.txt"; }

product_targets="wayside wayside-broker wayside-bridge"

# Sets `runner` to the words that run a command as one unprivileged user, and `run_user` to its name. As
# root that is the user who called sudo, or a system user `wayside` made for it.
choose_user() {
  runner=(); run_user=$(id -un)
  [ "$(id -u)" = 0 ] || return 0
  if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then run_user=$SUDO_USER
  else
    run_user=wayside
    if ! id -u wayside >/dev/null 2>&1; then
      say "creating the system user 'wayside': nothing of ours runs as root"
      useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wayside
    fi
  fi
  runner=(setpriv --reuid "$(id -u "$run_user")" --regid "$(id -g "$run_user")" --clear-groups --)
}

# stage_run NAME PRESET [PROGRAM...]: a new folder owned by run_user with the programs in bin/ and the data
# they read, so that it works from a checkout that this user may not enter. Sets `stage`.
stage_run() {
  local name=$1 preset=$2 program; shift 2
  stage=$(mktemp -d "${TMPDIR:-/tmp}/wayside-$name.XXXXXX")
  mkdir -p "$stage/bin" "$stage/run"
  for program in $product_targets "$@"; do cp -r "build/$preset/bin/$program" "$stage/bin/"; done
  cp -r data "$stage/data"
  [ "$(id -u)" != 0 ] || chown -R "$run_user" "$stage"
  chmod 755 "$stage"
}

# A JSON member of the last line of a file, for the shell: json_last FILE KEY (numbers and booleans only).
json_last() { tail -n 1 "$1" | grep -o "\"$2\": *[^,}]*" | head -n 1 | sed 's/.*: *//'; }

# The machine's own sources of Debian 12, and no other archive it may know.
debian_sources() {
  apt-get indextargets --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(SITE) $(CODENAME) $(COMPONENT)|$(ORIGIN)' 'Created-By: Packages' |
    sed -n -E '/ bookworm(-[a-z]+)? /s/\|Debian.*$//p' | sort -u
}
