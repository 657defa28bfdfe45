"""The Debian package's units, configuration and maintainer scripts against the programs."""
import os
import pathlib
import re
import subprocess
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("WAYSIDE_BUILD_DIR", ROOT / "build/dev")) / "bin"
PACKAGING = ROOT / "packaging"
UNITS = ("wayside-broker", "wayside-bridge", "wayside-core")
DRAIN = {"wayside-broker": "broker", "wayside-bridge": "bridge", "wayside-core": "bridge"}


def unit(name):
    """The settings of a unit; the last of a key wins but for those that add up."""
    return re.findall(r"^(\w+)=(.*)$", (PACKAGING / f"systemd/{name}.service").read_text(), re.MULTILINE)


def setting(name, key):
    return [value for told, value in unit(name) if told == key][-1]


def config(name):
    return tomllib.loads((PACKAGING / f"config/{name}").read_text())


class Package(unittest.TestCase):
    def test_the_programs_accept_the_configuration_that_is_shipped_under_the_words_of_its_unit(self):
        if not (BIN / "wayside-broker").exists():
            self.skipTest("the programs are not built")
        shipped = set()
        for name in UNITS:
            words = setting(name, "ExecStart").split()
            file = pathlib.Path(words[-1])
            self.assertEqual(str(file.parent), "/etc/wayside")
            self.assertEqual(words[0], "/usr/bin/" + pathlib.Path(words[0]).name)
            shipped.add(file.name)
            answer = subprocess.run([BIN / pathlib.Path(words[0]).name, *words[1:-1], PACKAGING / "config" / file.name, "--check-config"],
                                    capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
            self.assertEqual(answer.returncode, 0, f"{name}: {answer.stderr}")
        self.assertEqual(shipped, {path.name for path in (PACKAGING / "config").iterdir()})

    def test_a_commented_section_is_accepted_too_when_it_is_taken_in(self):
        if not (BIN / "wayside-broker").exists():
            self.skipTest("the programs are not built")
        commented = set()
        for name in UNITS:
            words = setting(name, "ExecStart").split()
            text = (PACKAGING / "config" / pathlib.Path(words[-1]).name).read_text()
            taken_in = re.sub(r"^# (\[[a-z]+\]|[a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
            if taken_in == text:
                continue
            commented.add(pathlib.Path(words[-1]).name)
            answer = subprocess.run([BIN / pathlib.Path(words[0]).name, *words[1:-1], "/dev/stdin", "--check-config"], input=taken_in,
                                    capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
            self.assertEqual(answer.returncode, 0, f"{name}: {answer.stderr}\n{taken_in}")
        self.assertEqual(commented, {"broker.toml", "core.toml"})

    def test_broker_and_bridge_of_an_edge_are_of_one_edge(self):
        self.assertEqual(config("broker.toml")["edge"], config("bridge.toml")["edge"])
        listeners = [config(name)["metrics"]["listen"] for name in ("broker.toml", "bridge.toml", "core.toml")]
        self.assertEqual(len(set(listeners)), 3)
        self.assertTrue(all(one.startswith("127.0.0.1:") for one in listeners))

    def test_what_is_written_lies_in_the_folders_of_the_unit(self):
        for name in UNITS:
            self.assertEqual((setting(name, "StateDirectory"), setting(name, "RuntimeDirectory")), ("wayside", "wayside"))
            self.assertEqual(setting(name, "RuntimeDirectoryPreserve"), "yes", "one unit's end may not take the other's sockets")
        for name, section in (("broker.toml", "edge"), ("bridge.toml", "edge"), ("core.toml", "core")):
            self.assertTrue(config(name)[section]["state_dir"].startswith("/var/lib/wayside/"))
            self.assertTrue(config(name)[section]["run_dir"].startswith("/run/wayside/"))
        for sink in config("core.toml")["sink"]:
            self.assertTrue(sink["path"].startswith("/var/lib/wayside/"))

    def test_a_unit_waits_for_the_drain_that_the_chart_counts_with(self):
        checks = (ROOT / "helm/wayside/templates/_checks.tpl").read_text()
        for name in UNITS:
            (drain,) = re.findall(rf'define "wayside.drain.{DRAIN[name]}" -}}}}(\d+)', checks)
            self.assertGreater(int(setting(name, "TimeoutStopSec")), int(drain))
        self.assertIn("wayside-bridge.service", setting("wayside-broker", "After").split(), "the bridge is to end last")

    def test_every_unit_gives_up_the_same_rights(self):
        hardening = [(PACKAGING / f"systemd/{name}.service").read_text().partition("# One user,")[2] for name in UNITS]
        self.assertEqual(len(set(hardening)), 1)
        for key, value in (("User", "wayside"), ("CapabilityBoundingSet", ""), ("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"),
                           ("ProtectHome", "yes"), ("PrivateDevices", "yes"), ("RestrictNamespaces", "yes"), ("MemoryDenyWriteExecute", "yes")):
            self.assertEqual(setting("wayside-broker", key), value, key)
        self.assertIn(("SystemCallFilter", "@system-service"), unit("wayside-broker"))
        self.assertTrue((PACKAGING / "systemd/wayside.sysusers").read_text().startswith("u wayside "))

    def test_the_broker_may_open_a_file_for_each_connection_that_it_takes(self):
        (most,) = re.findall(r"^\| `connections_max` \| an integer \| `(\d+)` .*services included", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
        self.assertGreater(int(setting("wayside-broker", "LimitNOFILE")), 2 * int(most))

    def test_a_wrong_configuration_is_not_tried_again(self):
        for name in UNITS:
            self.assertEqual((setting(name, "Restart"), setting(name, "RestartPreventExitStatus")), ("on-failure", "2"))

    def test_maintainer_scripts_are_sh_and_leave_the_volume_alone(self):
        for script in ("postinst", "prerm", "postrm"):
            path = PACKAGING / "debian" / script
            self.assertEqual(subprocess.run(["sh", "-n", path]).returncode, 0)
            for line in path.read_text().splitlines():
                if re.search(r"\brm\b", line):
                    self.assertNotIn("/var/lib", line)
