"""The real programs, started as the rendered pods say: arguments, environment, ConfigMap, Secrets and volumes, laid out
as the kubelet does (a dated folder, a `..data` link to it, a link for each file), under the pod's user where we are root."""
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from support import CHART, ROOT, config_map, containers, need, rendered, run, workload

BIN = pathlib.Path(os.environ.get("WAYSIDE_BIN_DIR", ROOT / "build/dev/bin"))
EDGE, CORE, ADOPT = (CHART / f"ci/{name}.yaml" for name in ("edge-development", "core-development", "adopt"))
VEHICLE = "WVWZZZ1JZXW000001"
PROGRAMS = ("wayside", "wayside-broker", "wayside-bridge")


def free_ports(count):
    taken = [socket.socket() for _ in range(count)]
    for one in taken:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def wait_until(what, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.1)
    return False


def swap(folder, files, mode, gid):
    """A new version of an object's files, as the kubelet brings it: all at once, by one rename."""
    name = ".." + str(time.monotonic_ns())
    (folder / name).mkdir()
    for file, content in files.items():
        path = folder / name / file
        path.write_bytes(content)
        path.chmod(mode)
        if os.geteuid() == 0:
            os.chown(path, 0, gid)
    (folder / "..data_tmp").symlink_to(name)
    os.rename(folder / "..data_tmp", folder / "..data")
    for file in files:
        if not (folder / file).is_symlink():
            (folder / file).symlink_to("..data/" + file)


class Pod:
    """One rendered pod below a folder that stands for its root. `claims`: folders of volumes that are there already."""

    def __init__(self, objects, objects_files, folder, programs, claims=None):
        self.objects, self.folder, self.programs, self.running = objects, folder, programs, {}
        spec = workload(objects)["spec"]
        self.pod = spec["template"]["spec"]
        self.gid = self.pod["securityContext"]["fsGroup"]
        files = dict(objects_files)
        data = config_map(objects)
        files[data["metadata"]["name"]] = {k: self.inside(v).encode() for k, v in data["data"].items()}
        self.places = {}
        for volume in self.pod["volumes"] + [{"name": one["metadata"]["name"]} for one in spec.get("volumeClaimTemplates", [])]:
            if "persistentVolumeClaim" in volume:
                self.places[volume["name"]] = claims[volume["persistentVolumeClaim"]["claimName"]]
                continue
            place = folder / "volumes" / volume["name"]
            place.mkdir(parents=True)
            self.places[volume["name"]] = place
            source = volume.get("secret") or volume.get("configMap")
            if source:
                swap(place, files[source.get("secretName") or source["name"]], source["defaultMode"], self.gid)
            else:  # an emptyDir or a claim: root's, of the pod's group
                if os.geteuid() == 0:
                    os.chown(place, 0, self.gid)
                place.chmod(0o2777)
        mounts = [one for container in self.pod["containers"] for one in container["volumeMounts"]]
        for one in sorted(mounts, key=lambda one: one["mountPath"]):  # what holds a mount comes before it
            self.mount(one)

    def inside(self, text):
        for place in ("/etc/wayside", "/var/lib/wayside", "/run/wayside"):
            text = text.replace(place, str(self.folder) + place)
        return text

    def mount(self, one):
        at = pathlib.Path(str(self.folder) + one["mountPath"])
        source = self.places[one["name"]]
        if "subPath" in one:
            source = source / one["subPath"]
            source.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                os.chown(source, 0, self.gid)
            source.chmod(0o2777)
        if not at.exists():
            at.parent.mkdir(parents=True, exist_ok=True)
            at.symlink_to(source)

    def start(self, name):
        container = containers(self.objects)[name]
        words = [self.inside(word) for word in container["command"]]
        if words[0] in PROGRAMS:
            words[0] = str(self.programs / words[0])
        if os.geteuid() == 0:
            uid = str(container["securityContext"]["runAsUser"])
            words = ["setpriv", "--reuid", uid, "--regid", str(self.gid), "--clear-groups", "--", *words]
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        env.update({one["name"]: one["value"] for one in container.get("env", [])})
        log = open(self.folder / (name + ".log"), "ab")
        self.running[name] = subprocess.Popen(words, env=env, stdout=log, stderr=log, cwd="/")
        log.close()

    def log(self, name):
        return (self.folder / (name + ".log")).read_text(errors="replace")

    def stop(self, name):
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(30)

    def kill(self):
        for process in self.running.values():
            process.kill()
            process.wait()


def pki_files(pki):
    """The Secrets and ConfigMaps that the two value sets name, from a folder of `wayside pki`."""
    def pair(stem):
        return {"tls.crt": (pki / (stem + ".crt")).read_bytes(), "tls.key": (pki / (stem + ".key")).read_bytes()}
    def authority(name):
        return {"ca.crt": (pki / f"ca/{name}.crt").read_bytes(), "ca.crl": (pki / f"crl/{name}.crl").read_bytes()}
    return {
        "edge-1-server": pair("edge/edge-1/server"), "edge-1-link": pair("edge/edge-1/link"),
        "adopter-link": pair("edge/adopter/link"),
        "core-1-server": pair("core/core-1/server"), "core-1-link": pair("core/core-1/link"),
        "vehicles-ca": authority("vehicles"), "services-ca": authority("services"), "links-ca": authority("links"),
        "root-key": {"root.pub": (pki / "commands/root.pub").read_bytes()},
        "trust-lists": {one.name: one.read_bytes() for one in (pki / "commands/trust").glob("*.wsl")},
        "region-key": {"region.key": (pki / "region.key").read_bytes()},
    }


class Started(unittest.TestCase):
    def setUp(self):
        need("helm", "python")
        if not all((BIN / program).exists() for program in PROGRAMS):
            self.skipTest("the programs are not built")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="wayside-chart."))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder)
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        for program in PROGRAMS:  # from a checkout that the pod's user may not enter
            shutil.copy(BIN / program, self.programs)
        self.pki = self.folder / "pki"
        self.wayside("pki", "init", self.pki, "--development")
        self.wayside("pki", "issue", "edge", self.pki, "edge-1")
        self.wayside("pki", "issue", "edge", self.pki, "adopter")
        self.wayside("pki", "issue", "core", self.pki, "core-1")
        self.wayside("pki", "issue", "vehicle", self.pki, VEHICLE)
        self.wayside("grant", "key", "init", self.pki)
        self.wayside("grant", "trust", self.pki)

    def wayside(self, *words):
        answer = run(self.programs / "wayside", *words)
        self.assertEqual(answer.returncode, 0, f"{words}: {answer.stdout}{answer.stderr}")
        return answer.stdout

    def pods(self):
        links, backends, core_metrics, vehicles, clients, metrics, bridge_metrics = self.ports = free_ports(7)
        core = rendered(CORE, "--set", f"coreBroker.ports.links={links},coreBroker.ports.services={backends},bridge.metricsPort={core_metrics}")
        edge = rendered(EDGE, "--set", f"bridge.config.core.address=localhost:{links},broker.ports.vehicles={vehicles},"
                        f"broker.ports.services={clients},broker.ports.metrics={metrics},bridge.metricsPort={bridge_metrics}")
        files = pki_files(self.pki)
        pods = []
        for name, objects in (("core", core), ("edge", edge)):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o755)
            pods.append(Pod(objects, files, self.folder / name, self.programs))
            self.addCleanup(pods[-1].kill)
        return pods

    def scrape(self, port):
        import urllib.request
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def ready(self, *ports):
        answer = run(self.programs / "wayside", "ready", "--wait", "30", *[f"127.0.0.1:{port}" for port in ports])
        return answer.returncode == 0, answer.stdout

    def shown_certificate(self):
        try:
            return ssl.get_server_certificate(("127.0.0.1", self.ports[3]), timeout=5)
        except OSError:  # it asks for ours, after it has shown its own
            return None

    def test_a_core_and_an_edge_start_become_ready_link_up_and_drain(self):
        core, edge = self.pods()
        _, _, core_metrics, _, _, metrics, bridge_metrics = self.ports
        for name in ("core-broker", "bridge"):
            core.start(name)
        for name in ("bridge", "broker"):  # the order that is the harder one
            edge.start(name)
        ok, told = self.ready(core_metrics, metrics, bridge_metrics)
        logs = "\n".join(pod.log(name) for pod in (core, edge) for name in pod.running)
        self.assertTrue(ok, told + logs)
        self.assertTrue(wait_until(lambda: 'wayside_link_up{core="localhost:%d"} 1' % self.ports[0] in self.scrape(bridge_metrics)),
                        self.scrape(bridge_metrics) + logs)
        self.assertIn("wayside_local_broker_up 1", self.scrape(metrics))
        # The record of the trust list: commands of a trusted issuer would be taken.
        self.assertTrue(wait_until(lambda: 'wayside_command_lists_total{outcome="accepted"' in self.scrape(metrics)))
        status = run(self.programs / "wayside", "status", f"{edge.folder}/run/wayside/edge")
        self.assertEqual(status.returncode, 0, status.stdout + status.stderr)
        for pod, name in ((edge, "broker"), (edge, "bridge"), (core, "bridge"), (core, "core-broker")):
            self.assertEqual(pod.stop(name), 0, pod.log(name))
        self.assertTrue((edge.places["state"] / "state/spool/spool.uuid").exists())
        self.assertTrue((core.places["state"] / "state/corelog").exists())

    def test_a_renewed_server_certificate_is_shown_after_the_kubelet_has_swapped_it_in(self):
        _, edge = self.pods()
        edge.start("broker")
        ok, told = self.ready(self.ports[5])
        self.assertTrue(ok, told + edge.log("broker"))
        self.assertTrue(wait_until(self.shown_certificate))
        self.assertEqual(self.shown_certificate().strip(), first_certificate(self.pki / "edge/edge-1/server.crt"))
        self.wayside("pki", "issue", "edge", self.pki, "edge-1")
        renewed = first_certificate(self.pki / "edge/edge-1/server.crt")
        self.assertNotEqual(self.shown_certificate().strip(), renewed)
        swap(edge.places["server"], pki_files(self.pki)["edge-1-server"], 0o440, edge.gid)
        self.assertTrue(wait_until(lambda: (self.shown_certificate() or "").strip() == renewed), edge.log("broker"))
        self.assertIn('wayside_gate_reload_failing{what="vehicles"} 0', self.scrape(self.ports[5]))
        bad = dict(pki_files(self.pki)["edge-1-server"], **{"tls.crt": b"not a certificate\n"})
        swap(edge.places["server"], bad, 0o440, edge.gid)
        self.assertTrue(wait_until(lambda: 'wayside_gate_reload_failing{what="vehicles"} 1' in self.scrape(self.ports[5])))
        self.assertEqual(self.shown_certificate().strip(), renewed)

    def test_a_bridge_connects_with_the_link_certificate_that_was_good_last(self):
        core, edge = self.pods()
        up = 'wayside_link_up{core="localhost:%d"} ' % self.ports[0]
        linked = lambda state: up + str(state) in self.scrape(self.ports[6])
        for pod, names in ((core, ("core-broker", "bridge")), (edge, ("broker", "bridge"))):
            for name in names:
                pod.start(name)
        self.assertTrue(self.ready(*self.ports[5:])[0], edge.log("bridge"))
        self.assertTrue(wait_until(lambda: linked(1)), edge.log("bridge") + core.log("core-broker"))
        good = pki_files(self.pki)["edge-1-link"]
        swap(edge.places["link"], dict(good, **{"tls.crt": b"not a certificate\n"}), 0o440, edge.gid)
        self.assertFalse(wait_until(lambda: linked(0), 2), "a connection that stands does not read it")
        failing = lambda state: f"wayside_link_reload_failing {state}" in self.scrape(self.ports[6])
        self.assertTrue(wait_until(lambda: failing(1)), edge.log("bridge"))
        core.stop("core-broker")
        self.assertTrue(wait_until(lambda: linked(0)))
        core.start("core-broker")
        self.assertTrue(wait_until(lambda: linked(1)), edge.log("bridge") + core.log("core-broker"))
        self.assertTrue(failing(1))
        swap(edge.places["link"], good, 0o440, edge.gid)
        self.assertTrue(wait_until(lambda: failing(0)), edge.log("bridge"))

    def test_what_an_edge_that_is_no_more_still_holds_is_shipped_by_the_adopting_job(self):
        core, edge = self.pods()
        edge.start("broker")
        self.assertTrue(self.ready(self.ports[5])[0], edge.log("broker"))
        for number in range(5):
            self.publish(f"v1/{VEHICLE}/event/door", f'{{"n": {number}}}')
        self.assertEqual(edge.stop("broker"), 0)
        for name in ("core-broker", "bridge"):
            core.start(name)
        self.assertTrue(self.ready(self.ports[2])[0], core.log("bridge"))
        objects = rendered(ADOPT, "--set", f"bridge.config.core.address=localhost:{self.ports[0]},adopt.timeoutSeconds=60")
        (self.folder / "adopt").mkdir()
        (self.folder / "adopt").chmod(0o755)
        job = Pod(objects, pki_files(self.pki), self.folder / "adopt", self.programs, {"state-edge-1-wayside-0": edge.places["state"]})
        self.addCleanup(job.kill)
        job.start("bridge")
        self.assertEqual(job.running["bridge"].wait(90), 0, job.log("bridge") + core.log("bridge"))
        told = json.loads(job.log("bridge").splitlines()[-1])
        self.assertTrue(told["adopted"])
        lanes = {one["lane"]: one for one in told["lanes"]}
        self.assertEqual({one["pending"] for one in lanes.values()}, {"0"})
        # Five messages, and that the vehicle came and went.
        self.assertGreaterEqual(int(lanes["event"]["delivered"]), 5)

    def publish(self, topic, payload):
        stem = self.pki / "vehicles" / VEHICLE
        answer = run("mosquitto_pub", "-V", "mqttv5", "-q", "1", "-h", "localhost", "-p", self.ports[3], "--cafile", self.pki / "ca/links.crt",
                     "--cert", f"{stem}.crt", "--key", f"{stem}.key", "-i", VEHICLE, "-t", topic, "-m", payload)
        self.assertEqual(answer.returncode, 0, answer.stderr)


def first_certificate(path):
    text = path.read_text()
    return text[text.index("-----BEGIN"):text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----"
