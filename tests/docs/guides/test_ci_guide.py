"""The guide to tests in CI does what it says: its job starts both, and signs in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

import pytest
import yaml
from browsers import CHROMIUM
from doc_programs import missing, need
from servers import TENANTRY, free_port, without_settings
from test_guides import GUIDES

ROOT = GUIDES.parent.parent
GUIDE = (GUIDES / "test-your-sign-in.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
THEIRS, OWN = {"httpx", "pytest", "playwright"}, {"test_by_http"}
JOB = ".github/workflows/sign-in.yml"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def short_path():
    """A folder whose path has room for the socket that Chromium makes in its own below."""
    with tempfile.TemporaryDirectory(prefix="ci") as folder:
        yield folder


@pytest.mark.thorough
def test_the_job_signs_in(tmp_path, short_path):
    need("bash", "curl", "jq")
    if not CHROMIUM.exists():
        missing("chromium is not installed")
    port = str(free_port())
    for path, text in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("8000", port), encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    own = free_port()
    environment = {k: v for k, v in without_settings().items() if not k.startswith("PYTEST")}
    environment |= {
        "PATH": f"{TENANTRY.parent}:{os.environ['PATH']}",
        "TENANTRY_LISTEN": f"127.0.0.1:{own}",
        "TENANTRY_PUBLIC_URL": f"https://localhost:{own}",
        "CHROMIUM": str(CHROMIUM),
        "TMPDIR": short_path,  # where its data folder is made
    }
    done = subprocess.run(
        ["bash", "-c", yaml.safe_load(FILES[JOB])["jobs"]["sign-in"]["steps"][-2]["run"]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    log = tmp_path / "tenantry.log"
    assert done.returncode == 0, done.stdout + done.stderr + log.read_text()
    written = sum(text.count("\ndef test_") for text in FILES.values())
    assert f"{written} passed" in done.stdout


def test_the_job_installs_what_its_files_need():
    steps = yaml.safe_load(FILES[JOB])["jobs"]["sign-in"]["steps"]
    installed = " ".join(step.get("run", "") for step in steps)
    assert (ROOT / "examples/quickstart-fastapi/requirements.txt").is_file()
    for path, text in FILES.items():
        if path.endswith(".py"):
            for package in re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE):
                assert package in {*OWN, *THEIRS, *sys.stdlib_module_names}, package
                assert package not in THEIRS or package in installed
    assert [step["uses"] for step in steps if "uses" in step] == [
        "actions/checkout@v5",
        "actions/setup-python@v6",
    ]
