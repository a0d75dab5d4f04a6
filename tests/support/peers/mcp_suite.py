"""The conformance suite of the Model Context Protocol, and the Node.js that runs it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from doc_programs import missing, need
from repository import ROOT
from turns import install_node_packages

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = ROOT / "tests" / "conformance" / "mcp"
_MODULES = _FOLDER / "node_modules"
SUITE = _MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"


def node_of_suite() -> Path | str:
    """Install the suite; return a Node.js 22: that of a package if the platform has one."""
    need("node", "npm")
    install_node_packages(_FOLDER)
    if found := next(_MODULES.glob("node-*/bin/node"), None):
        return found
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(done.stdout.removeprefix("v").partition(".")[0]) < 22:
        missing("the conformance suite needs Node.js 22")
    return "node"
