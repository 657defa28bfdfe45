"""What the chart's tests share: the tools, the value sets, rendering."""
import functools
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/wayside"
TOOLS = ROOT / "build/chart-tools"
VALUE_SETS = sorted((CHART / "ci").glob("*.yaml"))
STATEFUL = [path for path in VALUE_SETS if path.stem != "adopt"]  # edges and cores
sys.path.append(str(TOOLS / "python"))


def need(*names):
    """Skips, by name, what this machine cannot do."""
    missing = TOOLS / "missing"
    told = missing.read_text() if missing.exists() else ""
    for name in names:
        if not (TOOLS / name).exists():
            said = [line for line in told.splitlines() if line.startswith(name)]
            raise unittest.SkipTest(said[0] if said else f"{name}: scripts/dev/chart_tools.sh has not brought it")


def yaml():
    need("python")
    import yaml as module
    return module


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=120, **options)


def helm(*argv, **options):
    need("helm")
    return run(TOOLS / "helm", *argv, **options)


@functools.lru_cache(maxsize=None)
def template(values, *arguments):
    """What helm says of the chart with these values, whatever it says."""
    return helm("template", "site", CHART, "--namespace", "wayside", "-f", values, *arguments)


@functools.lru_cache(maxsize=None)
def rendered(values, *arguments):
    """The objects of a value set."""
    answer = template(values, *arguments)
    if answer.returncode != 0:
        raise AssertionError(f"{values}: {answer.stderr}")
    return [one for one in yaml().safe_load_all(answer.stdout) if one]


def values_of(path):
    return yaml().safe_load(path.read_text())


def of_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def the(objects, kind, ending=""):
    found = [one for one in of_kind(objects, kind) if one["metadata"]["name"].endswith(ending)]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} of kind {kind} {ending}")
    return found[0]


def workload(objects):
    """What makes the pods: a StatefulSet, or the Job of role adopt."""
    return the(objects, "Job" if of_kind(objects, "Job") else "StatefulSet")


def pod_template(objects):
    return workload(objects)["spec"]["template"]


def containers(objects):
    return {one["name"]: one for one in pod_template(objects)["spec"]["containers"]}


def config_map(objects):
    return [one for one in of_kind(objects, "ConfigMap") if "bridge.toml" in one["data"]][0]


def sentence(answer):
    """Why helm refused, without its frame."""
    text = answer.stderr.replace("Use --debug flag to render out invalid YAML", "").strip()
    return re.sub(r"^Error: execution error at \([^)]*\): ", "", text)
