"""The total below a list: its format in each language, and the lower bound of a slow search."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from apis import unique
from operators_at_work import OPERATOR, enter, texts

from tenantry.db.search import paging, terms
from tenantry.web import words
from tenantry.web.rendering import environment


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


@pytest.mark.parametrize(
    ("language", "exact", "said"),
    [
        ("en", True, "100,005 total"),
        ("de", True, "100.005 insgesamt"),
        ("en", False, "At least 100,005 total"),
    ],
)
def test_a_total_has_separators_in_the_language_of_the_reader(language, exact, said):
    template = environment().from_string(
        '{% import "console/templates/tenants.html" as tenants %}{{ tenants.total(t, visit, n) }}'
    )
    visit = SimpleNamespace(api=SimpleNamespace(are_totals_exact=exact))
    page = template.render(t=words.of("console", language), visit=visit, n=100_005)
    assert texts(page.replace("<bdi>", "").replace("</bdi>", "")).strip() == said


async def test_a_search_that_is_not_counted_in_time_shows_a_lower_bound(browser, make, monkeypatch):
    mark = unique()
    for _ in range(3):
        await make.organization(f"Acme {mark}")
    page = texts(await browser.get(f"/console/organizations?query={mark}"))
    assert " 3 total" in page

    async def count(*_: object, **__: object) -> terms.Total:
        return terms.Total(3, is_exact=False)

    monkeypatch.setattr(paging, "FEW", 0)  # few matches are always counted
    monkeypatch.setattr(terms.Terms, "count", count)
    page = texts(await browser.get(f"/console/organizations?query={mark}"))
    assert "At least 3 total" in page
