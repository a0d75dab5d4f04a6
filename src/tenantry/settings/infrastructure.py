"""Settings of the database, of outgoing email, of limits and of calls to other servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.i18n import languages
from tenantry.settings import values
from tenantry.settings.declaration import setting

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class InfrastructureSettings:
    """Settings of the database, of outgoing email, of limits and of calls to other servers."""

    # The database, and the key of its secrets
    database_url: str = setting(
        "",
        values.database_url,
        "postgresql://user:password@host/name, or empty for SQLite in the data folder. List the "
        "servers of a cluster as host,host:port,[::1]:port; the one that accepts writes is used. "
        "For PgBouncer, add ?pgbouncer=session or ?pgbouncer=transaction.",
        secret=True,
    )
    database_password: str = setting(
        "",
        values.secret,
        "Password for a postgresql:// URL that has a user name but no password; not "
        "percent-encoded.",
        secret=True,
    )
    database_replica_url: str = setting(
        "",
        values.replica_url,
        "postgresql:// URL of one or more standbys of the same database, for lists and searches; "
        "a read sees every change that was acknowledged before it. Uses the password of "
        "database_url if it has none.",
        secret=True,
    )
    pool_size: int = setting(
        "10",
        values.count(1, 1000),
        "Maximum number of PostgreSQL connections per process, for TLS and cleartext together.",
    )
    master_key: str = setting(
        "",
        values.master_key,
        "32 bytes in base64 that wrap the keys of all secrets at rest, or the URL of a key in a "
        "key management service: aws-kms://, gcp-kms://, vault-transit://. Empty for a file in "
        "the data folder.",
        secret=True,
    )
    master_key_command: str = setting(
        "",
        values.command,
        "Command that prints the master key, 32 bytes in base64; it runs without a shell.",
    )
    signing_key_days: int = setting(
        "90",
        values.count(0, 3650),
        "Days until token signing keys are rotated automatically; 0 for never.",
    )

    # Mail
    smtp_url: str = setting(
        "",
        values.smtp_url,
        "smtp://user:password@host:587 or smtps://..., the server that sends email. TLS is "
        "required outside loopback, unless ?starttls=no is added. When empty, email is kept in "
        "the database: `tenantry mail list`.",
        secret=True,
    )
    mail_from: str = setting(
        "", values.mailbox, "Sender of email, such as `Example <no-reply@example.com>`."
    )
    mail_templates: Path | None = setting(
        "", values.folder, "Folder of email templates that replace the built-in ones."
    )
    mail_language: str = setting(
        languages.DEFAULT,
        values.one_of(*languages.LANGUAGES),
        "Language of email to users whose language is unknown, and to TENANTRY_ALERT_MAIL: en, "
        "de, fr, es, it, nl or pt.",
    )
    alert_mail: str = setting(
        "",
        values.mailbox,
        "Address that is notified when a webhook endpoint is disabled or an identity provider's "
        "last certificate expires.",
    )

    # Limits
    memory_mb: int = setting(
        "0",
        values.count(0, 10_000_000),
        "Memory limit in MiB for all processes of this server together; they reject requests "
        "before they exceed it. 0 for nine tenths of the container's or machine's memory.",
    )
    requests_per_network: int = setting(
        "256",
        values.count(4, 1_000_000),
        "Requests that each process serves at the same time for one client network (an IPv4 "
        "address, or the /64 of an IPv6 address); more are answered 429.",
    )
    requests_per_process: int = setting(
        "4096",
        values.count(16, 1_000_000),
        "Requests that each process serves at the same time for all client networks together.",
    )
    rate_limit_client: str = setting(
        "",
        values.rate,
        "Rate limit per client, such as 6000/minute; no limit when empty.",
    )
    rate_limit_address: str = setting(
        "",
        values.rate,
        "Rate limit per address, such as 1000/second; no limit when empty.",
    )
    rate_limit_token: str = setting(
        "",
        values.rate,
        "Rate limit of access tokens per client, such as 60/minute; no limit when empty.",
    )
    rate_limit_failures: str = setting(
        "100/minute",
        values.rate,
        "Rate limit of invalid client credentials per address; valid ones are always accepted.",
    )
    rate_limit_sign_ins: str = setting(
        "600/minute",
        values.rate,
        "Rate limit of sign-ins without a session per network; no limit when empty.",
    )
    rate_limit_registrations: str = setting(
        "600/hour",
        values.rate,
        "Rate limit of new clients of resources (dynamic client registration, client ID metadata "
        "documents) per network; no limit when empty.",
    )
    rate_limit_storage: str = setting(
        "",
        values.redis_url,
        "redis://host:6379 to share rate limits between processes; per process when empty.",
        secret=True,
    )
