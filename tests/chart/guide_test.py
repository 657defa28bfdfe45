"""The operator's guide: the values files in it are what the chart takes, and the commands name what is there."""
import pathlib
import re
import tempfile
import unittest

from support import CHART, ROOT, config_map, containers, helm, of_kind, rendered, yaml

GUIDE = (ROOT / "docs/guides/operator.md").read_text()


class Guide(unittest.TestCase):
    def values(self):
        found = re.findall(r"```yaml\n# ([a-z0-9-]+\.yaml)\n(.*?)```", GUIDE, re.S)
        self.assertEqual([name for name, _ in found], ["core.yaml", "edge-1.yaml"])
        return dict(found)

    def test_its_values_files_render_by_the_strict_schema_of_values(self):
        for name, text in self.values().items():
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder, name)
                file.write_text(text)
                answer = helm("template", name.removesuffix(".yaml"), CHART, "--namespace", "wayside", "-f", file)
                self.assertEqual(answer.returncode, 0, answer.stderr)
                objects = [one for one in yaml().safe_load_all(answer.stdout) if one]
                self.assertEqual(len(of_kind(objects, "StatefulSet")), 1)
                release = name.removesuffix(".yaml") + "-wayside"
                self.assertEqual(of_kind(objects, "StatefulSet")[0]["metadata"]["name"], release)
                # Every Secret and ConfigMap that the pod mounts by a name of its own is in the guide's list.
                for volume in of_kind(objects, "StatefulSet")[0]["spec"]["template"]["spec"]["volumes"]:
                    for source in [volume, *volume.get("projected", {}).get("sources", [])]:
                        named = source.get("secret", {}).get("secretName") or source.get("secret", {}).get("name")
                        named = named or source.get("configMap", {}).get("name")
                        if named and not named.startswith(release):
                            self.assertIn(f"`{named}`", GUIDE)

    def test_its_core_of_several_edges_lists_each_and_gives_each_its_own_tree(self):
        several = re.search(r"```yaml\n# in core\.yaml\n(.*?)```", GUIDE, re.S).group(1)
        with tempfile.TemporaryDirectory() as folder:
            whole, part = pathlib.Path(folder, "core.yaml"), pathlib.Path(folder, "several.yaml")
            whole.write_text(self.values()["core.yaml"])
            part.write_text(several)
            data = config_map(rendered(whole, "-f", part))["data"]
        for edge in ("edge-1", "edge-2"):
            self.assertRegex(data["bridge.toml"], rf'\[\[edge\]\]\s+name = "{edge}"\s+region = "eu-central-1"')
            self.assertIn(f"user {edge}\ntopic readwrite wayside/{edge}/#\n", data["links.acl"] + "\n")

    def test_its_names_of_objects_and_folders_are_those_of_the_chart(self):
        for name in re.findall(r"statefulset/([a-z0-9-]+)", GUIDE):
            self.assertIn(name, ("edge-1-wayside", "core-wayside"))
        self.assertIn("exec edge-1-wayside-0 -c broker -- wayside status /run/wayside/edge", GUIDE)
        self.assertIn("broker", containers(rendered(CHART / "ci/edge-minimal.yaml")))
        for file in re.findall(r"helm/wayside/ci/[a-z0-9-]+\.yaml", GUIDE):
            self.assertTrue((ROOT / file).exists(), file)
