"""A deployment whose processes are killed at random and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servers import TENANTRY, LiveServer

if TYPE_CHECKING:
    import random
    from pathlib import Path

# How long a process lives once it is ready, in seconds; some are killed before they are. As many
# times as long as its start took seconds: on a busy machine, it would never come to its work.
_SERVER_LIVES, _WORKER_LIVES = (0.1, 0.8), (0.05, 0.5)
_WORKERS = 3
_YOUNG = 0.15  # of all
_READY_SECONDS = 30.0


@dataclass
class Victim:
    """One process, however often it was started."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    killed: int = 0

    def start(self) -> None:
        """Start it."""
        with self._log().open("ab") as log:
            self._logged = log.tell()
            self.process = subprocess.Popen(
                (TENANTRY, *self.command),
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def live(self, chance: random.Random) -> None:
        """Let it live for a while."""
        began = time.monotonic()
        if chance.random() >= _YOUNG:
            until = began + _READY_SECONDS
            while time.monotonic() < until and not await self._is_ready():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        pace = min(max(time.monotonic() - began, 1.0), 4.0)
        lives = _SERVER_LIVES if self.port else _WORKER_LIVES
        await asyncio.sleep(chance.uniform(*lives) * pace)

    async def ready(self) -> None:
        """Wait until it is at its work."""
        until = time.monotonic() + _READY_SECONDS
        while not await self._is_ready():
            assert time.monotonic() < until, f"{self.name} did not start: see its log"
            await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        if not self.port:
            return self._log().stat().st_size > self._logged
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def kill(self) -> None:
        """Kill it and whatever it started, without a warning."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended by itself: see its log"
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.killed += 1

    def stop(self) -> None:
        """Let it end as an operator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Deployment:
    """Two servers and three workers on PostgreSQL; on SQLite one server that does all."""

    def __init__(self, folder: Path, database_url: str | None, **settings: Any) -> None:
        background = {"background": "false" if database_url else "true"}
        first = LiveServer(folder, **background, **_database(database_url), **settings)
        servers = [first]
        if database_url:
            shared = {"public_url": first.url, "data_dir": first.data_dir}
            servers.append(
                LiveServer(folder, **background, **_database(database_url), **settings, **shared)
            )
        self.first = first
        self.urls = [f"http://127.0.0.1:{server.port}" for server in servers]
        self.victims = [
            Victim(f"server-{number}", ("serve",), server.environment, folder, port=server.port)
            for number, server in enumerate(servers)
        ]
        if database_url:
            self.victims += [
                Victim(f"worker-{number}", ("worker",), first.environment, folder)
                for number in range(_WORKERS)
            ]

    def prepare(self) -> None:
        """Make the database, the keys and the first client, then start all for good."""
        self.first.start()
        _ = self.first.env
        self.first.stop()

    async def run(self, kills: int, chance: random.Random) -> None:
        """Start all, kill them so often in all, start them again each time."""
        left = iter(range(kills))

        async def doom(victim: Victim) -> None:
            victim.start()
            for _ in left:
                await victim.live(chance)
                victim.kill()
                victim.start()

        await asyncio.gather(*(doom(victim) for victim in self.victims))

    def stop(self) -> None:
        """Stop all that still runs."""
        for victim in self.victims:
            victim.stop()


def _database(url: str | None) -> dict[str, object]:
    return {"database_url": url} if url else {}
