"""./dev soak chart, its second half: a real API server takes every value set by install, upgrade and rollback, its pods
under the restricted profile. The last line is one JSON object."""
import json
import sys

from cluster import Cluster
from support import CHART, STATEFUL, TOOLS, VALUE_SETS, of_kind, pod_template, rendered, values_of, workload

CHANGED = ["--set", "image.tag=9.9.9,podAnnotations.changed=yes,minReadySeconds=42,bridge.config.log.level=debug"]
FIXED = ["persistence.size=3Ti", "persistence.storageClassName=other", "nameOverride=other"]


class Soak:
    def __init__(self, cluster):
        self.cluster, self.problems = cluster, []
        self.counts = {"installed": 0, "upgraded": 0, "rolled_back": 0, "pods_admitted": 0, "fixed_refused": 0}

    def did(self, what, answer, sentence):
        if answer.returncode == 0:
            self.counts[what] += 1
            return True
        self.problems.append(f"{sentence}: {answer.stderr.strip()}")
        return False

    def stored(self, namespace):
        """The template of the pods as the API server has it; a Job without what that adds to it."""
        for kind in ("statefulset", "job"):
            found = json.loads(self.cluster.kubectl("-n", namespace, "get", kind, "-o", "json").stdout)["items"]
            if len(found) == 1:
                template = found[0]["spec"]["template"]
                labels = template["metadata"]["labels"]
                template["metadata"]["labels"] = {key: labels[key] for key in labels if not key.endswith(("controller-uid", "job-name"))}
                return template
        raise AssertionError(f"{namespace}: not one workload")

    def admit_pod(self, namespace, objects):
        """The pod as its controller would make it, judged by the admission of a restricted namespace."""
        spec = dict(pod_template(objects)["spec"])
        if "volumeClaimTemplates" in workload(objects)["spec"]:
            spec["volumes"] = spec["volumes"] + [{"name": "state", "emptyDir": {}}]
        spec.pop("priorityClassName", None)  # of the cluster's own
        for name, one in [("pod", spec)] + [("test", one["spec"]) for one in of_kind(objects, "Pod")]:
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": one}
            answer = self.cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(pod))
            self.did("pods_admitted", answer, f"{namespace}: {name}")

    def strictly(self, namespace, objects):
        for one in objects:
            one = dict(one, metadata=dict(one["metadata"], namespace=namespace + "-strict"))
            if one["kind"] == "Pod":
                continue
            answer = self.cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(one))
            if answer.returncode != 0:
                self.problems.append(f"{namespace}: {one['kind']}: {answer.stderr.strip()}")

    def namespaces(self, namespace):
        for name in (namespace, namespace + "-strict"):
            labels = {"pod-security.kubernetes.io/enforce": "restricted"}
            one = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            self.cluster.kubectl("create", "-f", "-", input=json.dumps(one))
            for account in ("default", "existing"):
                self.cluster.kubectl("-n", name, "create", "serviceaccount", account)

    def value_set(self, path):
        namespace, release = path.stem, "site"
        self.namespaces(namespace)
        objects = rendered(path)
        self.strictly(namespace, objects)
        helm = lambda *words: self.cluster.helm("-n", namespace, *words)
        if not self.did("installed", helm("install", release, CHART, "-f", path), f"{namespace}: install"):
            return
        first = self.stored(namespace)
        self.admit_pod(namespace, objects)
        if not self.did("upgraded", helm("upgrade", release, CHART, "-f", path, *CHANGED), f"{namespace}: upgrade"):
            return
        second = self.stored(namespace)
        if second["metadata"]["annotations"].get("changed") != "yes" or second["metadata"]["annotations"]["checksum/config"] == first["metadata"]["annotations"]["checksum/config"]:
            self.problems.append(f"{namespace}: the upgrade did not arrive")
        if self.did("rolled_back", helm("rollback", release, "1"), f"{namespace}: rollback"):
            if self.stored(namespace) != first:
                self.problems.append(f"{namespace}: the rollback is not what was installed")
        for what in FIXED if path in STATEFUL else []:
            if what.startswith("nameOverride") and "fullnameOverride" not in values_of(path):
                continue  # that is another StatefulSet, beside this one
            answer = helm("upgrade", release, CHART, "-f", path, "--set", what)
            self.counts["fixed_refused"] += answer.returncode != 0
            if answer.returncode == 0 or "field is immutable" not in answer.stderr:
                self.problems.append(f"{namespace}: {what} was not refused as immutable: {answer.stderr.strip()}")
        if self.stored(namespace) != first:
            self.problems.append(f"{namespace}: a refused upgrade changed the pods")


def main():
    with Cluster() as cluster:
        soak = Soak(cluster)
        crds = cluster.kubectl("apply", "--server-side", "-f", TOOLS / "crds")
        if crds.returncode != 0:
            soak.problems.append("CRDs: " + crds.stderr)
        for path in VALUE_SETS:
            print(f"chart: {path.stem}", file=sys.stderr, flush=True)
            soak.value_set(path)
    for problem in soak.problems:
        print("chart: " + problem[:1000], file=sys.stderr)
    passed = not soak.problems and all(soak.counts[what] == len(VALUE_SETS) for what in ("installed", "upgraded", "rolled_back"))
    print(json.dumps({"passed": passed, "value_sets": len(VALUE_SETS), **soak.counts}))
    sys.exit(0 if passed else 1)


main()
