"""Three nodes of Patroni on this machine, by the files of deploy/patroni, from packages alone."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from repository import ROOT
from servers import free_port, without_settings
from standbys import BINARIES

FILES = ROOT / "deploy" / "patroni"
_ENVIRONMENT = ROOT / "build" / "patroni"
_PACKAGES = ("patroni[raft,psycopg3]==4.1.5",)
# As root PostgreSQL does not start, and Python may be where others cannot look.
_USER = "pgserver"
_AS_USER = [
    "setpriv",
    *(f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
]
_NAMES = ("one", "two", "three")
_START_SECONDS = 180.0


def program() -> Path:
    """Patroni in an environment of its own, which is made where it is not there."""
    found = _ENVIRONMENT / "bin" / "patroni"
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", _ENVIRONMENT], check=True)
        pip = [_ENVIRONMENT / "bin" / "python", "-m", "pip", "--quiet", "install", *_PACKAGES]
        subprocess.run(pip, check=True)
    return found


class Node:
    """One machine of the cluster: a Patroni, and the PostgreSQL that it runs."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.ports = {kind: free_port() for kind in ("postgresql", "restapi", "raft")}
        self.environment: dict[str, str] = {}
        self.is_silent = False
        self._patroni: psutil.Popen | None = None

    def at(self, kind: str) -> str:
        """Where one of its three services listens."""
        return f"127.0.0.1:{self.ports[kind]}"

    def start(self) -> None:
        """Start its Patroni."""
        with (self.folder / "log").open("ab") as log:
            self._patroni = psutil.Popen(
                [*(_AS_USER if os.getuid() == 0 else ()), program(), FILES / "patroni.yml"],
                cwd=FILES,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def processes(self) -> list[psutil.Process]:
        """All that runs on it; PostgreSQL is nobody's child."""
        found: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            if self._patroni is not None:
                found += [self._patroni, *self._patroni.children(recursive=True)]
        with suppress(psutil.NoSuchProcess, FileNotFoundError, IndexError):
            pid = (self.folder / "data" / "postmaster.pid").read_text().split()[0]
            postmaster = psutil.Process(int(pid))
            found += [postmaster, *postmaster.children(recursive=True)]
        return found

    def kill_patroni(self) -> None:
        """Kill its Patroni alone: the PostgreSQL goes on, and nobody tells it anything."""
        assert self._patroni is not None
        for one in [*self._patroni.children(recursive=True), self._patroni]:
            if "patroni" in " ".join(one.cmdline()):
                one.kill()
        self._patroni.wait(10)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all that runs on it: SIGKILL is a machine without power."""
        processes = self.processes
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)
        if number == signal.SIGKILL:
            psutil.wait_procs(processes, timeout=10)


class Patroni:
    """Three nodes."""

    def __init__(self) -> None:
        if os.getuid() == 0:
            if shutil.which(_AS_USER[0]) is None:
                assert not os.environ.get("CI"), "setpriv is missing"
                pytest.skip("setpriv (util-linux) is not installed, and this is root")
            owner = pwd.getpwnam(_USER).pw_uid  # the user that our other servers run as
        else:
            owner = os.getuid()
        self._folder = Path(tempfile.mkdtemp(prefix="tenantry-patroni-"))
        self._folder.chmod(0o755)
        self.nodes = {name: Node(name, self._folder / name) for name in _NAMES}
        for node in self.nodes.values():
            node.folder.mkdir(mode=0o700)
            os.chown(node.folder, owner, -1)
            node.environment = self._environment(node)

    def _environment(self, node: Node) -> dict[str, str]:
        """The variables of a node's file, with the addresses of this machine."""
        said = dict(
            line.split("=", 1)
            for line in (FILES / "one.env").read_text().splitlines()
            if line and not line.startswith("#")
        )
        others = [one.at("raft") for one in self.nodes.values() if one is not node]
        return {
            **without_settings(),
            **said,
            "PATH": f"{BINARIES}:{os.environ['PATH']}",
            "HOME": str(node.folder),
            "PATRONI_NAME": node.name,
            "PATRONI_RESTAPI_LISTEN": node.at("restapi"),
            "PATRONI_RESTAPI_CONNECT_ADDRESS": node.at("restapi"),
            "PATRONI_POSTGRESQL_LISTEN": node.at("postgresql"),
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": node.at("postgresql"),
            "PATRONI_POSTGRESQL_DATA_DIR": str(node.folder / "data"),
            "PATRONI_POSTGRESQL_BIN_DIR": str(BINARIES),
            "PATRONI_RAFT_SELF_ADDR": node.at("raft"),
            "PATRONI_RAFT_PARTNER_ADDRS": json.dumps(others),
            "PATRONI_RAFT_DATA_DIR": str(node.folder / "raft"),
        }

    @property
    def url(self) -> str:
        """The URL for Tenantry, of all three."""
        password = self.nodes["one"].environment["TENANTRY_DATABASE_PASSWORD"]
        hosts = ",".join(node.at("postgresql") for node in self.nodes.values())
        return f"postgresql://tenantry:{password}@{hosts}/tenantry?target_session_attrs=read-write"

    def start(self) -> float:
        """Start all, and return after how many seconds they were complete."""
        began = time.monotonic()
        for node in self.nodes.values():
            node.start()
        self.await_complete()
        return time.monotonic() - began

    def await_complete(self) -> float:
        """Wait for a primary, a synchronous standby and another one that both stream."""
        began = time.monotonic()
        wanted = {"leader": "running", "replica": "streaming", "sync_standby": "streaming"}
        while True:
            members = self.members()
            if {one["role"]: one["state"] for one in members} == wanted and len(members) == 3:
                return time.monotonic() - began
            assert time.monotonic() - began < _START_SECONDS, (members, self.logs())
            time.sleep(0.2)

    def members(self) -> list[dict[str, Any]]:
        """The members, as one that answers sees them."""
        for node in sorted(self.nodes.values(), key=lambda node: node.is_silent):
            node.is_silent = True
            with suppress(OSError, ValueError):
                found: list[dict[str, Any]] = self._ask(node, "/cluster")["members"]
                node.is_silent = False
                return found
        return []

    @property
    def leader(self) -> Node:
        """The node of the primary."""
        (name,) = [one["name"] for one in self.members() if one["role"] == "leader"]
        return self.nodes[name]

    def switch_over(self) -> None:
        """Let the synchronous standby take over, as `patronictl switchover` does."""
        roles = {one["role"]: one["name"] for one in self.members()}
        wish = {"leader": roles["leader"], "candidate": roles["sync_standby"]}
        with suppress(ValueError):  # it answers in a sentence
            self._ask(self.leader, "/switchover", json.dumps(wish).encode())

    def _ask(self, node: Node, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://{node.at('restapi')}{path}", data=body)
        user = node.environment["PATRONI_RESTAPI_USERNAME"]
        word = f"{user}:{node.environment['PATRONI_RESTAPI_PASSWORD']}"
        request.add_header("Authorization", f"Basic {b64encode(word.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=2 if body is None else 60) as answer:
            return json.load(answer)

    def logs(self) -> str:
        """The end of each node's log."""
        return "\n".join(
            f"{name}:\n{(node.folder / 'log').read_text()[-2000:]}"
            for name, node in self.nodes.items()
        )

    def close(self) -> None:
        """Kill all, and remove it."""
        for node in self.nodes.values():
            node.signal(signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)
