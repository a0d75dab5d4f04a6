"""The URLs of TENANTRY_LOG_STREAMS: taken apart, and refused in words that hold no secret."""

from __future__ import annotations

import pytest

from tenantry.events.log_streams.targets import Target, parse, parse_all


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (
            "file:///var/log/tenantry/events.ndjson",
            Target(
                "file:///var/log/tenantry/events.ndjson",
                "file",
                path="/var/log/tenantry/events.ndjson",
            ),
        ),
        ("file:///a%20b", Target("file:///a%20b", "file", path="/a b")),
        ("syslog+udp://h", Target("syslog+udp://h:514", "syslog+udp", "h", 514)),
        ("syslog+tcp://h/", Target("syslog+tcp://h:601", "syslog+tcp", "h", 601)),
        ("syslog+tls://h", Target("syslog+tls://h:6514", "syslog+tls", "h", 6514)),
        ("syslog+tcp://[::1]:9", Target("syslog+tcp://[::1]:9", "syslog+tcp", "::1", 9)),
        (
            "otlp+http://h",
            Target("otlp+http://h:4318/v1/logs", "otlp+http", "h", 4318, "/v1/logs"),
        ),
        (
            "otlp+https://h:443/otlp/logs?header.Authorization=Basic%20YTpi+/=&header.x-scope=a",
            Target(
                "otlp+https://h:443/otlp/logs",
                "otlp+https",
                "h",
                443,
                "/otlp/logs",
                {"Authorization": "Basic YTpi+/=", "x-scope": "a"},
            ),
        ),
    ],
)
def test_a_url_is_taken_apart(url, target):
    assert parse(url) == target


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file://host/s3cret", "must be the absolute path"),
        ("file:s3cret", "must be the absolute path"),
        ("file:///tmp", "names a folder"),
        ("file:///tmp/s3cret/", "names a folder"),
        ("file:///tmp/a?s3cret=1", "must not have options"),
        ("http://s3cret@h", "does not begin with one of file, syslog"),
        ("syslog+udp://", "needs a host"),
        ("syslog+udp://h:0", "needs a host, and a port from 1"),
        ("syslog+udp://h:s3cret", "a port from 1 to 65535"),
        ("syslog+udp://[h", "is not a URL with a host"),
        ("syslog+udp://h#s3cret", "no fragment"),
        ("syslog+udp://me:s3cret@h", "have no user"),
        ("syslog+tcp://h/s3cret", "no path"),
        ("syslog+tcp://h?ca=s3cret", "must not have options"),
        ("syslog+tls://h?ca=/s3cret", "a file that is not there as ca"),
        ("syslog+tls://h?header.a=s3cret", "only the options ca, cert, key, each once"),
        ("otlp+http://me:s3cret@h", "give a header"),
        ("otlp+http://h?s3cret=1", "only the options header.NAME, each once"),
        ("otlp+http://h?header.a=s3cret&header.a=2", "each once"),
        ("otlp+http://h?header.a=s3cret%0d%0ab", "a value of header.a that is not printable"),
        ("otlp+http://h?header.a%0db=s3cret", "names a header that cannot be sent"),
        ("otlp+http://h?header.Host=s3cret", "names a header that cannot be sent"),
        ("otlp+http://h?header.=s3cret", "names a header that cannot be sent"),
        ("otlp+http://h/\x01s3cret", "must be percent-encoded"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_quoted(url, says):
    with pytest.raises(ValueError) as refusal:
        parse_all(["syslog+udp://h:9", url])
    assert str(refusal.value).startswith("URL 2 ")
    assert says in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_key_needs_its_certificate(tmp_path):
    (tmp_path / "key.pem").touch()
    with pytest.raises(ValueError, match="a key without its cert"):
        parse(f"syslog+tls://h?key={tmp_path / 'key.pem'}")


def test_one_place_cannot_have_two_streams():
    with pytest.raises(
        ValueError, match=r"URL 2 is the same place .* otlp\+http://h:4318/v1/logs$"
    ):
        parse_all(["otlp+http://h?header.a=1", "otlp+http://h:4318/v1/logs?header.a=2"])


def test_a_printed_target_shows_no_header():
    assert "s3cret" not in repr(parse("otlp+http://h?header.a=s3cret"))
