"""Wrong values are refused with a sentence that says what to do."""
import os
import pathlib
import re
import subprocess
import unittest

from support import CHART, ROOT, need, sentence, template

EDGE = CHART / "ci/edge-minimal.yaml"
CORE = CHART / "ci/core-minimal.yaml"
ADOPT = CHART / "ci/adopt.yaml"

# value set, what is set, what the sentence must say
REFUSED = [
    (EDGE, "replicas=2", "replicas: 2 pods of one edge would be 2 edges of one name"),
    (CORE, "replicas=3", "replicas: a core is one writer of its core log"),
    (EDGE, "edge.name=", "edge.name: which edge is it?"),
    (EDGE, "edge.name=a/b", "at '/edge/name'"),
    (EDGE, "edge.region=", "edge.region: which region"),
    (CORE, "core.name=", "core.name: which core is it?"),
    (EDGE, "role=edges", "at '/role'"),
    (EDGE, "bridge.config.core.address=", "bridge.config.core.address: host:port"),
    (EDGE, "terminationGracePeriodSeconds=17", "terminationGracePeriodSeconds: 17 ends the pod before it has drained"),
    (EDGE, "preStopSeconds=50", "preStopSeconds and the drains take up to 63"),
    (EDGE, "persistence.size=1Gi", "persistence.size: 1Gi is less than"),
    (EDGE, "persistence.size=lots", "at '/persistence/size'"),
    (EDGE, "broker.config.custody.lane_state_bytes_max=42949672960", "persistence.size: 20Gi is less than"),
    (EDGE, "broker.config.custody.comit_interval_ms=5", "additional properties 'comit_interval_ms' not allowed"),
    (EDGE, "broker.config.custody.commit_interval_ms=5000", "at '/broker/config/custody/commit_interval_ms'"),
    (EDGE, "broker.config.log.level=loud", "at '/broker/config/log/level'"),
    (EDGE, "broker.config.edge.state_dir=/data", "broker.config.edge.state_dir: the chart sets this key"),
    (EDGE, "broker.config.vehicles.key=/k", "broker.config.vehicles.key: the chart sets this key"),
    (EDGE, "bridge.config.edge.name=x", "bridge.config.edge.name: the chart sets this key"),
    (EDGE, "bridge.config.dedupe.vehicles_max=5", "additional properties 'dedupe' not allowed"),
    (CORE, "bridge.config.rule[0].policy=latest", "additional properties 'rule' not allowed"),
    (CORE, "broker.config.log.level=info", "broker.config: role core runs no wayside-broker"),
    (CORE, "bridge.config.broker.address=a:1", "bridge.config.broker.address: the chart sets this key"),
    (CORE, "coreBroker.enabled=false", "bridge.config.broker.address: host:port of your core broker"),
    (CORE, "bridge.config.sink[0].path=/tmp/x", "is not on the volume"),
    (CORE, "bridge.config.sink=[]", "without a sink the core log would only fill"),
    (CORE, "bridge.config.edge=[]", "a core without an edge accepts nothing"),
    (EDGE, "authorities.vehicles.secret=", "authorities.vehicles: name the secret or configMap"),
    (EDGE, "authorities.vehicles.configMap=too", "authorities.vehicles: a secret or a configMap, not both"),
    (EDGE, "authorities.services.secret=", "or set broker.serviceClients to false"),
    (EDGE, "commands.rootKey.configMap=", "commands.rootKey: name the secret or configMap"),
    (EDGE, "certificates.server.existingSecret=", "certificates.server: name an existingSecret"),
    (EDGE, "certificates.server.certManager.enabled=true", "certificates.server: existingSecret or certManager, not both"),
    (EDGE, "certificates.link.existingSecret=,certificates.link.certManager.enabled=true", "certificates.link.certManager.issuerRef.name"),
    (EDGE, "certificates.server.tls\\.key=PEM", "additional properties 'tls.key' not allowed"),
    (ADOPT, "adopt.claim=", "adopt.claim: which volume?"),
    (ADOPT, "edge.name=", "edge.name: which edge adopts it?"),
    (ADOPT, "bridge.config.core.address=", "bridge.config.core.address: host:port"),
    (ADOPT, "bridge.config.adopt.spool=/x", "bridge.config.adopt.spool: the chart sets this key"),
    (ADOPT, "broker.config.log.level=info", "broker.config: role adopt runs no wayside-broker"),
    (EDGE, "image.digest=latest", "at '/image/digest'"),
    (EDGE, "security.uid=0", "at '/security/uid'"),
    (EDGE, "service.public.ports[0]=70000", "at '/service/public/ports/0'"),
    (EDGE, "listenAddress=127.0.0.1", "at '/listenAddress'"),
    (EDGE, "podDisruptionBudget.maxUnavailable=2", "at '/podDisruptionBudget/maxUnavailable'"),
    (EDGE, "persistence.accessModes[0]=ReadWriteMany", "at '/persistence/accessModes/0'"),
    (EDGE, "regoin=eu", "additional properties 'regoin' not allowed"),
]


class Refused(unittest.TestCase):
    def setUp(self):
        need("helm")

    def test_a_wrong_value_is_refused_with_a_sentence(self):
        for values, what, why in REFUSED:
            with self.subTest(what=what):
                answer = template(values, "--set-json" if what.endswith("[]") else "--set", what)
                self.assertNotEqual(answer.returncode, 0)
                self.assertIn(why, sentence(answer))
                self.assertNotIn("nil pointer", answer.stderr)

    def test_the_drain_that_the_grace_period_is_checked_against_is_that_of_the_processes(self):
        def constant(file, name):
            found = re.search(rf"{name} = ([0-9']+);", (ROOT / file).read_text())
            return int(found.group(1).replace("'", ""))
        checks = (CHART / "templates/_checks.tpl").read_text()
        def drain(of):
            return 1000 * int(re.search(rf'"wayside.drain.{of}" -}}}}([0-9]+)', checks).group(1))
        process = "broker/edge_process.cc"
        self.assertGreaterEqual(drain("broker"), constant(process, "kDrainMsMax") + constant(process, "kLocalBrokerMsMax"))
        self.assertGreater(drain("bridge"), constant("bridge/run/edge_process.cc", "kDrainMs"))

    def test_the_size_that_the_volume_is_checked_against_is_that_of_the_defaults(self):
        broker = pathlib.Path(os.environ.get("WAYSIDE_BIN_DIR", ROOT / "build/dev/bin"), "wayside-broker")
        if not broker.exists():
            self.skipTest("wayside-broker is not built")
        table = subprocess.run([broker, "--print-config-docs"], capture_output=True, text=True, check=True).stdout
        wanted = 0
        for key in ("lane_command_bytes_max", "lane_ack_bytes_max", "lane_event_bytes_max", "lane_state_bytes_max",
                    "lane_bulk_bytes_max", "volume_reserve_bytes", "open_bytes_max"):
            wanted += int(re.search(rf"\| `{key}` \| an integer \| `([0-9]+)`", table).group(1))
        self.assertIn(f"less than the {wanted} bytes", template(EDGE, "--set-string", "persistence.size=1").stderr)
