"""The papers of what is shipped: an SPDX document of packages and programs, and the licences of all of them."""
import datetime
import hashlib
import json
import re
import urllib.parse
import uuid

USES = {"shared": "a shared library or program in the image", "compiled": "compiled into the programs (headers, static libraries)"}


def licences(text):
    """The names in the License fields of a machine-readable copyright file; none where it is prose."""
    if not re.match(r"Format(-Specification)?:", text.lstrip()):
        return []
    names = re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)
    return sorted({" ".join(name.split()) for name in names})


def purl(package, distribution):
    version = urllib.parse.quote(package.version, safe=".~-")
    name = urllib.parse.quote(package.name, safe=".-")
    return f"pkg:deb/debian/{name}@{version}?arch={package.architecture}&distro={distribution}"


def spdx_id(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(words))


def spdx_package(package, distribution):
    told = licences(package.copyright_text)
    entry = {
        "SPDXID": spdx_id("deb", package.name),
        "name": package.name,
        "versionInfo": package.version,
        "supplier": "Organization: Debian",
        "originator": "Organization: " + re.sub(r"\s*<.*", "", package.maintainer),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "sourceInfo": f"source package {package.source} {package.source_version}",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "licenseComments": "debian/copyright names: " + ", ".join(told) if told else "debian/copyright is prose; see THIRD_PARTY",
        "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl(package, distribution)}],
    }
    if package.homepage:
        entry["homepage"] = package.homepage
    return entry


def spdx_file(path, inside):
    content = path.read_bytes()
    return {"SPDXID": spdx_id("file", path.name), "fileName": "." + inside, "fileTypes": ["BINARY"],
            "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
                          {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}],
            "licenseConcluded": "Apache-2.0", "licenseInfoInFiles": ["NOASSERTION"], "copyrightText": "NOASSERTION"}


def spdx(version, epoch, distribution, packages, programs):
    """`packages`: {"shared": [Package], "compiled": [Package]}; `programs`: {path inside: path here}."""
    own = spdx_id("wayside")
    entries = [{"SPDXID": own, "name": "wayside", "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION"}]
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": own}]
    told = set()
    for use, kind in (("shared", "DEPENDS_ON"), ("compiled", "STATIC_LINK")):
        for package in packages[use]:
            if package.name not in told:
                entries.append(spdx_package(package, distribution))
                told.add(package.name)
            relations.append({"spdxElementId": own, "relationshipType": kind, "relatedSpdxElement": spdx_id("deb", package.name),
                              "comment": USES[use]})
    files = [spdx_file(here, inside) for inside, here in sorted(programs.items())]
    relations += [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": one["SPDXID"]} for one in files]
    content = {"packages": entries, "files": files, "relationships": relations}
    name = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True) + str(epoch))
    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"wayside-{version}",
            "documentNamespace": f"urn:uuid:{name}",
            "creationInfo": {"created": created, "creators": ["Tool: wayside-papers"]}, **content}


def third_party(packages):
    """The copyright files, each once: of packages of one source they mostly are one text."""
    texts = {}
    for use in ("shared", "compiled"):
        for package in packages[use]:
            texts.setdefault(package.copyright_text, []).append((package, use))
    out = ["Wayside is licensed under Apache-2.0 (LICENSE). With it come the works below, as Debian packages them. Their sources",
           "are Debian's source packages of the versions that are named. Licences that a text only refers to lie in",
           "/usr/share/common-licenses, in the image and on every Debian.", ""]
    for text, users in texts.items():
        out.append("=" * 100)
        out += [f"{one.name} {one.version} (source {one.source} {one.source_version}): {USES[use]}" for one, use in users]
        out += ["=" * 100, text.rstrip(), ""]
    return "\n".join(out)
