"""The checks of `tenantry doctor`: the requirements of a start, each with its remedy."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import os
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenantry import server
from tenantry import settings as settings_module
from tenantry.doctor.database import check_clock, check_database, check_event_log
from tenantry.doctor.findings import Finding, Problem
from tenantry.i18n.languages import LANGUAGES
from tenantry.net import domain_names
from tenantry.server import certificates, envoy
from tenantry.settings import SettingError, tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.settings import Settings

# Variables of an invitation email, with and without its optional parts.
_INVITATION: dict[str, Any] = {
    "organization_name": "Acme",
    "expire_time": 1_767_225_600_000_000,
    "link": "https://localhost/invitations/token",
}
_CASES: list[dict[str, Any]] = [
    {**_INVITATION, "inviter_email": "jane@acme.example", "reminder": False},
    {**_INVITATION, "inviter_email": None, "reminder": True},
]
_SIGNING_IN = {
    "app_name": "Acme",
    "app_logo_url": "https://localhost/logo.png",
    "app_support_email": "help@acme.example",
    "organization_name": "Acme",
    "user_email": "jane@acme.example",
    "otp": "123456",
    "link": "https://localhost/login/areq_1/link?link_token=token",
    "expire_time": _INVITATION["expire_time"],
    "expiry_time": _INVITATION["expire_time"],
    "expiry_time_relative": "5 minutes",
}
_HAPPENED = {
    **_SIGNING_IN,
    "activity": "passkey_added",
    "change_time": _INVITATION["expire_time"],
    "name": "Pixel 9",
    "browser": "Firefox",
    "os": "Linux",
    "address": "192.0.2.1",
    "not_me_link": "https://localhost/not-me/token",
}


def examine() -> list[Finding]:
    """Run all checks; invalid settings end the list."""
    try:
        settings = settings_module.load()
    except SettingError as problem:
        return [Finding("settings", ok=False, text=str(problem), advice="see docs/settings.md")]
    read = Finding("settings", ok=True, text="all are valid; --settings prints them")
    return [read, *(_run(*check, settings) for check in _CHECKS)]


def _run(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, ok=True, text=check(settings))
    except Problem as problem:
        return Finding(name, ok=False, text=problem.text, advice=problem.advice)


def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir.absolute()
    if not folder.exists():
        return f"{folder} does not exist yet; the first start creates it"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise Problem(f"this user cannot write to {folder}", "chown it to the server's user")
    if folder.stat().st_mode & 0o077:
        raise Problem(f"other users can access {folder}", f"chmod 700 {folder}")
    secrets = ("master.key", "credentials.json", "tls/ca-key.pem", "tls/server-key.pem")
    for path in (folder / name for name in secrets):
        if path.exists() and path.stat().st_mode & 0o077:
            raise Problem(f"other users can read {path}", f"chmod 600 {path}")
    return f"only this user can access {folder}"


def _mail(settings: Settings) -> str:
    from tenantry.events.email import rendering
    from tenantry.identity.authenticators.passwordless import emails as passwordless
    from tenantry.identity.security_notices import service as security_notices
    from tenantry.tenants.memberships import invitations

    templates = rendering.Templates(settings.mail_templates, settings.mail_language)
    cases = [(invitations.TEMPLATE, variables) for variables in _CASES]
    cases += [(name, _SIGNING_IN) for name in passwordless.TEMPLATES]
    cases += [(name, _HAPPENED) for name in security_notices.TEMPLATES]
    folder = settings.mail_templates
    own = [each for each in LANGUAGES if folder is not None and (folder / each).is_dir()]
    for language, (name, variables) in itertools.product((settings.mail_language, *own), cases):
        try:
            templates.render(name, {**variables, "user_language": language})
        except rendering.RenderError as problem:
            # The application passes further variables to these (template_variables).
            if name in passwordless.TEMPLATES and str(problem).endswith("is undefined"):
                continue
            raise Problem(str(problem), "correct that file in TENANTRY_MAIL_TEMPLATES") from None
    host = urlsplit(settings.smtp_url).hostname if settings.smtp_url else None
    return (
        f"sent through {host}" if host else "stored in the database; TENANTRY_SMTP_URL is not set"
    )


def _certificate(settings: Settings) -> str:
    from cryptography import x509

    files = certificates.files(settings)
    ours = files.ca is not None
    if ours and not files.chain.exists():
        return "does not exist yet; the first start creates it"
    try:
        certificates.check_pair(files)
        chain = x509.load_pem_x509_certificates(files.chain.read_bytes())
    except (SettingError, OSError, ValueError) as problem:
        advice = (
            f"delete {files.chain.parent} and restart the server"
            if ours
            else "set TENANTRY_TLS_CERT to a certificate chain and TENANTRY_TLS_KEY to its key"
        )
        raise Problem(str(problem), advice) from None
    advice = "restart the server to renew it" if ours else "renew it"
    now, leaf = datetime.now(UTC), chain[0]
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise Problem(
            f"valid only from {leaf.not_valid_before_utc:%Y-%m-%d} "
            f"to {leaf.not_valid_after_utc:%Y-%m-%d}",
            advice,
        )
    host = urlsplit(settings.public_url).hostname or ""
    if not _is_for(leaf, host):
        raise Problem(f"not valid for {host}, the host of TENANTRY_PUBLIC_URL", advice)
    days = (leaf.not_valid_after_utc - now).days
    if days < certificates.RENEW_DAYS / 2:
        raise Problem(f"expires in {days} days", advice)
    return f"valid for {host}, expires in {days} days"


def _is_for(leaf: Any, host: str) -> bool:
    from cryptography import x509

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    host = domain_names.to_ascii(host)
    dns_names = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    return host in dns_names or f"*.{host.partition('.')[2]}" in dns_names


def _libpython(_settings: Settings) -> str:
    try:
        variables = envoy.embedding()
    except envoy.StartError as problem:
        text, _, advice = str(problem).partition(": ")
        raise Problem(text, advice) from None
    return variables.get("LD_PRELOAD") or variables["DYLD_INSERT_LIBRARIES"]


def _address(settings: Settings) -> str:
    try:
        server.check_address(settings)
    except SettingError as problem:
        if not _answers(settings):
            raise Problem(str(problem), "or stop the program that listens there") from None
        return f"a Tenantry server responds on {settings.listen}"
    return f"{settings.listen} is free"


def _metrics(settings: Settings) -> str:
    if not settings.metrics_listen:
        return "disabled; TENANTRY_METRICS_LISTEN is empty"
    try:
        server.check_metrics_address(settings)
    except SettingError as problem:
        raise Problem(str(problem), "or stop the program that listens there") from None
    host = ipaddress.ip_address(settings.metrics_listen.rpartition(":")[0].strip("[]"))
    if not (host.is_loopback or settings.metrics_token):
        raise Problem(
            f"other machines may reach {settings.metrics_listen} without a token",
            "set TENANTRY_METRICS_TOKEN, or listen on loopback",
        )
    return f"at http://{settings.metrics_listen}/metrics"


def _traces(settings: Settings) -> str:
    try:
        tracing.check(settings)
    except SettingError as problem:
        raise Problem(str(problem), 'see "Traces" in docs/observability.md') from None
    if not tracing.is_wanted(settings):
        return "not sent; no collector is configured"
    return "the OpenTelemetry variables are valid"


def _answers(settings: Settings) -> bool:
    """Return whether the listener responds as a Tenantry server."""
    host = server.reachable(settings.host)
    shown = f"[{host}]" if ":" in host else host
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE  # only its presence matters
    try:
        with urllib.request.urlopen(
            f"https://{shown}:{settings.port}/healthz", timeout=3, context=trusting
        ) as response:
            return bool(response.status == 200 and "x-request-id" in response.headers)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _outgoing(settings: Settings) -> str:
    from tenantry.crypto import master_key
    from tenantry.db import copies
    from tenantry.db.connecting import OpenError
    from tenantry.db.opening import open_database

    unknown = "not checked: the database is not available"

    async def look(key: master_key.MasterKey) -> str | None:
        async with open_database(settings.database, key, pool_size=1) as db:
            return await copies.held(db)

    try:
        key = master_key.find(settings)
        reason = asyncio.run(look(key)) if key is not None else None
    except (OpenError, SettingError):
        return unknown
    if key is None:
        return unknown
    if reason is not None:
        raise Problem(
            f"outgoing email, webhooks, log streams and logout notifications are held: {reason}",
            "run `tenantry restore --go` to resume them",
        )
    return "not held"


def _watches(_settings: Settings) -> str:
    try:
        server.check_watches(1)
    except envoy.StartError as problem:
        text, _, advice = str(problem).partition(": ")
        raise Problem(text, advice) from None
    return "files can be watched for changes"


_CHECKS: list[tuple[str, Callable[[Settings], str]]] = [
    ("libpython", _libpython),
    ("watches", _watches),
    ("data folder", _data_folder),
    ("database", check_database),
    ("event log", check_event_log),
    ("outgoing", _outgoing),
    ("mail", _mail),
    ("certificate", _certificate),
    ("clock", check_clock),
    ("metrics", _metrics),
    ("traces", _traces),
    ("address", _address),
]
