"""The addresses and URLs that the guarded client refuses."""

from __future__ import annotations

import ipaddress

import pytest

from tenantry.core import addresses
from tenantry.net.outgoing import check_url

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1
203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1
64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 3fff::1 5f00::1 fc00::1
fd00:ec2::254 fe80::1 fec0::1 ff02::1 ff0e::1
"""
PUBLIC = (
    "1.1.1.1 8.8.8.8 100.63.255.255 172.32.0.1 223.255.255.254 2606:4700::1111 2a00::1 "
    "::ffff:8.8.8.8 64:ff9b::8.8.8.8"
)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_an_address_that_is_not_public_is_refused(address):
    assert addresses.is_refused(ipaddress.ip_address(address), [])
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ValueError, match=r"must have a public address"):
        check_url(f"https://{host}/x", ())


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_is_not_refused(address):
    assert not addresses.is_refused(ipaddress.ip_address(address), [])
    host = f"[{address}]" if ":" in address else address
    assert check_url(f"https://{host}/x", ()) == f"https://{host}/x"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/", "must be a URL such as"),
        ("file:///etc/passwd", "must be a URL such as"),
        ("gopher://example.com/", "must be a URL such as"),
        ("javascript:alert(1)", "must be a URL such as"),
        ("//example.com/", "must be a URL such as"),
        ("example.com", "must be a URL such as"),
        ("", "must be a URL such as"),
        ("https://", "must be a URL such as"),
        ("https:///x", "must be a URL such as"),
        ("https://[::1", "must be a URL such as"),
        ("https://example.com:99999/", "must be a URL such as"),
        ("https://example.com:0/", "must have a port"),
        ("http://example.com/", "must start with https://"),
        ("https://user:pw@example.com/", "must not contain a user"),
        ("https://user@example.com/", "must not contain a user"),
        ("https://example.com/#x", "must not have a fragment"),
        ("https://example.com/ x", "must not contain spaces"),
        ("https://example.com/\r\nHost: x", "must not contain spaces"),
        ("https://example.com\\@127.0.0.1/", "must not contain spaces"),
        ("https://example.com/\x00", "must not contain spaces"),
        ("https://example.com/" + "x" * 2048, "must have at most 2048 characters"),
        ("https://localhost/", "must have a public address"),
        ("https://LOCALHOST./", "must have a public address"),
        ("https://a.localhost/", "must have a public address"),
        ("https://127.0.0.1./", "must have a public address"),
        ("https://１２７.0.0.1/", "must have a public address"),
        ("https://127。0。0。1/", "must have a public address"),
        ("https://[::ffff:7f00:1]/", "must have a public address"),
        ("https://2130706433/", "usual form"),
        ("https://0x7f000001/", "usual form"),
        ("https://0x7f.1/", "usual form"),
        ("https://0177.0.0.1/", "usual form"),
        ("https://127.1/", "usual form"),
        ("https://[fe80::1%25eth0]/", "must have"),
    ],
)
def test_a_url_that_nothing_may_be_sent_to_says_why(url, why):
    with pytest.raises(ValueError, match=why):
        check_url(url, ())


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a/b?c=d%20e",
        "HTTPS://Example.com/",
        "https://bücher.example/",
        "https://123.example.com/",
    ],
)
def test_a_url_is_returned_as_it_was_given(url):
    assert check_url(url, ()) == url
