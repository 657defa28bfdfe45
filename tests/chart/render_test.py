"""Every value set renders, and what is rendered is what the chart promises."""
import os
import unittest

from support import CHART, STATEFUL, VALUE_SETS, config_map, containers, helm, need, of_kind, pod_template, rendered, template, the, values_of, workload, yaml

VERSIONS = os.environ.get("WAYSIDE_KUBERNETES_VERSIONS", "1.35").split()


def name(path):
    return path.stem


class Rendered(unittest.TestCase):
    def setUp(self):
        need("helm", "python")
        self.version = yaml().safe_load((CHART / "Chart.yaml").read_text())["appVersion"]

    def test_there_are_at_least_eight_value_sets_and_each_says_its_purpose(self):
        self.assertGreaterEqual(len(VALUE_SETS), 8)
        for path in VALUE_SETS:
            self.assertTrue(path.read_text().startswith("# Purpose: "), path)

    def test_helm_lint_finds_nothing(self):
        for path in VALUE_SETS:
            answer = helm("lint", "--strict", CHART, "-f", path)
            self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
            self.assertNotIn("[WARNING]", answer.stdout)

    def test_kubernetes_accepts_every_object_strictly(self):
        import kubernetes_validate
        validated = 0
        for path in VALUE_SETS:
            for one in rendered(path):
                if "." in one["apiVersion"] and not one["apiVersion"].split("/")[0].endswith("k8s.io"):
                    continue  # of an operator: crd_test.py
                for version in VERSIONS:
                    with self.subTest(values=name(path), kind=one["kind"], version=version):
                        kubernetes_validate.validate(one, version, strict=True)
                        validated += 1
        self.assertGreater(validated, 60)

    def test_the_validation_refuses_a_field_that_does_not_exist(self):
        import kubernetes_validate
        one = rendered(VALUE_SETS[0])[0]
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(dict(one, specc={}), VERSIONS[0], strict=True)

    def test_pods_meet_the_restricted_profile(self):
        for path in VALUE_SETS:
            objects = rendered(path)
            pods = [pod_template(objects)["spec"], *[one["spec"] for one in of_kind(objects, "Pod")]]
            for pod in pods:
                with self.subTest(values=name(path)):
                    self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                    self.assertGreater(pod["securityContext"]["fsGroup"], 0)
                    self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                    self.assertIs(pod["automountServiceAccountToken"], False)
                    for container in pod["containers"]:
                        context = container["securityContext"]
                        self.assertTrue(context["readOnlyRootFilesystem"])
                        self.assertGreater(context["runAsUser"], 0)
                        self.assertIs(context["allowPrivilegeEscalation"], False)
                        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                        self.assertIn("memory", container["resources"]["limits"])

    def test_no_version_stands_in_what_cannot_be_changed(self):
        for path in STATEFUL:
            spec = the(rendered(path), "StatefulSet")["spec"]
            fixed = [spec["selector"], spec["volumeClaimTemplates"], spec["serviceName"], spec["podManagementPolicy"]]
            fixed.append(spec["template"]["metadata"]["labels"])
            text = yaml().safe_dump(fixed)
            for word in ("helm.sh/chart", "app.kubernetes.io/version", self.version):
                self.assertNotIn(word, text, path)

    def test_another_chart_version_leaves_the_pods_alone(self):
        import shutil
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copytree(CHART, folder + "/wayside")
            chart = copy + "/Chart.yaml"
            with open(chart) as file:
                text = file.read()
            with open(chart, "w") as file:
                file.write(text.replace("\nversion: ", "\nversion: 9"))
            for path in VALUE_SETS:
                answer = helm("template", "site", copy, "--namespace", "wayside", "-f", path)
                self.assertEqual(answer.returncode, 0, answer.stderr)
                later = [one for one in yaml().safe_load_all(answer.stdout) if one]
                self.assertEqual(workload(later)["spec"], workload(rendered(path))["spec"])
                self.assertEqual(workload(later)["metadata"]["name"], workload(rendered(path))["metadata"]["name"])

    def test_the_volume_outlives_the_release(self):
        for path in STATEFUL:
            policy = the(rendered(path), "StatefulSet")["spec"]["persistentVolumeClaimRetentionPolicy"]
            self.assertEqual(policy, {"whenDeleted": "Retain", "whenScaled": "Retain"})

    def test_every_mount_has_its_volume_and_every_volume_a_mount(self):
        for path in VALUE_SETS:
            spec = workload(rendered(path))["spec"]
            pod = spec["template"]["spec"]
            volumes = {one["name"] for one in pod["volumes"]} | {one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", [])}
            mounted = {one["name"] for container in pod["containers"] for one in container["volumeMounts"]}
            self.assertEqual(mounted, volumes, path)
            for container in pod["containers"]:
                places = [one["mountPath"] for one in container["volumeMounts"]]
                self.assertEqual(len(places), len(set(places)), path)

    def test_every_file_that_a_configuration_names_lies_on_a_mount_of_its_container(self):
        import tomllib
        seen = 0
        for path in VALUE_SETS:
            objects = rendered(path)
            for container in containers(objects).values():
                file = container["command"][-1].rsplit("/", 1)[1]
                if not file.endswith(".toml"):
                    continue
                places = [one["mountPath"] for one in container["volumeMounts"]]
                tree = tomllib.loads(config_map(objects)["data"][file])
                for section in tree.values():
                    for entry in section if isinstance(section, list) else [section]:
                        for key, value in entry.items():
                            if isinstance(value, str) and value.startswith("/"):
                                seen += 1
                                self.assertTrue(any((value + "/").startswith(place + "/") for place in places), f"{path}: {key}")
        self.assertGreater(seen, 100)

    def test_services_lead_to_named_ports_of_the_pod(self):
        for path in VALUE_SETS:
            objects = rendered(path)
            ports = {one["name"]: one["containerPort"] for c in containers(objects).values() for one in c.get("ports", [])}
            labels = pod_template(objects)["metadata"]["labels"]
            for service in of_kind(objects, "Service"):
                self.assertLessEqual(service["spec"]["selector"].items(), labels.items())
                for port in service["spec"]["ports"]:
                    self.assertIn(port["targetPort"], ports, path)

    def test_an_edge_is_reached_on_8883_and_443_by_a_load_balancer(self):
        objects = rendered(CHART / "ci/edge-minimal.yaml")
        public = the(objects, "Service", "site-wayside")
        self.assertEqual(public["spec"]["type"], "LoadBalancer")
        self.assertEqual([one["port"] for one in public["spec"]["ports"]], [8883, 443])
        self.assertEqual(the(objects, "Service", "-headless")["spec"]["clusterIP"], "None")

    def test_policies_let_in_what_listens_and_nothing_else(self):
        for path in VALUE_SETS:
            objects = rendered(path)
            if not of_kind(objects, "NetworkPolicy"):
                self.assertIs(values_of(path)["networkPolicy"]["enabled"], False)
                continue
            spec = the(objects, "NetworkPolicy")["spec"]
            self.assertEqual(spec["policyTypes"], ["Ingress", "Egress"])
            listening = {one["containerPort"] for c in containers(objects).values() for one in c.get("ports", [])}
            opened = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
            self.assertEqual(opened, listening, path)
            outward = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
            text = config_map(objects)["data"]["bridge.toml"]
            address = [line for line in text.splitlines() if line.startswith("address = ")][0].strip('"')
            wanted = set() if "localhost" in address and "broker.toml" not in config_map(objects)["data"] else {53, int(address.rsplit(":", 1)[1])}
            self.assertEqual(outward, wanted, path)

    def test_an_adopting_job_takes_the_claim_and_does_not_try_again_what_is_refused(self):
        objects = rendered(CHART / "ci/adopt.yaml")
        self.assertEqual({one["kind"] for one in objects}, {"NetworkPolicy", "ServiceAccount", "ConfigMap", "Job"})
        job = the(objects, "Job")["spec"]
        volumes = {one["name"]: one for one in job["template"]["spec"]["volumes"]}
        self.assertEqual(volumes["state"]["persistentVolumeClaim"]["claimName"], "state-edge-1-wayside-0")
        self.assertEqual(job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"], [2, 4])
        other = rendered(CHART / "ci/adopt.yaml", "--set", "adopt.claim=another")
        self.assertNotEqual(the(other, "Job")["metadata"]["name"], the(objects, "Job")["metadata"]["name"])

    def test_what_can_be_switched_off_is_not_there(self):
        kinds = {one["kind"] for one in rendered(CHART / "ci/edge-bare.yaml")}
        for kind in ("NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "ServiceMonitor", "PrometheusRule", "Certificate"):
            self.assertNotIn(kind, kinds)
        kinds = {one["kind"] for one in rendered(CHART / "ci/edge-production.yaml")}
        for kind in ("NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "ServiceMonitor", "PrometheusRule", "Certificate"):
            self.assertIn(kind, kinds)

    def test_an_image_is_named_by_digest_where_one_is_given(self):
        for container in containers(rendered(CHART / "ci/edge-production.yaml")).values():
            self.assertRegex(container["image"], r"^registry\.example\.com/wayside@sha256:[0-9a-f]{64}$")
        self.assertEqual(containers(rendered(CHART / "ci/edge-minimal.yaml"))["broker"]["image"], "wayside:" + self.version)

    def test_a_bridge_is_told_to_end_after_the_broker_beside_it(self):
        for path in VALUE_SETS:
            told = containers(rendered(path))
            seconds = {k: c.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0) for k, c in told.items()}
            if "broker" in told:
                self.assertGreaterEqual(seconds["bridge"], seconds["broker"] + 8, path)
            if "core-broker" in told:
                self.assertGreater(seconds["core-broker"], seconds["bridge"], path)

    def test_notes_render_for_every_value_set(self):
        for path in VALUE_SETS:
            answer = template(path, "--show-only", "templates/NOTES.txt")
            # NOTES.txt is not among the templates that can be shown; install says it.
            told = helm("install", "site", CHART, "--namespace", "wayside", "-f", path, "--dry-run=client", "--disable-openapi-validation")
            self.assertEqual(told.returncode, 0, told.stderr + answer.stderr)
            self.assertEqual("helm -n wayside test site" in told.stdout, path in STATEFUL)
