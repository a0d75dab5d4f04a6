"""Reading settings from the environment and ``tenantry.toml``, and checking them together."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.addresses import is_public_host
from tenantry.settings.table import PREFIX, Settings, declared, spelled

if TYPE_CHECKING:
    from collections.abc import Mapping


class SettingError(ValueError):
    """A setting cannot be used; the text is one line that names it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{PREFIX}{name.upper()}: {problem}")
        self.name = name
        self.problem = problem


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check all settings.

    Raises:
        SettingError: a value cannot be used, or ``tenantry.toml`` names an unknown setting.

    """
    known = {f.name: f for f in declared()}
    from_file = _read_file(environ)
    for name in from_file:
        if name not in known:
            raise SettingError(name, "is not a setting (in tenantry.toml)")
    for variable in environ:
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and name not in known and variable not in _OTHER_VARIABLES:
            raise SettingError(name, "is not a setting")
    given = from_file.keys() | {name for name in known if PREFIX + name.upper() in environ}
    values = {}
    for name, f in known.items():
        text = environ.get(PREFIX + name.upper(), from_file.get(name, f.metadata["default"]))
        try:
            values[name] = f.metadata["parse"](text)
        except (ValueError, RuntimeError, OSError) as problem:
            # pathlib: no such user's home, a name too long
            raise SettingError(name, str(problem)) from None
    settings = Settings(**values, given=frozenset(given))
    settings = replace(settings, development=_development(settings))
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise SettingError(missing, "is needed too: certificate and key are set together")
    if settings.smtp_url and not settings.mail_from:
        raise SettingError("mail_from", "is needed too: mail servers ask who mail comes from")
    if settings.console_oidc_issuer and not settings.console_oidc_client_id:
        raise SettingError("console_oidc_client_id", "is needed too: the provider asks for it")
    check_sessions(settings)
    return settings


def _development(settings: Settings) -> bool:
    """Return whether it is a server for development: by itself only where nobody else comes.

    Mail is shown to anybody: a name that others reach never has it, not even when a file of
    settings that says so was copied there. A proxy in front is for others, too.
    """
    asked: bool | None = settings.development
    if asked is None:
        return settings.is_local and not settings.smtp_url and not settings.trusted_proxies
    host = urlsplit(settings.public_url).hostname or ""
    if asked and is_public_host(host):
        raise SettingError("development", f"cannot be true where others reach it, as {host}")
    return asked


def check_sessions(settings: Settings) -> None:
    """Let an access token end before its session does, by either timeout.

    Raises:
        SettingError: it would not.

    """
    token, idle = settings.access_token_minutes, settings.session_idle_minutes
    absolute = settings.session_absolute_minutes
    if absolute <= token:
        raise SettingError(
            "session_absolute_minutes", f"must be more than access_token_minutes, {token}"
        )
    if idle and idle <= token:
        raise SettingError(
            "session_idle_minutes", f"must be more than access_token_minutes, {token}, or 0"
        )
    if idle >= absolute:
        raise SettingError(
            "session_idle_minutes", f"must be less than session_absolute_minutes, {absolute}"
        )


# Set by this program for others (`tenantry env`) or for itself: no settings.
_OTHER_VARIABLES = {PREFIX + "CA", PREFIX + "CONFIG", PREFIX + "LAUNCHER"}


def _read_file(environ: Mapping[str, str]) -> dict[str, str]:
    named = environ.get(PREFIX + "CONFIG")
    path = Path(named or "tenantry.toml")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingError("config", f"no file at {named!r}") from None
        return {}
    except (ValueError, OSError) as problem:
        raise SettingError("config", f"{path} cannot be read: {problem}") from None
    return {
        name: spelled(tuple(value) if isinstance(value, list) else value)
        for name, value in content.items()
    }
