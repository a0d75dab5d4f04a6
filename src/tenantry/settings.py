"""Every setting: its name, type, default and one line of help.

A setting is read from the environment (``TENANTRY_LISTEN``), else from ``tenantry.toml`` in the
working directory or where ``TENANTRY_CONFIG`` points (``listen = "..."``), else it is the default.
Plain dataclass on purpose: it is read by every process at start, and a settings library costs
more time to import than all the rest of the command line (docs/decisions/0003-settings.md).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tenantry.addresses import is_public_host, is_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "TENANTRY_"


class SettingError(ValueError):
    """A setting cannot be used; the text is one line that names it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{PREFIX}{name.upper()}: {problem}")


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not HOST:PORT")
    ip_address(host.strip("[]"))
    return text


def _public_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"https", "http"} or not url.hostname:
        raise ValueError(f"{text!r} is not an http(s) URL")
    if url.path.strip("/") or url.query or url.fragment or url.username:
        raise ValueError(f"{text!r} must be scheme, host and port only")
    if url.port == 0:  # a port that is none raises here
        raise ValueError("the port cannot be 0")
    # Clients compare every URL that we return with theirs, character by character.
    default = {"https": ":443", "http": ":80"}[url.scheme]
    return text.rstrip("/").removesuffix(default)


def _database_url(text: str) -> str:
    scheme = urlsplit(text).scheme
    if text and scheme not in {"postgresql", "postgres", "sqlite"}:
        raise ValueError("must start with postgresql:// or sqlite:///")
    if scheme == "sqlite":
        place = text.removeprefix("sqlite:///")
        if place == text or not place or Path(place).is_dir():
            raise ValueError("must name a file, as sqlite:///folder/tenantry.db or sqlite:////...")
    pooler = dict(parse_qsl(text.partition("?")[2], keep_blank_values=True)).get("pgbouncer")
    if pooler not in {None, "session", "transaction"}:
        raise ValueError("?pgbouncer= is session or transaction, as its pool_mode")
    return text


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return parse


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _master_key(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raw = b""
    if text and len(raw) != 32:
        raise ValueError("is not 32 bytes in base64 (make one: openssl rand -base64 32)")
    return text


def _resolvers(text: str) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in servers:
        _listen(server)
    return servers


def _txt_label(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", text):
        raise ValueError(f"{text!r} is not one label of a domain name, in lower case")
    return text


def _file(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(f"no file at {text!r}")
    return path


def _folder(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise ValueError(f"no folder at {text!r}")
    return path


def _smtp_url(text: str) -> str:
    if not text:
        return text
    url = urlsplit(text)  # what is wrong with it is said without it: it holds a password
    if url.scheme not in {"smtp", "smtps"} or not url.hostname:
        raise ValueError("is not smtp://HOST:PORT or smtps://HOST:PORT")
    odd = " " in url.netloc or not url.netloc.isprintable()
    if odd or url.path.strip("/") or url.fragment:
        raise ValueError("must be scheme, user, password, host and port only")
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port is not from 1 to 65535")
    if (url.username is None) != (url.password is None):
        raise ValueError("user and password are set together (percent-encoded)")
    if url.query and (url.query != "starttls=no" or url.scheme != "smtp"):
        raise ValueError("only smtp:// takes an option, ?starttls=no")
    if url.query and url.password:
        raise ValueError("a password is never sent without TLS: leave ?starttls=no out")
    return text


# "Name <address>" or the address alone. The name is written as it is meant, without quotes.
_MAILBOX = re.compile(r"""(?:[^<>"@\x00-\x1f\x7f]+<([^<>]+)>|([^<>]+))""")
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


def _mailbox(text: str) -> str:
    if text:
        parts = _MAILBOX.fullmatch(text)
        if parts is None or not _ADDRESS.fullmatch(parts[1] or parts[2]):
            raise ValueError(f"{text!r} is not an address such as Example <no-reply@example.com>")
    return text


def _networks(text: str) -> tuple[str, ...]:
    return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())


def _schedule(text: str) -> tuple[int, ...]:
    waits = tuple(part.strip() for part in text.split(","))
    most = 7 * 24 * 3600
    if not 1 <= len(waits) <= 20 or not all(w.isdecimal() and int(w) <= most for w in waits):
        raise ValueError(f"{text!r} is not up to 20 numbers of seconds, separated by commas")
    return tuple(int(wait) for wait in waits)


_STREAM_SCHEMES = {
    "file",
    "syslog+udp",
    "syslog+tcp",
    "syslog+tls",
    "otlp+http",
    "otlp+https",
}


def _log_streams(text: str) -> tuple[str, ...]:
    streams = tuple(part for part in re.split(r"[,\s]+", text) if part)
    for stream in streams:
        scheme = urlsplit(stream).scheme
        if scheme not in _STREAM_SCHEMES:
            raise ValueError(f"{scheme!r} is not one of {', '.join(sorted(_STREAM_SCHEMES))}")
    return streams


_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")


def _rate(text: str) -> str:
    if text and not _RATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a rate such as 100/minute")
    return text


def _line(text: str) -> str:
    if len(text) > 100 or not text.isprintable():
        raise ValueError("must be one line of at most 100 characters")
    return text


def _logo(text: str) -> str:
    if text and not re.fullmatch(
        r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[\w.~!$&()*+,;=:@%/-]*)?", text
    ):
        raise ValueError(f"{text!r} is not an https URL without a query")
    return text


def _color(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{text!r} is not a colour such as #1f5eff")
    return text


def _some_of(*words: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if not found or not set(found) <= set(words):
            raise ValueError(f"{text!r} is not one or more of {', '.join(words)}")
        return found

    return parse


def _redis_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in {"redis", "rediss"} or not urlsplit(text).hostname):
        raise ValueError("must start with redis:// or rediss:// and name a host")
    return text


def _token_prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]{1,14}_", text):
        raise ValueError(f"{text!r} is not 2 to 15 lower-case letters and digits, then _")
    return text


def _switch(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in words:
        raise ValueError(f"{text!r} is not true or false")
    return words[text.lower()]


def _switch_or_automatic(text: str) -> bool | None:
    return _switch(text) if text else None


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(o.strip().rstrip("/") for o in text.split(",") if o.strip())
    for origin in origins:
        url = urlsplit(origin)
        if url.scheme not in {"https", "http"} or not url.hostname or url.path or url.query:
            raise ValueError(f"{origin!r} is not an origin such as https://app.example.com")
    return origins


def _setting(default: str, parse: Callable[[str], Any], help_: str, *, secret: bool = False) -> Any:
    """Declare one setting: its default as text, how text becomes its value, one line of help."""
    return field(metadata={"default": default, "parse": parse, "help": help_, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process, checked."""

    listen: str = _setting(
        "127.0.0.1:8443", _listen, "Address and port that every wire is served on."
    )
    public_url: str = _setting(
        "https://localhost:8443",
        _public_url,
        "The URL that clients use: issuer of tokens and start of every URL in an answer.",
    )
    data_dir: Path = _setting(
        "./data",
        lambda text: Path(text).expanduser(),
        "Folder of the SQLite database, the certificates and the master key.",
    )
    database_url: str = _setting(
        "",
        _database_url,
        "postgresql://user:password@host/name, or empty for SQLite in the data folder. By way of "
        "PgBouncer with ?pgbouncer=session or ?pgbouncer=transaction.",
        secret=True,
    )
    tls_cert: Path | None = _setting(
        "", _file, "Certificate chain in PEM; empty for one from our own private CA."
    )
    tls_key: Path | None = _setting("", _file, "Private key in PEM that belongs to the chain.")
    cleartext: bool = _setting(
        "true",
        _switch,
        "Also answer HTTP without TLS on the same port; from addresses outside loopback only "
        "when the public URL is http:// (a TLS proxy in front).",
    )
    workers: int = _setting(
        "1", _count(1, 64), "Server processes that share the port; one for each core is enough."
    )
    drain_seconds: int = _setting(
        "2",
        _count(0, 300),
        "Seconds that a server which got SIGTERM goes on answering while /readyz is 503 and "
        "clients are asked to leave; more than a balancer takes to notice.",
    )
    background: bool = _setting(
        "true",
        _switch,
        "The server also does the work of `tenantry worker`: it sends mail and looks up domains.",
    )
    master_key: str = _setting(
        "",
        _master_key,
        "32 bytes in base64 that wrap the key of all secrets at rest; empty for a file in the "
        "data folder.",
        secret=True,
    )
    region: str = _setting(
        "US", _one_of("US", "EU"), "Region code of every organization in this deployment."
    )
    cors_origins: tuple[str, ...] = _setting(
        "", _origins, "Origins, separated by commas, whose pages may call the API; none by default."
    )
    smtp_url: str = _setting(
        "",
        _smtp_url,
        "smtp://user:password@host:587 or smtps://..., the server that sends mail. TLS is a must "
        "outside loopback, unless ?starttls=no is added. Empty keeps mail in the database: "
        "`tenantry mail list`.",
        secret=True,
    )
    mail_from: str = _setting(
        "", _mailbox, "Who mail comes from, such as `Example <no-reply@example.com>`."
    )
    mail_templates: Path | None = _setting(
        "", _folder, "Folder of mail templates that replace ours of the same names."
    )
    pool_size: int = _setting(
        "10",
        _count(1, 1000),
        "Connections to PostgreSQL that each process opens at most, TLS and cleartext together.",
    )
    invitation_days: int = _setting(
        "15", _count(1, 30), "Days until an invitation that nobody accepts expires."
    )
    block_disposable_emails: bool = _setting(
        "false", _switch, "Refuse to invite or add people with a disposable e-mail address."
    )
    block_public_emails: bool = _setting(
        "false",
        _switch,
        "Refuse to invite or add people with an address of a public mail provider.",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        "",
        _networks,
        "Networks in CIDR notation, separated by commas, whose X-Forwarded-For names the client.",
    )
    rate_limit_client: str = _setting(
        "",
        _rate,
        "Calls that one client may make, such as 6000/minute; no limit when empty.",
    )
    rate_limit_address: str = _setting(
        "",
        _rate,
        "Requests that may come from one address, such as 1000/second; no limit when empty.",
    )
    rate_limit_token: str = _setting(
        "",
        _rate,
        "Access tokens that one client may get, such as 60/minute; no limit when empty.",
    )
    rate_limit_failures: str = _setting(
        "100/minute",
        _rate,
        "Wrong client credentials from one address that are looked at; right ones always are.",
    )
    rate_limit_sign_ins: str = _setting(
        "600/minute",
        _rate,
        "Sign-ins that may begin from one network without a session; no limit when empty.",
    )
    rate_limit_storage: str = _setting(
        "",
        _redis_url,
        "redis://host:6379 where all processes count together; each by itself when empty.",
        secret=True,
    )
    visible_metadata: tuple[str, ...] = _setting(
        "",
        lambda text: tuple(key.strip() for key in text.split(",") if key.strip()),
        "Keys, separated by commas, of the metadata of organizations, memberships and users that "
        "signed-in people and the admin portal may read by the API; none by default.",
    )
    application_api_access: bool = _setting(
        "true",
        _switch,
        "The secret of a new application may call the whole management API where its creation "
        "does not say; false is safer, but Scalekit's Python SDK does not start with one then.",
    )
    token_events: str = _setting(
        "first",
        _one_of("none", "first", "all"),
        "Which access tokens leave an event: none, the first of a client on each day, or all.",
    )
    api_token_prefix: str = _setting(
        "tnat_",
        _token_prefix,
        "What every new API token begins with, for secret scanners.",
    )
    domain_txt_label: str = _setting(
        "_tenantry-domain-verification",
        _txt_label,
        "Label, in front of a domain, of the TXT record that proves who owns it.",
    )
    dns_resolver: tuple[str, ...] = _setting(
        "",
        _resolvers,
        "HOST:PORT of the DNS servers, separated by commas, that are asked for TXT records; "
        "empty for the system's.",
    )
    outgoing_allow: tuple[str, ...] = _setting(
        "",
        _networks,
        "Networks in CIDR notation, separated by commas, that webhooks may go to although they "
        "are not public, also by http://; none by default.",
    )
    webhook_retries: tuple[int, ...] = _setting(
        "0,5,300,1800,7200,18000,36000,36000",
        _schedule,
        "Seconds before each attempt of a delivery, separated by commas.",
    )
    webhook_timeout_seconds: int = _setting(
        "10", _count(1, 60), "Seconds that a webhook endpoint may take to answer."
    )
    webhook_disable_days: int = _setting(
        "5",
        _count(0, 365),
        "Days of failed attempts after which a webhook endpoint is disabled; 0 for never.",
    )
    delivery_retention_days: int = _setting(
        "30", _count(1, 3650), "Days that webhook deliveries which have ended are kept."
    )
    event_retention_days: int = _setting(
        "400", _count(0, 36500), "Days that events are kept; 0 for ever."
    )
    log_streams: tuple[str, ...] = _setting(
        "",
        _log_streams,
        "URLs, separated by commas, that every event is copied to: file:///path, "
        "syslog+tcp://host:601, syslog+udp://, syslog+tls://, otlp+https://host/v1/logs.",
        secret=True,
    )
    app_name: str = _setting(
        "", _line, "Name of the product, on the sign-in pages and in their mail; none when empty."
    )
    app_logo_url: str = _setting("", _logo, "https:// URL of its logo on the sign-in pages.")
    app_color: str = _setting(
        "#1f5eff", _color, "Colour of the buttons on the sign-in pages, such as #1f5eff."
    )
    support_email: str = _setting(
        "", _mailbox, "Who people may write to when they cannot sign in; shown on the pages."
    )
    sign_in_methods: tuple[str, ...] = _setting(
        "email,passkey",
        _some_of("email", "passkey", "password"),
        "Ways to sign in, separated by commas: email (code and link), passkey, password.",
    )
    sign_up: bool = _setting(
        "true", _switch, "People whom nobody invited may sign up and found an organization."
    )
    organizations_per_user: int = _setting(
        "10", _count(0, 1000), "Organizations that one person may found by sign-up; 0 for any."
    )
    email_code_seconds: int = _setting(
        "300", _count(60, 3600), "Seconds that a code or link sent by mail is good to sign in."
    )
    email_same_browser: bool = _setting(
        "true", _switch, "A link sent by mail signs in only in the browser that asked for it."
    )
    breached_passwords: Path | None = _setting(
        "",
        _file,
        "File of SHA-1 hashes in upper-case hex, sorted, one a line (HASH or HASH:COUNT), of "
        "passwords that nobody may choose.",
    )
    passkey_origins: tuple[str, ...] = _setting(
        "",
        _origins,
        "Further origins, separated by commas, whose pages may use the passkeys of this one.",
    )
    access_token_minutes: int = _setting(
        "5", _count(1, 1440), "Minutes that the access token of a person is good."
    )
    compact_tokens: bool = _setting(
        "true",
        _switch,
        "Tokens of a person fit into a cookie: many permissions and a long profile are left out.",
    )
    fresh_sign_in_minutes: int = _setting(
        "10",
        _count(1, 1440),
        "Minutes after a sign-in in which a person may change how they sign in; after them they "
        "show once more who they are.",
    )
    session_absolute_minutes: int = _setting(
        "480", _count(2, 525_600), "Minutes after which a session ends in any case."
    )
    session_idle_minutes: int = _setting(
        "0", _count(0, 10_080), "Minutes without activity after which a session ends; 0 for never."
    )
    session_cookie_persistent: bool = _setting(
        "true", _switch, "The session outlives the browser: its cookie has an age."
    )
    session_cookie_same_site: str = _setting(
        "lax", _one_of("lax", "none"), "SameSite of the session's cookie: lax or none."
    )
    auth_log_retention_days: int = _setting(
        "90", _count(1, 3650), "Days that sign-ins and ended sessions are kept."
    )
    alert_mail: str = _setting(
        "",
        _mailbox,
        "Who is told by mail that a webhook endpoint was disabled; nobody when empty.",
    )
    log_level: str = _setting(
        "info",
        _one_of("debug", "info", "warning", "error"),
        "How much is logged: debug, info, warning or error.",
    )
    development: bool = _setting(
        "",
        _switch_or_automatic,
        "Show mail that was not sent at /dev/mail, and its codes and links in the log. Empty: on "
        "where public URL and address are this machine's own and no mail server is set; true is "
        "refused on a public name.",
    )

    @property
    def host(self) -> str:
        """The address part of ``listen``."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of ``listen``."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it: its URL and its address are the machine's."""
        url = urlsplit(self.public_url)
        return is_this_machine(url.hostname or "") and ip_address(self.host).is_loopback

    @property
    def database(self) -> str:
        """The database's URL, the default one spelled out."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'tenantry.db').resolve()}"

    def table(self) -> list[tuple[str, str, str, str]]:
        """Rows of (environment name, value with secrets hidden, default, help)."""
        rows = []
        for f in fields(self):
            value = getattr(self, f.name)
            shown = "(set)" if f.metadata["secret"] and value else _text(value)
            rows.append((PREFIX + f.name.upper(), shown, f.metadata["default"], f.metadata["help"]))
        return rows

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a process started by this one."""
        return {PREFIX + f.name.upper(): _text(getattr(self, f.name)) for f in fields(self)}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check all settings.

    Raises:
        SettingError: a value cannot be used, or ``tenantry.toml`` names an unknown setting.

    """
    known = {f.name: f for f in fields(Settings)}
    from_file = _read_file(environ)
    for name in from_file:
        if name not in known:
            raise SettingError(name, "is not a setting (in tenantry.toml)")
    for variable in environ:
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and name not in known and variable not in _OTHER_VARIABLES:
            raise SettingError(name, "is not a setting")
    values = {}
    for name, f in known.items():
        text = environ.get(PREFIX + name.upper(), from_file.get(name, f.metadata["default"]))
        try:
            values[name] = f.metadata["parse"](text)
        except (ValueError, RuntimeError, OSError) as problem:
            # pathlib: no such user's home, a name too long
            raise SettingError(name, str(problem)) from None
    settings = Settings(**values)
    settings = replace(settings, development=_development(settings))
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise SettingError(missing, "is needed too: certificate and key are set together")
    if settings.smtp_url and not settings.mail_from:
        raise SettingError("mail_from", "is needed too: mail servers ask who mail comes from")
    _check_sessions(settings)
    return settings


def _development(settings: Settings) -> bool:
    """Return whether it is a server for development: by itself only where nobody else comes.

    Mail is shown to whoever asks: a name that others reach never has it, not even when a file of
    settings that says so was copied there. A proxy in front is for others, too.
    """
    asked: bool | None = settings.development
    if asked is None:
        return settings.is_local and not settings.smtp_url and not settings.trusted_proxies
    host = urlsplit(settings.public_url).hostname or ""
    if asked and is_public_host(host):
        raise SettingError("development", f"cannot be true where others reach it, as {host}")
    return asked


def _check_sessions(settings: Settings) -> None:
    """Let an access token end before its session does, by either timeout."""
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
        name: _text(tuple(value) if isinstance(value, list) else value)
        for name, value in content.items()
    }
