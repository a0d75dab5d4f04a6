"""Filters of the console's lists: each value that a page offers is requested once.

The values are read off the pages themselves, so a new filter is tried without a line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

import lxml.html
import page_servers
import pytest
from operators_at_work import Browser, enter
from page_servers import CONSOLE
from wires import over_https

if TYPE_CHECKING:
    from collections.abc import Iterator

# A value for a field of a filter, by its type.
_TYPED = {"date": "2026-01-05", "email": "ada@example.com", "number": "1"}


@pytest.fixture(scope="module")
async def page_server(start_server):
    async with page_servers.furnished(
        start_server("filters", **page_servers.SETTINGS)
    ) as furnished:
        yield furnished


@dataclass
class Shown:
    """A page, at the path and query by which it was asked for."""

    address: str
    page: lxml.html.HtmlElement

    @property
    def rows(self) -> set[str]:
        """The objects that its tables list."""
        return set(self.page.xpath('//main//tbody//th[@scope="row"]//a/@href'))

    @property
    def has_more(self) -> bool:
        return bool(self.page.xpath('//main//a[@rel="next"]'))

    @property
    def problems(self) -> list[str]:
        return [one.text_content() for one in self.page.xpath('//main//*[@role="alert"]')]

    def offered(self) -> Iterator[str]:
        """Every address that its tabs, its links to itself and its filters lead to."""
        for link in self.page.xpath("//main//nav[@class='tabs']//a/@href"):
            yield urljoin(self.address, link)
        here = urlsplit(self.address).path
        for link in self.page.xpath("//main//a[contains(@href, '?')]/@href"):
            if urlsplit(address := urljoin(self.address, link)).path == here:
                yield address
        for form in self.page.xpath("//main//form[@method='get']"):
            action = urljoin(self.address, form.get("action") or "")
            for name, value in self._values(form):
                yield f"{action}?{urlencode({name: value})}"

    @staticmethod
    def _values(form: lxml.html.HtmlElement) -> Iterator[tuple[str, str]]:
        for select in form.xpath(".//select[@name]"):
            for option in select.xpath(".//option"):
                yield select.get("name"), option.get("value", option.text_content())
        for field in form.xpath(".//input[@name]"):
            kind = field.get("type", "text")
            typed = field.get("value", "") if kind in {"hidden", "checkbox", "radio"} else ""
            yield field.get("name"), typed or _TYPED.get(kind, "acme")


async def shown(browser: Browser, address: str) -> Shown:
    answer = await browser.http.get(address, headers={"cookie": browser.cookie})
    assert answer.status_code == 200, (address, answer.status_code, answer.text[-800:])
    return Shown(address, lxml.html.fromstring(answer.text))


@pytest.mark.thorough
async def test_every_value_of_every_filter_that_a_page_offers_is_answered(page_server):
    pages = [
        listed_page
        for listed_page in page_server.listed_pages
        if listed_page.site == CONSOLE and listed_page.path not in {"/console", "/console/product"}
    ]
    seen = {listed_page.path for listed_page in pages}
    async with over_https(page_server.place.server) as http:
        for listed_page in pages:
            browser = Browser(http, "; ".join(f"{n}={v}" for n, v in listed_page.cookies.items()))
            whole = await shown(browser, listed_page.path)
            found = [address for address in whole.offered() if address not in seen]
            for address in dict.fromkeys(found):
                seen.add(address)
                filtered = await shown(browser, address)
                assert not filtered.problems, (address, filtered.problems)
                of_this_list = urlsplit(address).path == urlsplit(listed_page.path).path
                if not of_this_list or "page_token" in address or whole.has_more:
                    continue
                if not filtered.rows <= whole.rows:  # a worker may have made one more
                    whole = await shown(browser, listed_page.path)
                    assert whole.has_more or filtered.rows <= whole.rows, address
    assert len(seen) > len(pages) + 150


async def test_applications_are_listed_whole_and_by_type(http, database, rest):
    owner = await enter(http, database)
    made = {"ENV": ""}
    for type_ in ("WEB_APP", "SPA", "NTV"):
        new = {"name": f"One {type_}", "client_type": type_}
        made[type_] = (await rest.clients.create_client(client=new))["client"]["id"]
    first = await shown(owner, "/console/applications")
    tabs = dict.fromkeys(first.page.xpath("//main//nav[@class='tabs']//a/@href"))
    types = {address.partition("type=")[2] for address in tabs if "type=" in address}
    assert types == made.keys()  # a client of an organization is on the organization's page
    everything = await all_rows(owner, "/console/applications")
    parts = {type_: await all_rows(owner, f"/console/applications?type={type_}") for type_ in types}
    assert everything == set().union(*parts.values())
    assert sum(map(len, parts.values())) == len(everything)
    for type_, id_ in made.items():
        assert parts[type_]
        assert not id_ or f"/console/applications/{id_}" in parts[type_]
    offered = first.page.xpath("//main//select[@id='client_type']//option/@value")
    assert set(offered) == types - {"ENV"}
    for type_ in offered:
        path = await owner.lands("/console/applications/create", name="New", client_type=type_)
        assert path in await all_rows(owner, f"/console/applications?type={type_}")


async def all_rows(browser: Browser, address: str) -> set[str]:
    """The rows of a list, with those of its further pages."""
    page = await shown(browser, address)
    rows = page.rows
    while onward := page.page.xpath('//main//a[@rel="next"]/@href'):
        page = await shown(browser, urljoin(address, onward[0]))
        rows |= page.rows
    return rows
