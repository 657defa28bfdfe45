"""Writes the table of values in helm/wayside/README.md from the comments of values.yaml. --check: says whether it is current."""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "build/chart-tools/python"))
import yaml  # noqa: E402

VALUES, README = ROOT / "helm/wayside/values.yaml", ROOT / "helm/wayside/README.md"
BEGIN, END = "<!-- generated: python3 scripts/dev/chart_readme.py -->\n", "<!-- end of generated -->"


def described(text):
    """(path, sentence) of each `# -- sentence` and the key below it."""
    path, sentence, out = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        comment = re.match(r" *# -- (.*)", line)
        if comment:
            sentence = comment.group(1)
            continue
        key = re.match(r"( *)([A-Za-z0-9_]+):", line)
        if not key:
            continue
        depth = len(key.group(1)) // 2
        path = path[:depth] + [key.group(2)]
        if sentence is not None:
            out.append((".".join(path), sentence))
            sentence = None
    return out


def leaves(tree, known, path=()):
    """Every value that a person may set, as it is described or as it ends."""
    for key, value in tree.items():
        here = ".".join(path + (key,))
        if isinstance(value, dict) and here not in known:
            yield from leaves(value, known, path + (key,))
        else:
            yield here, value


def table():
    text = VALUES.read_text()
    known = dict(described(text))
    tree = list(leaves(yaml.safe_load(text), known))
    silent = [path for path, _ in tree if path not in known]
    if silent:
        sys.exit("values.yaml: no comment `# -- ...` above " + ", ".join(silent))
    rows = "".join(f"| `{path}` | `{json.dumps(value)}` | {known[path]} |\n" for path, value in tree)
    return "| value | default | what it does |\n| --- | --- | --- |\n" + rows


def main():
    text = README.read_text()
    begin = text.index(BEGIN) + len(BEGIN)
    new = text[:begin] + table() + text[text.index(END):]
    if "--check" not in sys.argv:
        README.write_text(new)
    elif new != text:
        sys.exit("helm/wayside/README.md is not what values.yaml says; python3 scripts/dev/chart_readme.py writes it anew")


main()
