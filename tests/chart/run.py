"""Runs one module of tests: exit 0 passed, 1 failed, 4 nothing failed and something was skipped (said why)."""
import importlib
import sys
import unittest


def main():
    module = importlib.import_module(sys.argv[1])
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    if suite.countTestCases() == 0:
        sys.exit(f"{sys.argv[1]} holds no test")
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    if not result.wasSuccessful():
        sys.exit(1)
    for test, why in result.skipped:
        print(f"skipped: {test}: {why}")
    sys.exit(4 if result.skipped else 0)


main()
