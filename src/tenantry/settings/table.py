"""The table of all settings, by subject."""

from __future__ import annotations

import json
from dataclasses import Field, dataclass, field, fields
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tenantry.core.addresses import is_this_machine
from tenantry.settings.identity import MODULAR_AUTH, IdentitySettings
from tenantry.settings.infrastructure import InfrastructureSettings
from tenantry.settings.serving import ServerSettings
from tenantry.settings.tenancy import TenancySettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PREFIX = "TENANTRY_"
FILE = "_FILE"  # suffix of a variable that names the file of a secret
_LOOPBACK = ("127.0.0.0/8", "::1/128")
SOURCES = PREFIX + "SOURCES"  # variable that passes `Settings.sources` to a child process


@dataclass(frozen=True, kw_only=True)
class Settings(IdentitySettings, TenancySettings, InfrastructureSettings, ServerSettings):
    """All settings of one process, checked."""

    # The environment variable or the settings file that gives a value, by the setting's name.
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    # The files that secrets were read from, absolute, by the names of their settings.
    files: Mapping[str, Path] = field(default_factory=dict, compare=False)

    @property
    def given(self) -> frozenset[str]:
        """The names of the settings that the environment or a file gives: the API changes none."""
        return frozenset(self.sources)

    @property
    def host(self) -> str:
        """The address part of ``listen``."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of ``listen``."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_modular(self) -> bool:
        """Whether identity providers alone sign people in, for applications with own users."""
        return self.authentication_mode == MODULAR_AUTH

    @property
    def own_methods(self) -> tuple[str, ...]:
        """The ways to sign in by which this server recognizes people itself."""
        return () if self.is_modular else self.sign_in_methods

    @property
    def may_sign_up(self) -> bool:
        """Whether people whom nobody invited may found an organization."""
        return self.sign_up and not self.is_modular

    @property
    def has_simulator(self) -> bool:
        """Whether the simulated identity provider is served: never but in development."""
        return self.development and self.simulator

    @property
    def has_own_root(self) -> bool:
        """Whether clients meet a certificate that the server has made by itself."""
        return self.tls_cert is None and self.public_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it: its URL and its address are the machine's."""
        url = urlsplit(self.public_url)
        return is_this_machine(url.hostname or "") and ip_address(self.host).is_loopback

    @property
    def webhook_allow(self) -> tuple[str, ...]:
        """The non-public networks that webhooks and interceptors may be sent to.

        In development, on a local URL, loopback is one of them.
        """
        host = urlsplit(self.public_url).hostname or ""
        loopback = _LOOPBACK if self.development and is_this_machine(host) else ()
        return (*self.outgoing_allow, *loopback)

    @property
    def database(self) -> str:
        """The database's URL, the default one spelled out, with the password where it has one."""
        if not self.database_url:
            return f"sqlite:///{(self.data_dir / 'tenantry.db').resolve()}"
        return self._with_password(self.database_url)

    @property
    def replica(self) -> str:
        """The URL of the standbys for lists, with the password where there is one; "" for none."""
        return self._with_password(self.database_replica_url)

    def _with_password(self, url: str) -> str:
        scheme, _, rest = url.partition("://")
        user, at, place = rest.partition("@")
        if not (at and self.database_password) or ":" in user:
            return url
        return f"{scheme}://{user}:{quote(self.database_password, safe='')}@{place}"

    def table(self) -> list[tuple[str, str, str, str]]:
        """Rows of (environment name, value with secrets hidden, default, help)."""
        rows = []
        for f in declared():
            value = getattr(self, f.name)
            shown = "(set)" if f.metadata["secret"] and value else spelled(value)
            rows.append((PREFIX + f.name.upper(), shown, f.metadata["default"], f.metadata["help"]))
        return rows

    def environment(self) -> dict[str, str]:
        """Return these settings as environment variables for a child process.

        A setting that the API may store is left out unless it is given, so that it does not become
        fixed in the child. A secret from a file is passed as the name of the file.
        """
        named = {
            PREFIX + f.name.upper(): spelled(getattr(self, f.name))
            for f in declared()
            if f.name not in self.files and (f.name in self.given or not f.metadata["stored"])
        }
        named |= {f"{PREFIX}{n.upper()}{FILE}": str(p) for n, p in self.files.items()}
        return named | {SOURCES: json.dumps(dict(self.sources))}


def declared() -> tuple[Field[Any], ...]:
    """Return the fields of all settings, in the order of the table."""
    return tuple(f for f in fields(Settings) if "parse" in f.metadata)


def spelled(value: object) -> str:
    """Return a value as the text that gives it."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
