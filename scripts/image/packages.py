"""What dpkg knows here: which package a file came from, and what that package says of itself."""
import dataclasses
import os
import pathlib
import re
import subprocess


@dataclasses.dataclass(frozen=True)
class Package:
    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    maintainer: str
    homepage: str
    stanza: str  # as in /var/lib/dpkg/status

    @property
    def copyright_text(self):
        path = pathlib.Path("/usr/share/doc", self.name, "copyright")
        if not path.exists():
            raise SystemExit(f"error: {self.name} is installed without {path}; is /usr/share/doc excluded here?")
        return path.read_text(errors="replace")


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def parse(stanza):
    """A Package of a stanza of dpkg's status."""
    field = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
    name, version = field["Package"], field["Version"]
    source = re.fullmatch(r"(\S+)(?: \((.*)\))?", field.get("Source", name))
    return Package(name, version, field["Architecture"], source[1], source[2] or version, field.get("Maintainer", ""),
                   field.get("Homepage", ""), stanza.strip() + "\n")


def package(name):
    return parse(output("dpkg-query", "--status", name))


def spellings(path):
    """Debian's packages say /lib where the file system says /usr/lib."""
    yield path
    if path.startswith("/usr/"):
        yield path[len("/usr"):]
    elif re.match(r"/(bin|sbin|lib|lib64)/", path):
        yield "/usr" + path


def owners(paths):
    """The names of the packages that brought these files; each must have one."""
    wanted = {str(path) for path in paths}
    asked = sorted({one for path in wanted for one in spellings(path)})
    found = {}
    for at in range(0, len(asked), 500):
        answer = subprocess.run(["dpkg-query", "--search", *asked[at:at + 500]], capture_output=True, text=True)
        for line in answer.stdout.splitlines():
            names, _, path = line.partition(": ")
            if not line.startswith("diversion "):
                found[path] = names.split(", ")[0].partition(":")[0]
    orphans = [path for path in wanted if not any(one in found for one in spellings(path))]
    if orphans:
        raise SystemExit("error: no package brought " + ", ".join(sorted(orphans)))
    return {found[one] for path in wanted for one in spellings(path) if one in found}


def libraries(text):
    """The files that ldd names; none may be missing."""
    missing = re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE)
    if missing:
        raise SystemExit("error: not found: " + ", ".join(missing))
    return {path for path in re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", text, re.MULTILINE)}


def shared_libraries(programs):
    """Packages of the shared libraries that these programs load, those of libraries too."""
    files = {os.path.realpath(path) for program in programs for path in libraries(output("ldd", str(program)))}
    return owners(files)


def compiled_in(build):
    """Packages whose headers or static libraries went into the programs of this build folder."""
    text = output("ninja", "-C", str(build), "-t", "deps")
    files = {os.path.realpath(path) for path in re.findall(r"^    (/usr/\S+)$", text, re.MULTILINE)}
    files |= {os.path.realpath(path) for path in re.findall(r"(?<=\s)/usr/lib/\S+\.a(?=\s)", pathlib.Path(build, "build.ninja").read_text())}
    if not files:
        raise SystemExit(f"error: {build} tells nothing of what it was built from")
    return owners(files)
