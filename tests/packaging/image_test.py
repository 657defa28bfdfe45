"""The Containerfile against the chart and the install rules."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import rootfs

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WAYSIDE_BUILD_DIR", ROOT / "build/dev"))
CHART = ROOT / "helm/wayside"


def instructions():
    """(word, rest) of each instruction, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Containerfile").read_text()))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def last_stage():
    told = instructions()
    start = max(at for at, (word, _) in enumerate(told) if word == "FROM")
    return told[start:]


def of(stage, word):
    return [rest for name, rest in stage if name == word]


def chart_value(key):
    section = (CHART / "values.yaml").read_text().partition("\nsecurity:\n")[2]
    return re.search(rf"^  {key}: (\d+)$", section, re.MULTILINE)[1]


class Image(unittest.TestCase):
    def test_the_user_is_the_one_that_the_chart_s_pods_run_as(self):
        uid, gid = chart_value("uid"), chart_value("gid")
        self.assertEqual(of(last_stage(), "USER"), [f"{uid}:{gid}"])
        (assembled,) = [rest for rest in of(instructions(), "RUN") if "rootfs.py" in rest]
        self.assertIn(f"--user wayside:{uid}:{gid} ", assembled)
        self.assertNotEqual(uid, "0")

    def test_it_leaves_probes_to_who_runs_it_and_asks_for_no_shell(self):
        stage = last_stage()
        self.assertEqual(of(instructions(), "HEALTHCHECK"), [])
        self.assertEqual(of(stage, "FROM"), ["scratch"])
        for word in ("RUN", "SHELL", "ADD", "ENTRYPOINT", "VOLUME"):
            self.assertEqual(of(stage, word), [], word)
        self.assertEqual(of(stage, "COPY"), ["--from=build /rootfs/ /"])
        (command,) = of(stage, "CMD")
        self.assertTrue(command.startswith("["), command)

    def test_the_base_is_an_argument_and_names_no_registry(self):
        (base,) = [rest for rest in of(instructions(), "ARG") if rest.startswith("BASE=")]
        self.assertEqual(base, "BASE=debian:12-slim")
        self.assertEqual(of(instructions(), "FROM")[0], "${BASE} AS build")

    def test_every_program_that_the_chart_starts_is_in_it_and_on_its_path(self):
        text = "".join(path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file())
        started = set(re.findall(r"command: \[([a-z-]+)[,\]]", text)) | set(re.findall(r"command:\n\s+- ([a-z-]+)\n", text))
        self.assertEqual(started, {"wayside", "wayside-broker", "wayside-bridge", "mosquitto"})
        (path,) = [rest.partition("=")[2] for rest in of(last_stage(), "ENV") if rest.startswith("PATH=")]
        brought = {"/usr/bin/" + name for name in rootfs.PROGRAMS} | {rootfs.MOSQUITTO}
        for program in started:
            self.assertTrue(any(f"{folder}/{program}" in brought for folder in path.split(":")), program)

    def test_the_install_rules_bring_these_programs_and_no_other(self):
        if not all((BUILD / "bin" / name).exists() for name in rootfs.PROGRAMS):
            self.skipTest("the programs are not built")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cmake", "--install", str(BUILD), "--prefix", folder], check=True, capture_output=True)
            there = {str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*") if path.is_file()}
        programs = {path for path in there if not path.startswith("share/doc/wayside/")}
        self.assertEqual(programs, {"bin/" + name for name in rootfs.PROGRAMS})
        self.assertIn("share/doc/wayside/LICENSE", there)

    def test_what_the_build_reads_is_not_kept_from_it(self):
        ignored = set((ROOT / ".containerignore").read_text().split("\n"))
        (folders,) = re.findall(r"foreach\(folder ([a-z ]+)\)", (ROOT / "CMakeLists.txt").read_text())
        needed = {*folders.split(), "cmake", "data", "scripts", "docs", "CMakeLists.txt", "CMakePresets.json"}
        self.assertEqual(needed & ignored, set())
        for secret in (".git", "build", ".cache"):
            self.assertIn(secret, ignored)

    def test_the_build_stage_installs_by_groups_that_packages_txt_has(self):
        (install,) = [rest for rest in of(instructions(), "RUN") if "deps.sh" in rest]
        groups = {line.split()[0] for line in (ROOT / "scripts/packages.txt").read_text().splitlines() if line and not line.startswith("#")}
        asked = set(install.split()[1:])
        self.assertTrue(asked and asked <= groups, asked)
        self.assertTrue({"image", "package"} <= groups)

    def test_of_a_package_libraries_are_taken_and_programs_are_not(self):
        def taken(path):
            return bool(rootfs.TAKEN.fullmatch(path) and not rootfs.LEFT_OUT.search(path))
        for path in ("/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/lib64/ld-linux-x86-64.so.2",
                     "/usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so", "/usr/sbin/mosquitto", "/etc/os-release"):
            self.assertTrue(taken(path), path)
        for path in ("/usr/bin/mosquitto_passwd", "/bin/sh", "/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", "/etc/init.d/mosquitto",
                     "/lib/systemd/system/mosquitto.service", "/usr/share/doc/libc6/changelog.Debian.gz", "/etc/mosquitto/mosquitto.conf"):
            self.assertFalse(taken(path), path)
