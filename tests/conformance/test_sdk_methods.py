"""docs/compatibility/ lists all methods that the official SDKs have, of the versions used here.

Those of the Java SDK were read in its source: not every Maven repository serves it.
"""

from __future__ import annotations

import csv
import re
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from doc_programs import CONFORMANCE, need, run
from repository import ROOT
from turns import install_node_packages

if TYPE_CHECKING:
    from pathlib import Path

FACTS = ROOT / "docs" / "compatibility"
SDKS = tomllib.loads((FACTS / "differences.toml").read_text(encoding="utf-8"))["sdks"]


def listed(sdk):
    with (FACTS / "sdk_methods.csv").open(encoding="utf-8", newline="") as file:
        return {row["method"] for row in csv.DictReader(file) if row["sdk"] == sdk}


def printed(*command: str, cwd: Path) -> set[str]:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


def test_of_python():
    command = (sys.executable, "-W", "ignore", "methods.py")
    assert printed(*command, cwd=CONFORMANCE / "python") == listed("python")


def test_of_node():
    need("node", "npm")
    install_node_packages(CONFORMANCE / "node")
    assert printed("node", "methods.mjs", cwd=CONFORMANCE / "node") == listed("node")


@pytest.mark.thorough
def test_of_go():
    need("go")
    assert printed("go", "run", "./methods", cwd=CONFORMANCE / "go") == listed("go")


@pytest.mark.parametrize(
    ("sdk", "file", "spelled"),
    [
        ("python", "pyproject.toml", r'"{package}==([\d.]+)"'),
        ("node", "tests/conformance/node/package.json", r'"{package}": "([\d.]+)"'),
        ("go", "tests/conformance/go/go.mod", r"{package} v([\d.]+)"),
        ("java", "tests/conformance/java/pom.xml", r"<version>([\d.]+)</version>"),
    ],
)
def test_the_versions_are_those_of_the_programs(sdk, file, spelled):
    pattern = spelled.replace("{package}", re.escape(SDKS[sdk]["package"]))
    text = (ROOT / file).read_text(encoding="utf-8")
    if sdk == "java":
        text = text[text.index("scalekit-sdk-java") :]
    found = re.search(pattern, text)
    assert found, file
    assert found[1] == SDKS[sdk]["version"]
