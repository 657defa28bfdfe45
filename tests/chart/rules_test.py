"""Alerts: each is fired once by promtool, stays silent when all is well, has a runbook page, and reads metrics that exist."""
import pathlib
import re
import tempfile
import unittest

from support import CHART, ROOT, TOOLS, VALUE_SETS, need, of_kind, rendered, run, yaml

RULES = {path.stem: path for path in sorted((CHART / "files/rules").glob("*.yaml"))}
RUNBOOK = ROOT / "docs/runbook"
EDGE, CORE = {"site": "edge-1"}, {"site": "core-1"}

# role, alert, series while it is wrong, when it is looked at, labels beside alertname and severity
FIRED = [
    ("edge", "WS-UP-01", {'up{site="edge-1", job="j"}': "1x3 0x20"}, "8m", dict(EDGE, job="j")),
    ("edge", "WS-GATE-01", {'wayside_gate_reload_failing{site="edge-1", what="vehicles"}': "0x2 1x20"}, "6m", dict(EDGE, what="vehicles")),
    ("edge", "WS-GATE-02", {'wayside_vehicles_online{site="edge-1"}': "5000x20 2000x20"}, "24m", EDGE),
    ("edge", "WS-CERT-01", {'wayside_certificate_expiry_timestamp_seconds{site="edge-1", use="vehicles"}': "604000x20"}, "5m", dict(EDGE, use="vehicles")),
    ("edge", "WS-CERT-02", {'wayside_crl_update_timestamp_seconds{site="edge-1", use="vehicles"}': "-700000x30"}, "15m", dict(EDGE, use="vehicles")),
    ("edge", "WS-CERT-03", {'wayside_crl_next_update_timestamp_seconds{site="edge-1", use="vehicles"}': "120x20"}, "8m", dict(EDGE, use="vehicles")),
    ("edge", "WS-LOCAL-01", {'wayside_local_broker_up{site="edge-1"}': "1x5 0x20"}, "10m", EDGE),
    ("edge", "WS-LOCAL-01", {'wayside_local_broker_up{site="edge-1"}': "1x30", 'wayside_local_broker_restarts_total{site="edge-1"}': "0x5 0+2x25"}, "15m", EDGE),
    ("edge", "WS-COMMAND-01", {'wayside_command_alarms_total{site="edge-1", kind="clock_step"}': "_x20 1x20"}, "25m", dict(EDGE, kind="clock_step")),
    ("edge", "WS-COMMAND-02", {'wayside_commands_total{site="edge-1", state="ACCEPTED", reason=""}': "0+10x60",
                               'wayside_commands_total{site="edge-1", state="UNKNOWN_OUTCOME", reason=""}': "0+1x60"}, "50m", EDGE),
    ("edge", "WS-COMMAND-03", {'wayside_command_outbox{site="edge-1"}': "20000x30"}, "15m", EDGE),
    ("edge", "WS-COMMAND-04", {'wayside_command_lists_failing{site="edge-1"}': "0x2 1x20"}, "6m", EDGE),
    ("edge", "WS-SPOOL-01", {'wayside_custody_mark{site="edge-1", what="state"}': "1x3 2x20"}, "8m", dict(EDGE, what="state")),
    ("edge", "WS-SPOOL-02", {'wayside_custody_mark{site="edge-1", what="volume"}': "1x3 2x20"}, "8m", dict(EDGE, what="volume")),
    ("edge", "WS-SPOOL-03", {'wayside_spool_recovery_total{site="edge-1", lane="event", kind="lost_records"}': "3x10"}, "2m", dict(EDGE, lane="event", kind="lost_records")),
    ("edge", "WS-SPOOL-04", {'wayside_custody_full_total{site="edge-1", lane="bulk", bound="lane"}': "0x20 1x20"}, "25m", dict(EDGE, lane="bulk", bound="lane")),
    ("edge", "WS-SPOOL-05", {'wayside_lane_bytes{site="edge-1", lane="state"}': "400+1x90", 'wayside_lane_bytes_max{site="edge-1", lane="state"}': "600x90"}, "60m", dict(EDGE, lane="state")),
    ("edge", "WS-SPOOL-06", {'wayside_custody_commit_seconds_bucket{site="edge-1", lane="ack", le="0.1"}': "0+90x40",
                             'wayside_custody_commit_seconds_bucket{site="edge-1", lane="ack", le="1"}': "0+100x40",
                             'wayside_custody_commit_seconds_bucket{site="edge-1", lane="ack", le="+Inf"}': "0+100x40"}, "30m", dict(EDGE, lane="ack")),
    ("edge", "WS-SPOOL-07", {'wayside_door_records_total{site="edge-1", lane="state", outcome="refused", reason="SPOOL_FAULT"}': "_x20 4x20"}, "22m", dict(EDGE, lane="state")),
    ("edge", "WS-LEDGER-01", {'wayside_ledger_residual_records{site="edge-1", lane="state"}': "0x5 -1x20"}, "8m", dict(EDGE, lane="state")),
    ("edge", "WS-LEDGER-02", {'wayside_ledger_records_total{site="edge-1", lane="state", outcome="lost"}': "7x10 9x20"}, "15m", dict(EDGE, lane="state")),
    ("edge", "WS-LINK-01", {'wayside_link_up{site="edge-1", core="c:8883"}': "1x3 0x20"}, "8m", dict(EDGE, core="c:8883")),
    ("edge", "WS-LINK-02", {'wayside_link_forked{site="edge-1", lane="event"}': "0x3 1x20"}, "6m", dict(EDGE, lane="event")),
    ("edge", "WS-LINK-03", {'wayside_link_up{site="edge-1", core="c:8883"}': "1x30",
                            'wayside_link_last_ack_timestamp_seconds{site="edge-1", core="c:8883"}': "300x30",
                            'wayside_link_backlog_records{site="edge-1", lane="state"}': "0+100x30"}, "12m", dict(EDGE, core="c:8883")),
    ("edge", "WS-LINK-04", {'wayside_link_alarms_total{site="edge-1", reason="FORKED"}': "_x20 1x20"}, "25m", dict(EDGE, reason="FORKED")),
    ("edge", "WS-LINK-05", {'wayside_link_batches_total{site="edge-1", lane="state", kind="first"}': "0+1x60",
                            'wayside_link_batches_total{site="edge-1", lane="state", kind="resent"}': "0+5x60"}, "40m", EDGE),
    ("edge", "WS-LINK-06", {'wayside_link_reload_failing{site="edge-1"}': "0x2 1x20"}, "6m", EDGE),
    ("edge", "WS-LINK-07", {'wayside_link_sessions_total{site="edge-1", core="c:8883"}': "1x5 1+3x25"}, "15m", dict(EDGE, core="c:8883")),
    ("core", "WS-UP-01", {'up{site="core-1", job="j"}': "1x3 0x20"}, "8m", dict(CORE, job="j")),
    ("core", "WS-LINK-04", {'wayside_link_alarms_total{site="core-1", reason="EDGE_MISMATCH"}': "_x20 1x20"}, "25m", dict(CORE, reason="EDGE_MISMATCH")),
    ("core", "WS-CERT-01", {'wayside_certificate_expiry_timestamp_seconds{site="core-1", use="link"}': "604000x20"}, "5m", dict(CORE, use="link")),
    ("core", "WS-CORE-01", {'wayside_core_batches_total{site="core-1", what="log_full"}': "0x20 3x20"}, "25m", dict(CORE, what="log_full")),
    ("core", "WS-CORE-02", {'wayside_core_batches_total{site="core-1", what="undecodable"}': "0x20 1x20"}, "25m", dict(CORE, what="undecodable")),
    ("core", "WS-CORE-03", {'wayside_core_requests_open{site="core-1"}': "9000x20"}, "10m", CORE),
    ("core", "WS-CORE-04", {'wayside_core_dedupe_evicted_total{site="core-1", lane="event"}': "0+10x60"}, "40m", dict(CORE, lane="event")),
    ("core", "WS-CORE-05", {'wayside_command_lists_failing{site="core-1"}': "0x2 2x20"}, "6m", CORE),
    ("core", "WS-LINK-06", {'wayside_link_reload_failing{site="core-1"}': "0x2 1x20"}, "6m", CORE),
    ("core", "WS-LEDGER-03", {'wayside_ledger_records_total{site="core-1", edge="edge-1", spool="u", lane="state", outcome="lost"}': "7x10 9x20"}, "15m", dict(CORE, edge="edge-1", lane="state")),
    ("core", "WS-SINK-01", {'wayside_sink_events_total{site="core-1", sink="file-0", what="faults"}': "0x20 0+1x20"}, "30m", dict(CORE, sink="file-0", what="faults")),
    ("core", "WS-SINK-02", {'wayside_sink_backlog_records{site="core-1", sink="mqtt-1", lane="state"}': "200000x30"}, "15m", dict(CORE, sink="mqtt-1")),
    ("core", "WS-SINK-03", {'wayside_sink_events_total{site="core-1", sink="file-0", what="damaged"}': "0x20 1x20"}, "25m", dict(CORE, sink="file-0", what="damaged")),
]

# A site where all is well for two hours: nothing may fire.
WELL = {
    'up{site="s", job="j"}': "1x120",
    'wayside_gate_reload_failing{site="s", what="vehicles"}': "0x120",
    'wayside_vehicles_online{site="s"}': "5000-10x120",
    'wayside_certificate_expiry_timestamp_seconds{site="s", use="link"}': "700000x120",
    'wayside_crl_update_timestamp_seconds{site="s", use="vehicles"}': "-600000x120",
    'wayside_crl_next_update_timestamp_seconds{site="s", use="vehicles"}': "8000x120",
    'wayside_crl_next_update_timestamp_seconds{site="s", use="services"}': "Inf Inf Inf",
    'wayside_local_broker_up{site="s"}': "1x120",
    'wayside_local_broker_up{site="off"}': "0x120",
    'wayside_local_broker_restarts_total{site="s"}': "0x30 1x30 2x60",
    'wayside_link_sessions_total{site="s", core="c:1"}': "1x30 2x10 6x80",
    'wayside_command_alarms_total{site="s", kind="clock_step"}': "1x120",
    'wayside_commands_total{site="s", state="ACCEPTED", reason=""}': "0+100x120",
    'wayside_commands_total{site="s", state="UNKNOWN_OUTCOME", reason=""}': "0+1x120",
    'wayside_command_outbox{site="s"}': "3x120",
    'wayside_command_lists_failing{site="s"}': "0x120",
    'wayside_link_reload_failing{site="s"}': "0x120",
    'wayside_custody_mark{site="s", what="state"}': "1x120",
    'wayside_custody_mark{site="s", what="volume"}': "0x120",
    'wayside_spool_recovery_total{site="s", lane="state", kind="torn_bytes"}': "300x120",
    'wayside_spool_recovery_total{site="s", lane="state", kind="lost_records"}': "0x120",
    'wayside_custody_full_total{site="s", lane="state", bound="lane"}': "2x120",
    'wayside_lane_bytes{site="s", lane="state"}': "350x60 340x60",
    'wayside_lane_bytes_max{site="s", lane="state"}': "600x120",
    'wayside_custody_commit_seconds_bucket{site="s", lane="ack", le="0.1"}': "0+100x120",
    'wayside_custody_commit_seconds_bucket{site="s", lane="ack", le="+Inf"}': "0+100x120",
    'wayside_door_records_total{site="s", lane="state", outcome="refused", reason="SPOOL_FAULT"}': "4x120",
    'wayside_ledger_residual_records{site="s", lane="state"}': "0x120",
    'wayside_ledger_records_total{site="s", lane="state", outcome="lost"}': "7x120",
    'wayside_ledger_records_total{site="s", edge="e", spool="u", lane="state", outcome="lost"}': "7x120",
    'wayside_link_up{site="s", core="c:1"}': "1x60 0 1x60",
    'wayside_link_forked{site="s", lane="state"}': "0x120",
    'wayside_link_last_ack_timestamp_seconds{site="s", core="c:1"}': "0+60x120",
    'wayside_link_backlog_records{site="s", lane="state"}': "50x120",
    'wayside_link_alarms_total{site="s", reason="SPOOL_FAULT"}': "1x120",
    'wayside_link_batches_total{site="s", lane="state", kind="first"}': "0+10x120",
    'wayside_link_batches_total{site="s", lane="state", kind="resent"}': "0+1x120",
    'wayside_core_batches_total{site="s", what="log_full"}': "3x120",
    'wayside_core_batches_total{site="s", what="forked"}': "1x120",
    'wayside_core_batches_total{site="s", what="accepted"}': "0+50x120",
    'wayside_core_requests_open{site="s"}': "12x120",
    'wayside_core_dedupe_evicted_total{site="s", lane="event"}': "10x120",
    'wayside_sink_events_total{site="s", sink="file-0", what="faults"}': "2x120",
    'wayside_sink_events_total{site="s", sink="file-0", what="damaged"}': "1x120",
    'wayside_sink_backlog_records{site="s", sink="file-0", lane="state"}': "200x120",
}


def alerts(role):
    return {rule["alert"]: rule for group in yaml().safe_load(RULES[role].read_text())["groups"] for rule in group["rules"]}


def told(text, labels):
    return re.sub(r"\{\{ \$labels\.([a-z]+) \}\}", lambda match: labels[match.group(1)], text)


def series(of):
    return [{"series": name, "values": values} for name, values in of.items()]


class Rules(unittest.TestCase):
    def setUp(self):
        need("promtool", "python")

    def promtool_test(self, role, tests):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "test.yaml")
            path.write_text(yaml().safe_dump({"rule_files": [str(RULES[role])], "evaluation_interval": "1m", "tests": tests}))
            answer = run(TOOLS / "promtool", "test", "rules", path)
            self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)

    def test_promtool_accepts_the_rules_as_they_are_and_as_they_are_rendered(self):
        answer = run(TOOLS / "promtool", "check", "rules", *RULES.values())
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        need("helm")
        checked = 0
        for path in VALUE_SETS:
            for one in of_kind(rendered(path), "PrometheusRule"):
                with tempfile.TemporaryDirectory() as folder:
                    file = pathlib.Path(folder, "rules.yaml")
                    file.write_text(yaml().safe_dump(one["spec"]))
                    answer = run(TOOLS / "promtool", "check", "rules", file)
                    self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
                checked += 1
        self.assertEqual(checked, 2)

    def test_every_alert_has_a_test_that_fires_it(self):
        for role in RULES:
            self.assertEqual(set(alerts(role)), {name for of, name, *_ in FIRED if of == role})

    def test_each_alert_fires_and_says_which_site(self):
        for role, name, wrong, when, labels in FIRED:
            with self.subTest(role=role, alert=name):
                rule = alerts(role)[name]
                fires = {"exp_labels": dict(labels, severity=rule["labels"]["severity"]),
                         "exp_annotations": {"summary": told(rule["annotations"]["summary"], labels)}}
                self.assertIn(labels["site"], fires["exp_annotations"]["summary"])
                self.promtool_test(role, [{"interval": "1m", "input_series": series(wrong),
                                           "alert_rule_test": [{"eval_time": when, "alertname": name, "exp_alerts": [fires]}]}])

    def test_no_alert_fires_where_all_is_well_nor_for_what_is_long_over(self):
        for role in RULES:
            looks = [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []} for name in alerts(role) for minute in (40, 70, 119)]
            self.promtool_test(role, [{"interval": "1m", "input_series": series(WELL), "alert_rule_test": looks}])
        read = {name for role in RULES for rule in alerts(role).values() for name in re.findall(r"wayside_[a-z_]+|\bup\b", rule["expr"])}
        self.assertLessEqual(read - {re.match(r"[a-z_]+", one).group() for one in WELL}, {"wayside_core_dedupe_forgotten_records_total"})

    def test_every_alert_has_its_runbook_page_and_every_page_its_alert(self):
        names = {name for role in RULES for name in alerts(role)}
        self.assertEqual({path.stem for path in RUNBOOK.glob("WS-*.md")}, names)
        index = (RUNBOOK / "README.md").read_text()
        for name in names:
            text = (RUNBOOK / f"{name}.md").read_text()
            self.assertTrue(text.startswith(f"# {name}: "), name)
            headings = re.findall(r"^## (.*)$", text, re.M)
            self.assertEqual(headings, ["What it means", "Look", "Do"], name)
            self.assertIn(f"({name}.md)", index)

    def test_every_page_that_wayside_status_names_exists(self):
        named = {word for path in (ROOT / "cli").rglob("*.cc") for word in re.findall(r'"(WS-[A-Z]+-[0-9]{2})"', path.read_text())}
        self.assertGreater(len(named), 10)
        self.assertEqual(named - {path.stem for path in RUNBOOK.glob("WS-*.md")}, set())

    def test_every_metric_of_an_alert_or_a_page_is_documented(self):
        known = set(re.findall(r"^\| `(wayside_[a-z0-9_]+)`", (ROOT / "docs/metrics.md").read_text(), re.M))
        self.assertGreater(len(known), 40)
        texts = [path.read_text() for path in [*RULES.values(), *RUNBOOK.glob("*.md")]]
        read = {re.sub(r"_(bucket|sum|count)$", "", name) for text in texts for name in re.findall(r"wayside_[a-z0-9_]+[a-z0-9]", text)}
        self.assertGreater(len(read), 25)
        self.assertEqual(read - known, set())

    def test_a_rendered_rule_leads_to_its_page_and_can_be_left_out(self):
        need("helm")
        for path in VALUE_SETS:
            for one in of_kind(rendered(path), "PrometheusRule"):
                rules = [rule for group in one["spec"]["groups"] for rule in group["rules"]]
                for rule in rules:
                    self.assertTrue(rule["annotations"]["runbook_url"].endswith(f"/{rule['alert']}.md"))
                if path.stem == "core-production":
                    self.assertNotIn("WS-SINK-02", [rule["alert"] for rule in rules])
