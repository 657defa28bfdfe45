"""The table of values in the chart's README is what values.yaml says."""
import sys
import unittest

from support import CHART, ROOT, need, run


class Readme(unittest.TestCase):
    def test_the_table_of_values_is_current(self):
        need("python")
        answer = run(sys.executable, ROOT / "scripts/dev/chart_readme.py", "--check")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertGreater((CHART / "README.md").read_text().count("\n| `"), 80)
