"""Objects of operators, against the CRDs that these publish. Unknown fields are refused."""
import unittest

from support import TOOLS, VALUE_SETS, need, rendered, yaml


def closed(schema):
    """The same schema, but what it does not name is refused, as a strict API server does."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items()}
    if isinstance(out.get("properties"), dict) and "additionalProperties" not in out and not schema.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    return out


def loader():
    """YAML in which a lone `=` is a text: one of the CRDs lists it among operators."""
    class Loader(yaml().SafeLoader):
        pass
    Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_yaml_str)
    return Loader


def schemas():
    found = {}
    for path in sorted((TOOLS / "crds").glob("*.yaml")):
        for crd in yaml().load_all(path.read_text(), loader()):
            for version in crd["spec"]["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                found[crd["spec"]["group"] + "/" + version["name"], crd["spec"]["names"]["kind"]] = schema
    return found


class Operators(unittest.TestCase):
    def test_certificates_monitors_and_rules_are_what_their_crds_say(self):
        need("helm", "python", "crds")
        import jsonschema
        known, seen = schemas(), set()
        for path in VALUE_SETS:
            for one in rendered(path):
                schema = known.get((one["apiVersion"], one["kind"]))
                if schema is None:
                    continue
                with self.subTest(values=path.stem, kind=one["kind"]):
                    jsonschema.Draft7Validator(schema).validate(one)
                    seen.add(one["kind"])
                    with self.assertRaises(jsonschema.ValidationError):
                        jsonschema.Draft7Validator(schema).validate(dict(one, spec=dict(one["spec"], unknownField=1)))
        self.assertEqual(seen, {"Certificate", "ServiceMonitor", "PrometheusRule"})
