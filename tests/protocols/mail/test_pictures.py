"""The mail as people see it: on a phone and on a desk, in light and in dark."""

from __future__ import annotations

import looks
import pytest
from mail_servers import LINK, VARIABLES

from tenantry.events.email.rendering import Templates

HEIGHT = 760
CASES = {
    "invitation": {},
    "as long as can be": {
        "organization_name": ("Long Organization Name Incorporated " * 6)[:200],
        "inviter_email": None,
    },
    "right to left": {"organization_name": "شركة الأمل (للتجارة)"},
    "reminder": {"reminder": True, "inviter_email": None},
    "long": {
        "organization_name": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbau " * 2,
        "inviter_email": f"{'a.very.long.name.' * 3}x@department.of.a.company.example.com",
    },
}


@pytest.mark.one_of("360", "1200", "light", "dark")
@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (360, "light"),
        (1200, "dark"),
        pytest.param(360, "dark", marks=pytest.mark.thorough),
        pytest.param(1200, "light", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.parametrize("case", CASES)
async def test_it_can_be_read_and_the_button_is_in_sight(browser, tmp_path, case, width, scheme):
    variables = {**VARIABLES, "link": LINK, **CASES[case]}
    content = Templates(None).render("invitation", variables)
    page = await browser.new_page(
        viewport={"width": width, "height": HEIGHT}, color_scheme=scheme, java_script_enabled=True
    )
    await page.set_content(content.html)
    await page.screenshot(path=tmp_path / f"{case}-{width}-{scheme}.png")
    await looks.check(page)
    button = page.get_by_role("link", name="Accept invitation")
    box = await button.bounding_box()
    assert looks.within(box, width, HEIGHT)
    assert box["height"] >= 44  # a thumb
    assert await button.get_attribute("href") == LINK
    ground = await page.evaluate(looks.GROUND)
    assert ground == {"light": "rgb(243, 245, 248)", "dark": "rgb(16, 20, 26)"}[scheme]
    assert await page.title() == content.subject
    await page.close()


async def test_a_name_turns_nothing_but_itself(browser):
    """Where the words that follow a name are, seen from the left."""
    places = """() => {
      const after = document.querySelectorAll("p strong")[1].nextSibling;
      const range = document.createRange();
      return [2, 8].map(at => {
        range.setStart(after, at);
        range.setEnd(after, at + 1);
        return range.getBoundingClientRect().x;
      });
    }"""
    page = await browser.new_page(viewport={"width": 1200, "height": HEIGHT})
    for name in ("Acme", "Acme \u202emoc.live", "\u2067\u202bAcme", "شركة"):
        variables = {**VARIABLES, "link": LINK, "organization_name": name}
        await page.set_content(Templates(None).render("invitation", variables).html)
        first, later = await page.evaluate(places)
        assert first < later, name
    await page.close()


async def test_without_its_style_sheet_it_is_whole(browser):
    """Some clients drop the head, some the body's style as well."""
    content = Templates(None).render("invitation", {**VARIABLES, "link": LINK})
    body = content.html.partition("<body")[2].partition(">")[2]
    page = await browser.new_page(viewport={"width": 360, "height": HEIGHT})
    await page.set_content(f"<!doctype html><body>{body}")
    await looks.check(page)
    button = page.get_by_role("link", name="Accept invitation")
    assert looks.within(await button.bounding_box(), 360, HEIGHT)
    await page.close()
