# ./dev image: the image of the Containerfile, and the outage drill in it.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
usage() {
  cat <<TEXT
usage: ./dev image [--base IMAGE] [--tag NAME:TAG] [--jobs N] [--fresh] [--no-drill]

Builds the image of the Containerfile with buildah, from this tree as it is, and starts it as a pod would: its own user, root
read-only, no capability, nothing to write but /tmp, /run/wayside and the volume. In it runs the outage drill, whose exit
status is this command's. Needs root.

  --base IMAGE      build on this image of a registry (debian:12-slim). Without it a base is bootstrapped here, from the
                    Debian 12 that this machine's apt knows, and kept.
  --tag NAME:TAG    name of the image (default: wayside:<version of the project>)
  --jobs N          compilers at one time (default: one a processor)
  --fresh           bootstrap and install anew what an earlier run kept: for a release, so that it has Debian's newest
                    security updates. Only the compiler cache stays.
  --no-drill        build, and start nothing

Leaves in build/image: wayside-<version>.oci.tar (an OCI archive), sbom.spdx.json, THIRD_PARTY and, of the drill, drill.log.
The first run takes about a quarter of an hour on two processors.
The last line is one JSON object: passed, image, digest, image_bytes, root_bytes, packages, drill_exit, drill_seconds, build_seconds.
TEXT
}

base="" jobs=$(nproc) fresh=no drill=yes version=$(project_version)
tag=wayside:$version
needs() { [ $# -gt 1 ] && [ -n "$2" ] || fail "$1 needs a value (try --help)"; }
while [ $# -gt 0 ]; do case "$1" in
  -h|--help) usage; exit 0 ;;
  --base) needs "$@"; base=$2; shift 2 ;;
  --tag) needs "$@"; tag=$2; shift 2 ;;
  --jobs) needs "$@"; jobs=$2; shift 2 ;;
  --fresh) fresh=yes; shift ;;
  --no-drill) drill=no; shift ;;
  *) fail "unknown option '$1' (try --help)" ;;
esac; done
case "$jobs" in ''|*[!0-9]*|0) fail "--jobs: '$jobs' is no number of compilers" ;; esac
case "$tag" in *:*) ;; *) fail "--tag: '$tag' has no tag; say NAME:TAG" ;; esac
[ "$(id -u)" = 0 ] || fail "an image is built and started as root here; try sudo ./dev image"
scripts/deps.sh image

work=$root/build/image
mkdir -p "$work/tmp"
export TMPDIR=$work/tmp   # buildah's own scratch space and the compiler cache of the build stage
storage_driver=overlay
bb() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver "$storage_driver" "$@"; }
started=$(date +%s)
step() { say "[$(( $(date +%s) - started )) s] $*"; }

# Overlays need a file system that bears them; copies of whole layers (vfs) do everywhere.
mount_works() { mkdir -p "$work/try/"{lower,upper,work,at} && unshare --mount mount -t overlay overlay -o "lowerdir=$work/try/lower,upperdir=$work/try/upper,workdir=$work/try/work" "$work/try/at" 2>/dev/null; }
mount_works || { storage_driver=vfs; say "no overlay file system here: layers are copied"; }
rm -rf "$work/try"

bootstrap_base() {
  local sources; sources=$(debian_sources)
  [ -n "$sources" ] || fail "this machine's apt knows no Debian 12 (bookworm); name a base with --base, or run apt-get update"
  step "bootstrapping a base of Debian 12"
  mkdir -p "$work/base"
  printf '%s\n' "$sources" | mmdebstrap --quiet --variant=minbase bookworm "$work/base/root.tar" - >&2 || fail "bootstrapping the base failed"
  printf 'FROM scratch\nADD root.tar /\n' >"$work/base/Containerfile"
  bb build --quiet --isolation chroot -t "$base" -f "$work/base/Containerfile" "$work/base" >&2
  rm -rf "$work/base"
}
# What earlier runs built lies there by the gigabyte, and nothing of it is asked for now.
[ $fresh = no ] || rm -rf "$work/storage" "$work/run"
if [ -z "$base" ]; then
  base=localhost/wayside-base:bookworm
  if ! bb inspect --type image "$base" >/dev/null 2>&1; then bootstrap_base; fi
fi

revision=$(git rev-parse --verify --quiet HEAD || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || revision=$revision-modified
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 0)
step "building $tag on $base"
bb build --isolation chroot --layers --timestamp "$epoch" --build-arg "BASE=$base" --build-arg "JOBS=$jobs" --build-arg "VERSION=$version" \
  --build-arg "REVISION=$revision" --build-arg "SOURCE_DATE_EPOCH=$epoch" -t "$tag" -f Containerfile . >&2 || fail "building the image failed"
built=$(( $(date +%s) - started ))

container=$(bb from --pull-never "$tag")
cleanup() { bb umount "$container" >/dev/null 2>&1 || true; bb rm "$container" >/dev/null 2>&1 || true; [ $passed = false ] || rm -rf "$work"/volume.*; }
passed=true
trap cleanup EXIT
mounted=$(bb mount "$container")
cp "$mounted/usr/share/doc/wayside/sbom.spdx.json" "$mounted/usr/share/doc/wayside/THIRD_PARTY" "$work/"
packages=$(find "$mounted/var/lib/dpkg/status.d" -type f | wc -l)
root_bytes=$(du -s --block-size=1 --apparent-size "$mounted" | cut -f1)
archive=$work/wayside-$version.oci.tar
rm -f "$archive"
step "writing $archive"
bb push --quiet --digestfile "$work/digest" "$tag" "oci-archive:$archive:$tag" >&2

drill_exit=null drill_seconds=null status=0
if [ $drill = yes ]; then
  volume=$(mktemp -d "$work/volume.XXXXXX")
  user=$(bb inspect --type image --format '{{.OCIv1.Config.User}}' "$tag")
  path=$(bb inspect --type image --format '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' "$tag" | sed -n 's/^PATH=//p')
  chown "$user" "$volume"
  step "the outage drill in it, as $user"
  at=$(date +%s)
  # The drill is process 1 of its own space: with it ends all that it started.
  unshare --mount --pid --ipc --fork --kill-child -- bash scripts/image/start.sh "$mounted" "$volume" "$user" "$path" \
    wayside up --drill outage --dir /var/lib/wayside/drill > >(tee "$work/drill.log" >&2) || status=$?
  drill_exit=$status drill_seconds=$(( $(date +%s) - at ))
  [ "$status" = 0 ] || { passed=false; say "error: the drill ended with $status; its words are in $work/drill.log, its volume is $volume"; }
fi
step "done"
printf '{"passed": %s, "image": "%s", "digest": "%s", "image_bytes": %d, "root_bytes": %d, "packages": %d, "drill_exit": %s, "drill_seconds": %s, "build_seconds": %d}\n' \
  "$passed" "$tag" "$(cat "$work/digest")" "$(stat -c %s "$archive")" "$root_bytes" "$packages" "$drill_exit" "$drill_seconds" "$built"
exit "$status"
