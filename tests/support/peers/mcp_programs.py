"""MCP servers and clients that run as separate programs.

A client reads commands, one JSON object per line: `{"do": "call", "tool": ..., "arguments": ...}`
calls a tool, `{"do": "expire"}` expires its access token, and `{"do": "end"}` stops it. It writes a
line after it has connected and after each command. Before that line it can write
`{"authorize": URL}`: the test acts as the browser and returns the callback as `{"callback": URL}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import httpx
from repository import ROOT
from turns import turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from user_agent import Callback


class Browser(Protocol):
    """The browser of a user who consents."""

    async def authorize(self, url: str) -> Callback:
        """Open an authorization URL, and return where it leads after consent."""


EXAMPLES = ROOT / "examples"
_ANSWER_SECONDS = 120


def python_of(example: str) -> Path:
    """Return a Python interpreter with the requirements of an example installed."""
    folder, wanted = ROOT / "build" / example, EXAMPLES / example / "requirements.txt"
    python, installed = folder / "bin" / "python", folder / "requirements.txt"
    with turn(str(folder)):
        if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            pip = [python, "-m", "pip", "--quiet", "install", "--requirement", wanted]
            subprocess.run(pip, check=True)
            installed.write_bytes(wanted.read_bytes())
    return python


@asynccontextmanager
async def program(*command: str | Path, log: Path, **options: Any) -> AsyncIterator[Any]:
    """Run a program until the block ends."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(*command, stderr=errors, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def mcp_server(
    *command: str | Path, url: str, cwd: Path, env: dict[str, str], log: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Run an MCP server; yield an HTTP client for it as soon as it accepts connections."""
    async with (
        program(*command, log=log, cwd=cwd, env=env, stdout=subprocess.DEVNULL) as process,
        httpx.AsyncClient(base_url=url, timeout=60) as http,
    ):
        while True:
            try:
                await http.get(url)
            except httpx.TransportError:
                assert process.returncode is None, _content(log)
                await asyncio.sleep(0.05)
            else:
                break
        yield http


class McpProgram:
    """An MCP client and the browser of its user."""

    def __init__(self, process: Any, user: Browser, log: Path) -> None:
        self._process = process
        self._user = user
        self._log = log
        self.requests: list[dict[str, str]] = []  # parameters of its authorization requests

    @classmethod
    @asynccontextmanager
    async def started(
        cls, *command: str | Path, user: Browser, env: dict[str, str], log: Path
    ) -> AsyncIterator[McpProgram]:
        """Start a client."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        async with program(*command, log=log, env=os.environ | env, **pipes) as process:
            yield cls(process, user, log)

    async def connected(self) -> dict[str, Any]:
        """Wait until the client has connected."""
        return await self._answer()

    async def do(self, what: str, **members: Any) -> dict[str, Any]:
        """Send a command and return the response."""
        self._write(do=what, **members)
        return await self._answer()

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, which must succeed."""
        result = await self.do("call", tool=tool, arguments=arguments)
        assert not result["failed"], result
        return result

    def _write(self, **members: Any) -> None:
        self._process.stdin.write(json.dumps(members).encode() + b"\n")

    async def _answer(self) -> dict[str, Any]:
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), _ANSWER_SECONDS)
            assert line, _content(self._log)
            answer: dict[str, Any] = json.loads(line)
            if "authorize" not in answer:
                return answer
            url = answer["authorize"]
            self.requests.append(dict(parse_qsl(urlsplit(url).query)))
            self._write(callback=(await self._user.authorize(url)).url)


def _content(log: Path) -> str:
    return log.read_text(encoding="utf-8")
