"""The SBOM and the list of licences, from packages that are installed here."""
import pathlib
import re
import shutil
import tempfile
import unittest

import packages
import papers

STANZA = """Package: libexample1
Status: install ok installed
Version: 1:2.3-4+b1
Architecture: amd64
Source: example (1:2.3-4)
Maintainer: A Person <person@example.com>
Homepage: https://example.com
"""


class Packages(unittest.TestCase):
    def test_a_stanza_tells_source_and_version(self):
        told = packages.parse(STANZA)
        self.assertEqual((told.name, told.version, told.source, told.source_version), ("libexample1", "1:2.3-4+b1", "example", "1:2.3-4"))
        self.assertEqual(papers.purl(told, "debian-12"), "pkg:deb/debian/libexample1@1%3A2.3-4%2Bb1?arch=amd64&distro=debian-12")

    def test_a_library_that_is_not_there_ends_the_build(self):
        text = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n"
        self.assertEqual(packages.libraries(text), {"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"})
        with self.assertRaisesRegex(SystemExit, "libgone.so.1"):
            packages.libraries(text + "\tlibgone.so.1 => not found\n")

    def test_the_libraries_of_a_program_are_of_packages(self):
        self.skip_without_dpkg()
        self.assertIn("libc6", packages.shared_libraries([shutil.which("dpkg")]))

    def test_a_file_of_no_package_ends_the_build(self):
        self.skip_without_dpkg()
        with tempfile.NamedTemporaryFile() as file, self.assertRaisesRegex(SystemExit, "no package brought"):
            packages.owners([file.name])

    def skip_without_dpkg(self):
        if not shutil.which("dpkg-query"):
            self.skipTest("dpkg is not installed")


class Papers(unittest.TestCase):
    def setUp(self):
        if not pathlib.Path("/usr/share/doc/libc6/copyright").exists():
            self.skipTest("this is no Debian with the copyright files of its packages")
        self.used = {"shared": [packages.package(name) for name in ("libc6", "libssl3")], "compiled": [packages.package("dpkg")]}

    def sbom(self):
        return papers.spdx("1.2.3", 1700000000, "debian-12", self.used, {"/usr/bin/this": pathlib.Path(__file__)})

    def test_every_element_has_an_identifier_and_every_relation_two_ends(self):
        sbom = self.sbom()
        elements = [one["SPDXID"] for one in sbom["packages"] + sbom["files"]] + [sbom["SPDXID"]]
        self.assertEqual(len(elements), len(set(elements)))
        for one in elements:
            self.assertRegex(one, r"^SPDXRef-[A-Za-z0-9.-]+$")
        related = {end for one in sbom["relationships"] for end in (one["spdxElementId"], one["relatedSpdxElement"])}
        self.assertEqual(related, set(elements))
        self.assertEqual(sbom["creationInfo"]["created"], "2023-11-14T22:13:20Z")
        self.assertEqual(sbom["spdxVersion"], "SPDX-2.3")

    def test_a_package_says_version_source_and_where_scanners_know_it(self):
        (entry,) = [one for one in self.sbom()["packages"] if one["name"] == "libssl3"]
        self.assertEqual(entry["versionInfo"], packages.package("libssl3").version)
        self.assertIn("openssl", entry["sourceInfo"])
        self.assertIn("pkg:deb/debian/libssl3@", entry["externalRefs"][0]["referenceLocator"])
        self.assertIn("Apache-2.0", entry["licenseComments"])

    def test_the_same_input_makes_the_same_paper(self):
        self.assertEqual(self.sbom(), self.sbom())

    def test_every_package_is_named_with_its_licence_and_a_shared_text_stands_once(self):
        text = papers.third_party(self.used)
        for package in self.used["shared"] + self.used["compiled"]:
            self.assertEqual(len(re.findall(rf"^{package.name} {re.escape(package.version)} ", text, re.MULTILINE)), 1)
            self.assertEqual(text.count(package.copyright_text.rstrip()), 1)
        twice = papers.third_party({"shared": self.used["shared"] + self.used["shared"][:1], "compiled": []})
        self.assertEqual(twice.count(self.used["shared"][0].copyright_text.rstrip()), 1)
