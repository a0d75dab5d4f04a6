"""Where traces go, and the check of OpenTelemetry's environment variables at start.

OpenTelemetry's SDK replaces a value that it cannot use by a default, or fails at each export. A
start refuses such a value instead, and names the variable. Nothing here imports the SDK.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.settings.reading import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.settings.table import Settings

_OTLP, _OTLP_TRACES = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
_MOST_SECONDS = 300.0


class WrongVariable(SettingError):
    """A variable of OpenTelemetry cannot be used; the text names it."""

    def __init__(self, name: str, problem: str) -> None:
        ValueError.__init__(self, f"{name}: {problem}")
        self.name, self.problem = name, problem


def is_wanted(settings: Settings) -> bool:
    """Return whether a collector is named, and OpenTelemetry's variables do not turn traces off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    is_otlp = (os.environ.get("OTEL_TRACES_EXPORTER") or "otlp") == "otlp"
    return bool(settings.traces_endpoint or (is_otlp and _given("ENDPOINT")[1]))


def url(settings: Settings) -> str:
    """Return the URL that the setting names, "" where it is left to OpenTelemetry's variables."""
    named = settings.traces_endpoint
    return f"{named.rstrip('/')}/v1/traces" if named and not urlsplit(named).path[1:] else named


def check(settings: Settings) -> None:
    """Check the variables of OpenTelemetry, where traces are wanted."""
    if not is_wanted(settings):
        return
    for name, text in os.environ.items():
        known = re.fullmatch(f"({_OTLP})(TRACES_)?(.*)", name)
        if not text or (known and _given(known[3])[0] != name):  # a more specific one counts
            continue
        for names, is_usable, usable in _RULES:
            if re.fullmatch(names, name) and not is_usable(text.strip()):
                raise WrongVariable(name, f"must be {usable}")
    _check_batches()
    _check_certificates()


def _given(suffix: str) -> tuple[str, str]:
    """Return the name and text of an exporter's variable; the one for traces alone goes first."""
    names = (_OTLP_TRACES + suffix, _OTLP + suffix)
    return next(((name, text) for name in names if (text := os.environ.get(name))), ("", ""))


def _check_batches() -> None:
    batch, queue = (
        int(os.environ.get(f"OTEL_BSP_{name}") or default)
        for name, default in (("MAX_EXPORT_BATCH_SIZE", 512), ("MAX_QUEUE_SIZE", 2048))
    )
    if batch > queue:
        problem = f"must be at most OTEL_BSP_MAX_QUEUE_SIZE, {queue}"
        raise WrongVariable("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", problem)


def _check_certificates() -> None:
    files = [_given(each) for each in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")]
    (trusted, trusted_file), (name, certificate), (_, key) = files
    if not (trusted or name):
        return
    import ssl

    context = ssl.create_default_context()
    try:
        if trusted:
            context.load_verify_locations(trusted_file)
    except OSError as problem:
        raise WrongVariable(trusted, f"{trusted_file} cannot be read") from problem
    try:
        if name:
            context.load_cert_chain(certificate, key or None)
    except OSError as problem:
        raise WrongVariable(name, f"{certificate} and its key cannot be read") from problem


def _of(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII | re.IGNORECASE).fullmatch


def _within(least: float, most: float) -> Callable[[str], bool]:
    def is_within(text: str) -> bool:
        with suppress(ValueError):
            return least <= float(text) <= most
        return False

    return is_within


def _is_url(text: str) -> bool:
    with suppress(ValueError):
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        return bool(is_url and re.fullmatch(r"[!-~]+", text))
    return False


_HEADER = r" *[\w-]+ *=([ !#$&-+\--:<-\[\]-~]|%[2-6][0-9a-f]|%7[0-9a-e])*"
# The names of variables, a test of their values, and its description.
_RULES: tuple[tuple[str, Callable[[str], object], str], ...] = (
    (f"{_OTLP}(TRACES_)?ENDPOINT", _is_url, "http://host:4318 or https://..."),
    (f"{_OTLP}(TRACES_)?PROTOCOL", _of("http/protobuf"), "http/protobuf: gRPC is not supported"),
    (
        f"{_OTLP}(TRACES_)?HEADERS",
        _of(f"({_HEADER}|)(,({_HEADER}|))*"),
        "name=value, percent-encoded ASCII, separated by commas",
    ),
    (f"{_OTLP}(TRACES_)?COMPRESSION", _of("none|gzip|deflate"), "none, gzip or deflate"),
    (f"{_OTLP}(TRACES_)?TIMEOUT", _within(0.001, _MOST_SECONDS), "0.001 to 300 seconds"),
    (
        "OTEL_TRACES_SAMPLER",
        _of("(parentbased_)?(always_on|always_off|traceidratio)"),
        "always_on, always_off or traceidratio, alone or after parentbased_",
    ),
    ("OTEL_TRACES_SAMPLER_ARG", _within(0, 1), "a number from 0 to 1"),
    ("OTEL_BSP_[A-Z_]+", _of(r"0*[1-9]\d{0,8}"), "a whole number above 0"),
    ("OTEL_[A-Z_]+_LIMIT", _of(r"\d{1,9}"), "a whole number"),
)
