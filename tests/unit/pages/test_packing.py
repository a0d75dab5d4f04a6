"""Pages in gzip: for clients that take it, and never where they may show a part of the request."""

from __future__ import annotations

import gzip

import pytest

from tenantry.net.http import Request, Response
from tenantry.web.compression import LEAST, compress

PAGE = "<p>Acme</p>" * LEAST


def ask(verb="GET", query="", accepts="gzip, br", status=200, page=PAGE):
    headers = {"accept-encoding": accepts} if accepts else {}
    response = Response.html(page, status)
    compress(Request(verb, "/console", query, headers, b"", "req_1"), response)
    return response


def test_a_page_is_packed_for_a_client_that_takes_it():
    found = ask()
    assert found.headers["content-encoding"] == "gzip"
    assert found.headers["vary"] == "accept-encoding"
    assert len(found.body) < len(PAGE) / 5
    assert gzip.decompress(found.body).decode() == PAGE


@pytest.mark.parametrize("accepts", ["", "br", "gzip;q=0", "identity"])
def test_another_client_gets_the_page_as_it_is(accepts):
    found = ask(accepts=accepts)
    assert "content-encoding" not in found.headers
    assert found.headers["vary"] == "accept-encoding"
    assert found.body == PAGE.encode()


@pytest.mark.parametrize(
    "asked",
    [{"query": "query=acme"}, {"verb": "POST"}, {"status": 404}, {"page": "short"}],
)
def test_what_could_show_something_brought_and_what_is_short_are_not_packed(asked):
    assert "content-encoding" not in ask(**asked).headers
