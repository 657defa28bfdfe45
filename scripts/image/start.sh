# start.sh ROOT VOLUME USER PATH WORD...: runs a command in the root of an image as a pod would. To be called in mount and
# PID namespaces of its own, as root (scripts/dev/image.sh does).
set -euo pipefail
image=$1 volume=$2 user=$3 path=$4; shift 4
mount --make-rprivate /
mount --bind "$image" "$image"
mount -o remount,bind,ro "$image"
mount --bind "$volume" "$image/var/lib/wayside"
mount -t tmpfs -o "nosuid,nodev,size=16m,mode=0750,uid=${user%:*},gid=${user#*:}" tmpfs "$image/run/wayside"
mount -t tmpfs -o nosuid,nodev,size=64m,mode=1777 tmpfs "$image/tmp"
mount -t proc -o nosuid,nodev,noexec proc "$image/proc"
mount -t tmpfs -o nosuid,noexec,size=64k,mode=755 tmpfs "$image/dev"
for device in null zero full random urandom; do
  : >"$image/dev/$device"
  mount --bind "/dev/$device" "$image/dev/$device"
done
exec env -i "PATH=$path" "$(command -v setpriv)" --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid --inh-caps=-all -- \
  "$(PATH=$PATH:/usr/sbin command -v chroot)" "--userspec=$user" --groups= "$image" "$@"
