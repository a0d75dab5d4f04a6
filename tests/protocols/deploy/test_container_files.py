"""The image and the compose file: what they promise, and settings that can be used.

The image itself is built and run where there is an engine and `CONTAINER_BASE` names a base image,
by `make test-all`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from repository import ROOT
from servers import free_port

from tenantry import __version__
from tenantry.settings import load

if TYPE_CHECKING:
    from pathlib import Path

CONTAINERFILE = ROOT / "deploy" / "container" / "Containerfile"
COMPOSE = ROOT / "deploy" / "compose"
GUIDE = ROOT / "docs" / "guides" / "containers.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
USER = "10001:10001"
ENGINE = shutil.which("podman") or shutil.which("docker")


def instructions():
    """Each instruction of the file on one line, as `(stage, name, rest)`."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\s*\\\n\s*", " ", text)
    stage, found = 0, []
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        found.append((stage, name, rest))
    return found


def test_both_stages_are_of_the_base_that_is_given():
    froms = [rest for _, name, rest in instructions() if name == "FROM"]
    assert froms == ["${BASE} AS build", "${BASE}"]
    assert instructions()[0][1] == "ARG"


def test_its_label_says_this_version():
    assert (2, "ARG", f"VERSION={__version__}") in instructions()


def test_everything_that_is_installed_is_locked():
    for _, name, rest in instructions():
        for command in rest.split("&&") if name == "RUN" else ():
            if "pip install" in command:
                assert "--require-hashes" in command or "--no-deps" in command, command


def test_it_runs_as_nobody_in_particular_and_is_asked_by_our_program():
    last = {name: rest for stage, name, rest in instructions() if stage == 2}
    assert last["USER"] == USER
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert last["HEALTHCHECK"].endswith('CMD ["tenantry", "health"]')
    assert json.loads(last["ENTRYPOINT"]) == ["tenantry"]
    assert "org.opencontainers.image.title" in last["LABEL"]


def test_the_context_holds_what_is_copied_and_no_more():
    copied = {
        name
        for stage, instruction, rest in instructions()
        if instruction == "COPY" and stage == 1
        for name in rest.split()[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture
def compose(tmp_path):
    """The compose file, beside secrets that the guide's block has made."""
    (block,) = [block for block in BLOCKS if "secrets/master_key" in block]
    shutil.copytree(COMPOSE, tmp_path / "deploy" / "compose")
    subprocess.run(["sh", "-e", "-c", block], cwd=tmp_path, check=True)
    return yaml.safe_load((tmp_path / "deploy" / "compose" / "compose.yaml").read_text())


def test_its_settings_can_be_used_with_the_secrets_of_the_guide(compose, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "deploy" / "compose"
    files = {
        f"/run/secrets/{name}": folder / each["file"] for name, each in compose["secrets"].items()
    }
    service = compose["services"]["tenantry"]
    given = {name: str(files.get(value, value)) for name, value in service["environment"].items()}
    settings = load(given)
    assert settings.database.startswith("postgresql://tenantry:")
    assert "master_key" in settings.files
    assert set(service["secrets"]) == set(compose["secrets"])
    assert not any(key in given for key in ("TENANTRY_MASTER_KEY", "TENANTRY_DATABASE_PASSWORD"))


def test_nothing_of_it_may_more_than_it_needs(compose):
    for name in ("tenantry", "mail"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    published = [port for each in compose["services"].values() for port in each.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_reads_it(tmp_path, compose):
    if ENGINE is None or subprocess.run([ENGINE, "compose", "version"], check=False).returncode:
        pytest.skip("no podman or docker with its compose")
    done = subprocess.run(
        [ENGINE, "compose", "config"],
        cwd=tmp_path / "deploy" / "compose",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    ENGINE is None or not os.environ.get("CONTAINER_BASE"),
    reason="no podman or docker, or no CONTAINER_BASE; CONTAINER_OPTIONS are for `run`",
)
def test_the_image_runs_without_a_root_to_write_to():
    def engine(*words: str | Path, check=True):
        return subprocess.run([ENGINE, *words], capture_output=True, text=True, check=check)

    name, port = f"tenantry-{os.getpid()}", free_port()
    build = ["build", "--file", CONTAINERFILE, "--tag", name]
    build += ["--build-arg", f"BASE={os.environ['CONTAINER_BASE']}"]
    build += os.environ.get("CONTAINER_BUILD_OPTIONS", "").split()
    engine(*build, ROOT)
    try:
        run = ["run", "--detach", "--name", name, "--network", "host", "--read-only"]
        run += ["--cap-drop", "all", "--security-opt", "no-new-privileges"]
        run += ["--volume", f"{name}:/var/lib/tenantry", "--stop-timeout", "20"]
        run += ["--env", f"TENANTRY_LISTEN=127.0.0.1:{port}"]
        run += ["--env", f"TENANTRY_PUBLIC_URL=https://localhost:{port}"]
        engine(*run, *os.environ.get("CONTAINER_OPTIONS", "").split(), name)
        until = time.monotonic() + 60
        while engine("exec", name, "tenantry", "health", "--ready", check=False).returncode:
            assert time.monotonic() < until, engine("logs", name)
            time.sleep(0.5)
        status = engine("exec", name, "cat", "/proc/1/status").stdout
        assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.MULTILINE)
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
        assert "Read-only" in engine("exec", name, "touch", "/etc/x", check=False).stderr
        engine("stop", name)
        assert engine("inspect", "--format", "{{.State.ExitCode}}", name).stdout == "0\n"
    finally:
        engine("rm", "--force", name, check=False)
        engine("volume", "rm", name, check=False)
        engine("rmi", name, check=False)
