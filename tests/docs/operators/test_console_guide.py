"""The guide about the console: its commands and calls run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path

import pytest
from repository import ROOT
from servers import TENANTRY

GUIDE = ROOT / "docs" / "guides" / "console.md"


@pytest.mark.thorough
async def test_its_samples_run_from_top_to_bottom(own_server):
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    path = f"{Path(TENANTRY).parent}{os.pathsep}{os.environ['PATH']}"
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        capture_output=True,
        text=True,
        check=False,
        env={**own_server.environment, **own_server.env, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    assert len(blocks) == 4
    assert len(re.findall(r"/console/enter/[\w-]{43}", done.stdout)) == 4
    listed = done.stdout.rpartition('{"operators":')[2]
    names = [f'"{name}"' for name in ("Ada Lovelace", "Grace Hopper", "Alan Turing")]
    assert all(name in listed for name in names)
