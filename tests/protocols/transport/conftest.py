"""The trial contract: in this process on SQLite, and behind the real server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import trial
from in_process import AsgiClient
from servers import LiveServer

from tenantry.db.opening import open_database


@pytest.fixture(scope="session")
def pb(tmp_path_factory):
    """The module of the trial contract."""
    folder = tmp_path_factory.mktemp("trial-contract")
    trial.compile_into(folder)
    os.environ[trial.COMPILED] = str(folder)
    return trial.load(folder)


@pytest.fixture(scope="session")
async def trial_database(new_database):
    async with open_database(new_database("sqlite"), b"m" * 32) as database:
        yield database


@pytest.fixture
def service(pb):
    return trial.TrialService(pb)


@pytest.fixture
def entry(pb, trial_database, service):
    """The ASGI application of the trial contract."""
    return trial.wire(pb, trial_database, service=service)


@pytest.fixture
def ask(entry):
    """Send a request as the management client, in this process."""
    return AsgiClient(entry, authorization="Bearer client")


@pytest.fixture
def ask_as_nobody(entry):
    """Send a request without credentials, in this process."""
    return AsgiClient(entry)


@pytest.fixture(scope="session")
def trial_server(pb, tmp_path_factory):
    """The trial contract behind the server that `tenantry serve` starts."""
    server = LiveServer(tmp_path_factory.mktemp("trial-server"), cors_origins="https://app.test")
    yield server.start(sys.executable, Path(trial.__file__))
    server.stop()
