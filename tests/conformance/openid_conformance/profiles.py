"""The profiles and their test modules as data, and the mark that ties a test to one of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True)
class Module:
    """A test module of the suite."""

    name: str
    not_driven: str = ""
    note: str = ""


@dataclass(frozen=True)
class Profile:
    """A certification profile: its test plan, and the clients that drive it here."""

    name: str
    plan: str
    clients: tuple[str, ...]
    modules: tuple[Module, ...]
    note: str = ""

    @property
    def driven(self) -> set[str]:
        """The names of the modules that are driven."""
        return {module.name for module in self.modules if not module.not_driven}

    @property
    def short(self) -> str:
        """Its name as a part of a test's id."""
        return self.name.removesuffix(" OP").lower().replace(" ", "-")


def read() -> dict[str, Profile]:
    """The profiles by name."""
    found: dict[str, Profile] = {}
    for one in tomllib.loads(DATA.read_text(encoding="utf-8"))["profile"]:
        modules: tuple[Module, ...] = tuple(
            Module(name, **said) for name, said in one.get("modules", {}).items()
        )
        if "like" in one:
            modules = found[one["like"]].modules
        found[one["name"]] = Profile(
            one["name"], one["plan"], tuple(one["clients"]), modules, one.get("note", "")
        )
    return found


PROFILES = read()
CONFIG, BASIC, FORM_POST = "Config OP", "Basic OP", "Form Post Basic OP"
RP_INITIATED, BACK_CHANNEL, DYNAMIC = "RP-Initiated OP", "Back-Channel OP", "Dynamic OP"
# Where each client runs: all of them together see both databases.
DATABASES = {"openid-client": "sqlite", "oauth4webapi": "postgresql", "authlib": "sqlite"}

DRIVEN: dict[str, set[str]] = {name: set() for name in PROFILES}  # by the tests that are imported


def drives(module: str, *profiles: str) -> Callable[[Any], Any]:
    """Mark a test as the one of a module: it runs for each of the profiles, by each client."""
    for profile in profiles:
        DRIVEN[profile].add(module)
    cases = [
        pytest.param(
            (profile, client),
            id=f"{PROFILES[profile].short}-{client}",
            marks=pytest.mark.one_of(*DATABASES),
        )
        for profile in profiles
        for client in PROFILES[profile].clients
    ]
    return pytest.mark.parametrize("case", cases, indirect=True)
