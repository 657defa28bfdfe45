"""Dashboards: they parse, promtool reads every query, and every metric is documented; each is what the ConfigMap holds."""
import json
import pathlib
import re
import tempfile
import unittest

from support import CHART, ROOT, TOOLS, VALUE_SETS, need, of_kind, rendered, run, yaml

BOARDS = sorted((CHART / "files/dashboards").glob("*.json"))


def panels(path):
    return json.loads(path.read_text())["panels"]


def queries(path):
    return [target["expr"] for panel in panels(path) for target in panel.get("targets", [])]


class Dashboards(unittest.TestCase):
    def test_each_role_has_one_and_its_panels_have_ids_titles_and_places_of_their_own(self):
        self.assertEqual([path.stem for path in BOARDS], ["core", "edge"])
        for path in BOARDS:
            board = json.loads(path.read_text())
            self.assertEqual(board["uid"], "wayside-" + path.stem)
            ids = [panel["id"] for panel in board["panels"]]
            self.assertEqual(len(ids), len(set(ids)))
            cells = set()
            for panel in board["panels"]:
                self.assertTrue(panel["title"])
                at = panel["gridPos"]
                self.assertLessEqual(at["x"] + at["w"], 24)
                covered = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                self.assertFalse(cells & covered, panel["title"])
                cells |= covered

    def test_promtool_parses_every_query(self):
        need("promtool", "python")
        for path in BOARDS:
            self.assertGreater(len(queries(path)), 15)
            rules = [{"record": f"query:{i}", "expr": expr.replace("$site", ".*")} for i, expr in enumerate(queries(path))]
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder, "rules.yaml")
                file.write_text(yaml().safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
                answer = run(TOOLS / "promtool", "check", "rules", file)
                self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)

    def test_every_metric_is_documented_and_every_query_asks_for_the_site(self):
        known = set(re.findall(r"^\| `(wayside_[a-z0-9_]+)`", (ROOT / "docs/metrics.md").read_text(), re.M))
        read = set()
        for path in BOARDS:
            for expr in queries(path):
                names = re.findall(r"(wayside_[a-z0-9_]+)(\{[^}]*\})?", expr)
                for name, labels in names:
                    self.assertIn("site=~'$site'", labels, expr)
                    read.add(re.sub(r"_(bucket|sum|count)$", "", name))
        self.assertEqual(read - known, set())
        self.assertGreater(len(read), 35)

    def test_every_runbook_page_that_a_panel_names_exists(self):
        named = {word for path in BOARDS for panel in panels(path) for word in re.findall(r"WS-[A-Z]+-[0-9]{2}", panel.get("description", ""))}
        self.assertGreater(len(named), 15)
        for name in named:
            self.assertTrue((ROOT / f"docs/runbook/{name}.md").exists(), name)

    def test_the_config_map_holds_the_file_of_its_role(self):
        need("helm", "python")
        seen = 0
        for path in VALUE_SETS:
            for one in of_kind(rendered(path), "ConfigMap"):
                for name, text in one["data"].items():
                    if name.endswith(".json"):
                        file = CHART / "files/dashboards" / name.removeprefix("wayside-")
                        self.assertEqual(json.loads(text), json.loads(file.read_text()))
                        self.assertEqual(one["metadata"]["labels"]["grafana_dashboard"], "1")
                        seen += 1
        self.assertEqual(seen, 2)
