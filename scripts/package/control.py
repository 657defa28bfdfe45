"""Writes the DEBIAN folder and the papers of the package: control with the libraries that dpkg-shlibdeps names, conffiles,
md5sums, THIRD_PARTY of what is compiled in. Run by ./dev package."""
import argparse
import gzip
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "image"))
import packages  # noqa: E402
import papers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAINTAINER = "Wayside maintainers <maintainers@wayside.invalid>"
CONTROL = """Package: wayside
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kib}
Depends: {libraries}, mosquitto (>= 2.0.18), systemd | systemd-standalone-sysusers
Section: net
Priority: optional
Description: regional MQTT edge for vehicles
 Edges terminate connections of vehicles over mutual TLS, take durable
 custody of what vehicles send, buffer and deliver signed commands without
 the core, and ship compacted batches to the core region.
 .
 This package holds wayside-broker, wayside-bridge and the command wayside,
 with systemd units for an edge and for a core. Nothing is started before it
 is configured: see /usr/share/doc/wayside/docs/packages.md.
"""


def shared_library_dependencies(programs):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "debian").mkdir()
        (pathlib.Path(folder) / "debian/control").write_text("Source: wayside\n\nPackage: wayside\nArchitecture: any\n")
        answer = subprocess.run(["dpkg-shlibdeps", "-O", *["-e" + str(one) for one in programs]], cwd=folder, check=True, capture_output=True, text=True)
    return answer.stdout.strip().removeprefix("shlibs:Depends=")


def squeeze(path, content):
    path.write_bytes(gzip.compress(content.encode(), 9, mtime=0))
    path.chmod(0o644)


def documents(tree, version, epoch, build):
    folder = tree / "usr/share/doc/wayside"
    (folder / "copyright").write_text((ROOT / "packaging/debian/copyright").read_text())
    day = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(epoch))
    squeeze(folder / "changelog.Debian.gz", f"wayside ({version}) unstable; urgency=medium\n\n  * Release {version.partition('-')[0]}; see changelog.gz.\n\n -- {MAINTAINER}  {day}\n")
    squeeze(folder / "changelog.gz", (folder / "CHANGELOG.md").read_text())
    (folder / "CHANGELOG.md").unlink()
    (folder / "LICENSE").unlink()  # that of /usr/share/common-licenses
    names = sorted(packages.compiled_in(build))
    (folder / "THIRD_PARTY").write_text(papers.third_party({"shared": [], "compiled": [packages.package(name) for name in names]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", type=int, required=True)
    told = parser.parse_args()
    tree = told.tree
    documents(tree, told.version, told.epoch, told.build)
    files = sorted(path for path in tree.rglob("*") if path.is_file() and "DEBIAN" not in path.parts)
    about = tree / "DEBIAN"
    about.mkdir()
    (about / "md5sums").write_text("".join(f"{hashlib.md5(one.read_bytes()).hexdigest()}  {one.relative_to(tree)}\n" for one in files))
    (about / "conffiles").write_text("".join(f"/{one.relative_to(tree)}\n" for one in files if one.relative_to(tree).parts[0] == "etc"))
    (about / "control").write_text(CONTROL.format(
        version=told.version, architecture=packages.output("dpkg", "--print-architecture").strip(), maintainer=MAINTAINER,
        kib=sum(max(1, -(-one.stat().st_size // 1024)) for one in files),
        libraries=shared_library_dependencies(sorted((tree / "usr/bin").iterdir()))))
    for script in ("postinst", "prerm", "postrm"):
        (about / script).write_text((ROOT / "packaging/debian" / script).read_text())
        (about / script).chmod(0o755)
    for path in tree.rglob("*"):
        os.utime(path, (told.epoch, told.epoch), follow_symlinks=False)


if __name__ == "__main__":
    main()
