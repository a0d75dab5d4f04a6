"""Reading settings from the environment and ``tenantry.toml``, and checking them together."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from tenantry.core.addresses import is_public_host
from tenantry.settings import secret_files
from tenantry.settings.table import FILE, PREFIX, SOURCES, Settings, declared, spelled

if TYPE_CHECKING:
    from collections.abc import Mapping


class SettingError(ValueError):
    """A setting is invalid; the message is one line that starts with its variable."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{PREFIX}{name.upper()}: {problem}")
        self.name = name
        self.problem = problem


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check all settings.

    Raises:
        SettingError: a value or the file of a secret is invalid, or a name is unknown.

    """
    known = {f.name: f for f in declared()}
    texts, files, sources = _texts(environ)
    values = {}
    for name, f in known.items():
        text = texts.get(name, f.metadata["default"])
        try:
            values[name] = f.metadata["parse"](text)
        except (ValueError, RuntimeError, OSError) as problem:
            # pathlib: no such user's home, a name too long
            raise SettingError(name, str(problem)) from None
    settings = Settings(**values, sources=sources, files=files)
    settings = replace(settings, development=_development(settings))
    if settings.database_replica_url and not settings.database_url.startswith("postgres"):
        raise SettingError(
            "database_replica_url", "requires a postgresql:// URL in TENANTRY_DATABASE_URL"
        )
    _check_database_password(settings)
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise SettingError(
            missing, "is required: set TENANTRY_TLS_CERT and TENANTRY_TLS_KEY together"
        )
    if settings.smtp_url and not settings.mail_from:
        raise SettingError(
            "mail_from", "is required with TENANTRY_SMTP_URL: set the sender's address"
        )
    if settings.console_oidc_issuer and not settings.console_oidc_client_id:
        raise SettingError(
            "console_oidc_client_id", "is required with TENANTRY_CONSOLE_OIDC_ISSUER"
        )
    if settings.metrics_listen.rpartition(":")[2] == str(settings.port):
        raise SettingError("metrics_listen", "must use a different port than TENANTRY_LISTEN")
    check_sessions(settings)
    return settings


def _texts(
    environ: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, Path], dict[str, str]]:
    """Return the text of each given setting, the files of secrets, and the source of each text.

    The environment has precedence over ``tenantry.toml``, also for the file of a secret.
    """
    in_environment = {
        variable.removeprefix(PREFIX).lower(): text
        for variable, text in environ.items()
        if variable.startswith(PREFIX) and variable not in _OTHER_VARIABLES
    }
    texts: dict[str, str] = {}
    files: dict[str, Path] = {}
    sources: dict[str, str] = {}
    config, in_file = _read_file(environ)
    for given, where, source in (
        (in_file, " (in tenantry.toml)", str(config.absolute())),
        (in_environment, "", ""),
    ):
        here, named = _sorted(given, where)
        sources |= {name: source or PREFIX + name.upper() for name in here}
        sources |= {name: source or PREFIX + name.upper() + FILE for name in named}
        for name in here:
            files.pop(name, None)
        texts |= here
        files |= named
    for name, path in files.items():
        try:
            texts[name] = secret_files.read(path)
        except ValueError as problem:
            raise SettingError(f"{name}{FILE}", str(problem)) from None
    return texts, files, _inherited_sources(environ[SOURCES]) if SOURCES in environ else sources


def _inherited_sources(text: str) -> dict[str, str]:
    """Return the sources that the parent process passes: it passes every setting as a variable."""
    try:
        return {str(name): str(source) for name, source in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise SettingError("sources", "is set by the server for its worker processes") from None


def _sorted(given: Mapping[str, str], where: str) -> tuple[dict[str, str], dict[str, Path]]:
    """Return texts and file names, by the names of their settings."""
    known = {f.name: f for f in declared()}
    texts: dict[str, str] = {}
    files: dict[str, Path] = {}
    for name, text in given.items():
        of = name.removesuffix(FILE.lower())
        if name in known:
            texts[name] = text
        elif of not in known or not known[of].metadata["secret"]:
            raise SettingError(name, f"is not a setting{where}")
        elif text:
            files[of] = Path(text).expanduser().absolute()
    for name in files:
        if texts.pop(name, ""):
            raise SettingError(
                name, f"is also set by {PREFIX}{name.upper()}{FILE}: unset one of them{where}"
            )
    return texts, files


def _check_database_password(settings: Settings) -> None:
    if not settings.database_password:
        return
    scheme, _, rest = settings.database_url.partition("://")
    if scheme not in {"postgresql", "postgres"}:
        raise SettingError(
            "database_password", "requires a postgresql:// URL in TENANTRY_DATABASE_URL"
        )
    # Not by urlsplit, which newer versions of Python let refuse a list of hosts in brackets.
    authority, _, query = rest.partition("?")
    login = authority.partition("/")[0].rpartition("@")[0]
    user, colon, _ = login.partition(":")
    if not user:
        raise SettingError("database_password", "requires a user name in TENANTRY_DATABASE_URL")
    if colon or "password" in dict(parse_qsl(query)):
        raise SettingError(
            "database_password", "is also in TENANTRY_DATABASE_URL: remove one of them"
        )


def _development(settings: Settings) -> bool:
    """Return whether the server runs in development mode.

    By default, it does if only this machine can reach it. Development mode shows email to everyone,
    so a public host rejects it, even if a copied settings file enables it.
    """
    asked: bool | None = settings.development
    if asked is None:
        return settings.is_local and not settings.smtp_url and not settings.trusted_proxies
    host = urlsplit(settings.public_url).hostname or ""
    if asked and is_public_host(host):
        raise SettingError(
            "development", f"cannot be true with the public host {host} in TENANTRY_PUBLIC_URL"
        )
    return asked


def check_sessions(settings: Settings) -> None:
    """Check that access tokens expire before either timeout of their session.

    Raises:
        SettingError: they do not.

    """
    token, idle = settings.access_token_minutes, settings.session_idle_minutes
    absolute = settings.session_absolute_minutes
    if absolute <= token:
        raise SettingError(
            "session_absolute_minutes", f"must be greater than access_token_minutes ({token})"
        )
    if idle and idle <= token:
        raise SettingError(
            "session_idle_minutes", f"must be greater than access_token_minutes ({token}), or 0"
        )
    if idle >= absolute:
        raise SettingError(
            "session_idle_minutes", f"must be less than session_absolute_minutes ({absolute})"
        )


# Set by `tenantry env` or by the server for its workers: not settings.
_OTHER_VARIABLES = {PREFIX + "CA", PREFIX + "CONFIG", PREFIX + "LAUNCHER", SOURCES}


def _read_file(environ: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """Return the path and the texts of the settings file; it may be absent unless it is named."""
    named = environ.get(PREFIX + "CONFIG")
    path = Path(named or "tenantry.toml")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingError("config", f"file not found: {named!r}") from None
        return path, {}
    except (ValueError, OSError) as problem:
        raise SettingError("config", f"{path} cannot be read: {problem}") from None
    return path, {
        name: spelled(tuple(value) if isinstance(value, list) else value)
        for name, value in content.items()
    }
