"""The products' own programs judge what the chart writes."""
import os
import pathlib
import tempfile
import unittest

from support import CHART, ROOT, STATEFUL, VALUE_SETS, config_map, containers, need, rendered, run, the, values_of

BIN = pathlib.Path(os.environ.get("WAYSIDE_BIN_DIR", ROOT / "build/dev/bin"))


class Configuration(unittest.TestCase):
    def setUp(self):
        need("helm", "python")
        if not (BIN / "wayside-broker").exists():
            self.skipTest("the programs are not built")

    def test_every_rendered_file_passes_check_config_with_the_container_s_environment(self):
        checked = 0
        for path in VALUE_SETS:
            objects = rendered(path)
            for container in containers(objects).values():
                file = pathlib.Path(container["command"][-1])
                if file.suffix != ".toml":
                    continue
                with self.subTest(values=path.stem, container=container["name"]), tempfile.TemporaryDirectory() as folder:
                    config = pathlib.Path(folder, file.name)
                    config.write_text(config_map(objects)["data"][file.name])
                    words = [BIN / container["command"][0], *container["command"][1:-1], config, "--check-config"]
                    env = {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}
                    answer = run(*words, env=env)
                    self.assertEqual(answer.returncode, 0, answer.stderr)
                    checked += 1
        self.assertGreater(checked, 15)

    def test_every_key_of_a_value_set_arrives_with_its_value(self):
        import tomllib
        keys = 0
        for path in VALUE_SETS:
            for process in ("broker", "bridge"):
                told = values_of(path).get(process, {}).get("config", {})
                tree = tomllib.loads(config_map(rendered(path))["data"].get(process + ".toml", ""))
                for section, entries in told.items():
                    if isinstance(entries, list):
                        self.assertEqual(tree[section], entries)
                        keys += len(entries)
                        continue
                    for key, value in entries.items():
                        self.assertEqual(tree[section][key], value, f"{path} {section}.{key}")
                        self.assertIs(type(tree[section][key]), type(value))
                        keys += 1
        self.assertGreater(keys, 50)

    def test_every_string_arrives_as_it_was_written(self):
        import json
        import tomllib
        odd = 'a "quoted" \\ <word> & tab\t, \u00fc'
        entries = json.dumps([{"topic_filter": odd}])
        objects = rendered(CHART / "ci/edge-minimal.yaml", "--set-json", "bridge.config.rule=" + entries)
        self.assertEqual(tomllib.loads(config_map(objects)["data"]["bridge.toml"])["rule"], [{"topic_filter": odd}])

    def test_the_names_of_the_two_processes_of_an_edge_are_one(self):
        import tomllib
        for path in VALUE_SETS:
            data = config_map(rendered(path))["data"]
            if "broker.toml" not in data:
                continue
            broker, bridge = tomllib.loads(data["broker.toml"]), tomllib.loads(data["bridge.toml"])
            for key in ("name", "region", "state_dir", "run_dir"):
                self.assertEqual(broker["edge"][key], bridge["edge"][key])
            self.assertEqual(bridge["edge"]["broker_socket"], broker["edge"]["run_dir"] + "/bridge.sock")
            ports = {one["name"]: str(one["containerPort"]) for c in containers(rendered(path)).values() for one in c["ports"]}
            self.assertTrue(broker["vehicles"]["listen"].endswith(":" + ports["vehicles"]))
            self.assertTrue(broker["metrics"]["listen"].endswith(":" + ports["metrics"]))
            self.assertTrue(bridge["metrics"]["listen"].endswith(":" + ports["bridge-metrics"]))

    def test_the_key_of_log_tags_goes_to_the_broker_and_to_no_bridge(self):
        import tomllib
        brokers = 0
        for path in VALUE_SETS:
            objects = rendered(path, "--set", "regionKey.existingSecret=tags")
            data = config_map(objects)["data"]
            self.assertNotIn("privacy", tomllib.loads(data["bridge.toml"]), path)
            for container in containers(objects).values():
                mounts = [one["name"] for one in container["volumeMounts"]]
                self.assertEqual("region-key" in mounts, container["name"] == "broker", f"{path} {container['name']}")
            if "broker.toml" in data:
                told = tomllib.loads(data["broker.toml"])["privacy"]
                self.assertEqual(told, {"region_key_file": "/etc/wayside/region-key/region.key"})
                brokers += 1
        self.assertGreater(brokers, 2)

    def test_the_test_pod_runs_a_command_that_exists(self):
        for path in STATEFUL:
            command = the(rendered(path), "Pod")["spec"]["containers"][0]["command"]
            self.assertEqual(command[:2], ["wayside", "ready"])
            answer = run(BIN / command[0], command[1], "--wait", "0", "127.0.0.1:1")
            self.assertEqual(answer.returncode, 3, answer.stderr)
