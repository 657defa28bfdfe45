"""Assembles the root of the image's runtime stage from what is installed here: our programs, Mosquitto, the shared
libraries that these load, and the papers. Run by the Containerfile; see docs/image.md."""
import argparse
import json
import os
import pathlib
import re
import shutil

import packages
import papers

PROGRAMS = ("wayside", "wayside-broker", "wayside-bridge")
MOSQUITTO = "/usr/sbin/mosquitto"
# What of a package is taken: shared objects, Mosquitto's program, and what tells a reader or a scanner which system this
# is. Not the character sets of iconv nor what Kerberos may load: nothing here asks for them.
TAKEN = re.compile(r"(/usr)?/lib.*\.so(\.[0-9.]+)?|" + MOSQUITTO + r"|(/usr/lib|/etc)/os-release|/etc/debian_version|/usr/share/common-licenses/.*")
LEFT_OUT = re.compile(r"/(gconv|krb5)/")
REFUSED = {"sh", "bash", "dash", "ash", "busybox", "perl", "python3", "apt-get", "dpkg"}


def skeleton(root, user):
    name, uid, gid = user.split(":")
    for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc/wayside", "var/lib/wayside", "var/lib/dpkg/status.d", "run/wayside", "tmp",
                   "dev", "proc", "sys"):
        (root / folder).mkdir(parents=True)
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / folder).symlink_to("usr/" + folder)
    (root / "tmp").chmod(0o1777)
    for folder in ("var/lib/wayside", "run/wayside"):  # where nothing is mounted, for a look at the programs
        os.chown(root / folder, int(uid), int(gid))
        (root / folder).chmod(0o750)
    (root / "etc/passwd").write_text(f"root:x:0:0:root:/:/usr/sbin/nologin\n{name}:x:{uid}:{gid}:Wayside:/var/lib/wayside:/usr/sbin/nologin\n")
    (root / "etc/group").write_text(f"root:x:0:\n{name}:x:{gid}:\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")


def put(root, path, source):
    """`source` as `path` in the root; the folders that lie in / are links there, and stay."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        return
    shutil.copy2(source, target, follow_symlinks=False)


def take(root, package):
    """The files of a package that the image needs, and what tells scanners that it is there."""
    for path in packages.output("dpkg-query", "--listfiles", package.name).splitlines():
        if TAKEN.fullmatch(path) and not LEFT_OUT.search(path) and (os.path.islink(path) or os.path.isfile(path)):
            put(root, path, path)
    document = root / "usr/share/doc" / package.name / "copyright"
    document.parent.mkdir(parents=True)
    document.write_text(package.copyright_text)
    (root / "var/lib/dpkg/status.d" / package.name).write_text(package.stanza)


def check(root):
    """Every program finds its libraries in the new root, and there is nothing to run there but them."""
    for path in root.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_mode & 0o6000:
            raise SystemExit(f"error: {path} is set-uid or set-gid")
        if path.name in REFUSED:
            raise SystemExit(f"error: {path} has no place in the image")
    (loader,) = (root / "usr/lib64").glob("ld-linux*") if any((root / "usr/lib64").iterdir()) else (root / "usr/lib").glob("ld-linux*")
    for program in [*("/usr/bin/" + one for one in PROGRAMS), MOSQUITTO]:
        inside = "/" + str(loader.relative_to(root))
        packages.libraries(packages.output("chroot", str(root), inside, "--list", program))
    for program in PROGRAMS:
        print(packages.output("chroot", str(root), "/usr/bin/" + program, "--version").strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=pathlib.Path, required=True, help="where cmake --install put the programs")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder they are from")
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", type=int, default=0, help="seconds, told as the time of the papers")
    parser.add_argument("--user", required=True, help="NAME:UID:GID of the image")
    parser.add_argument("--into", type=pathlib.Path, required=True)
    told = parser.parse_args()

    root = told.into
    skeleton(root, told.user)
    own = {"/usr/bin/" + name: told.stage / "usr/bin" / name for name in PROGRAMS}
    names = {"base-files", *packages.owners([MOSQUITTO]), *packages.shared_libraries([*own.values(), MOSQUITTO])}
    shared = [packages.package(name) for name in sorted(names)]
    for package in shared:
        take(root, package)
    for inside, here in own.items():
        put(root, inside, here)
    # What a shared library's own headers put into the programs is of the same source and version: told once.
    sources = {one.source for one in shared}
    compiled = [one for one in map(packages.package, sorted(packages.compiled_in(told.build))) if one.source not in sources]
    used = {"shared": shared, "compiled": compiled}
    release = dict(re.findall(r'^(\w+)="?(.*?)"?$', (root / "usr/lib/os-release").read_text(), re.MULTILINE))
    documents = root / "usr/share/doc/wayside"
    documents.mkdir(parents=True)
    shutil.copy(told.stage / "usr/share/doc/wayside/LICENSE", documents)
    (documents / "THIRD_PARTY").write_text(papers.third_party(used))
    sbom = papers.spdx(told.version, told.epoch, f"{release['ID']}-{release['VERSION_ID']}", used, own)
    (documents / "sbom.spdx.json").write_text(json.dumps(sbom, indent=1) + "\n")
    check(root)
    print(f"{len(shared)} packages in the image, {len(compiled)} more compiled in")


if __name__ == "__main__":
    main()
