"""The console's page of token claims: kept, tried out, switched, deleted."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from apis import unique
from operators_at_work import OPERATOR, enter, texts
from wires import ApiError

from tenantry.identity.operators.model import READER

PATH = "/console/token-claims"


@pytest.fixture
async def browser(http, database, rest):
    """An operator with the role that changes things; the template is gone when the test ends."""
    yield await enter(http, database, OPERATOR)
    with suppress(ApiError):
        await rest.interceptors.delete_token_template()


async def kept(rest):
    return (await rest.interceptors.get_token_template())["config"]


async def test_one_is_kept_by_lines_and_shown_by_them(browser, rest):
    assert "disable" not in await browser.get(PATH)
    lines = (
        "plan = organization.metadata.plan ?? 'a=b'\n\nis_gold = organization.name == 'Gold'\nn = 3"
    )
    assert await browser.lands(f"{PATH}/keep", template=lines) == PATH
    assert (await kept(rest))["template"] == {
        "plan": "organization.metadata.plan ?? 'a=b'",
        "is_gold": "organization.name == 'Gold'",
        "n": "3",
    }
    page = texts(await browser.get(PATH))
    assert "plan = organization.metadata.plan ?? 'a=b'" in page
    assert "user.current_membership.roles" in page
    await browser.send(f"{PATH}/disable")
    assert not (await kept(rest)).get("enabled", False)
    await browser.send(f"{PATH}/enable")
    assert (await kept(rest))["enabled"] is True
    await browser.send(f"{PATH}/delete")
    with pytest.raises(ApiError):
        await kept(rest)


async def test_objects_are_kept_as_json(browser, rest):
    content = '{"app": {"plan": "organization.metadata.plan", "level": 3}}'
    assert await browser.lands(f"{PATH}/keep", template=content) == PATH
    assert (await kept(rest))["template"] == {
        "app": {"plan": "organization.metadata.plan", "level": 3}
    }
    assert '"level": 3' in texts(await browser.get(PATH))


async def sent(browser, verb, **form: str):
    """The page that a form leads to."""
    if verb == "keep":  # a long one is answered at once: no address has room for it
        answer = await browser.post(f"{PATH}/keep", **form)
        where = answer.headers.get("location")
        return answer.text if where is None else await browser.get(where)
    return await browser.get(f"{PATH}?{urlencode(form)}")


@pytest.mark.parametrize("verb", ["keep", "preview"])
@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("plan = organization.metdata", "template.plan: at character 14"),
        ("sub = user.id", "is a reserved claim"),
        ("plan", "a name, = and a value"),
        ("a = 1\na = 2", "more than once"),
        ("{", "is not valid JSON"),
        ('{"a": "1", "a": "2"}', "is not valid JSON"),
        ("{" + '"a":{' * 100, "is not valid JSON"),
        ("{}", "must have at least one claim"),
        ("<script>alert(1)</script> = 1", "must have a name of"),
        (
            "\n".join(f"a{n} = user.metadata.{'x' * 200}" for n in range(29)) + "\nz = (",
            "a variable",
        ),
    ],
)
async def test_what_is_wrong_is_told_beside_it_and_what_was_typed_stays(
    browser, make, verb, template, says
):
    user = await make.user()
    page = await sent(browser, verb, template=template, user_id=user["id"])
    assert says in texts(page)
    assert 'id="template-problem"' in page
    assert " ".join(template.split()) in texts(page)
    assert "<script>alert" not in page


async def test_a_preview_shows_it_for_a_person(browser, make, rest):
    organization = await make.organization(metadata={"plan": "gold"})
    user = await make.user(organization["id"])
    form = {"template": "plan = organization.metadata.plan\nregion = user.metadata.region"}
    page = texts(await sent(browser, "preview", **form, user_id=user["id"]))
    assert '"plan": "gold"' in page
    assert "region" in page.partition("do not fit:")[2][:40]
    assert f'"sub": "{user["id"]}"' in page
    with pytest.raises(ApiError):
        await kept(rest)
    strange = f"usr_{'1' * 19}"
    for wrong, says in ((strange, "No user has this ID."), ("", "user_id"), ("ada", "user_id")):
        page = await sent(browser, "preview", **form, user_id=wrong)
        assert says in texts(page), wrong
        assert 'id="user_id-problem"' in page
    other = (await make.organization(unique()))["id"]
    page = await sent(browser, "preview", **form, user_id=user["id"], organization_id=other)
    assert 'id="organization_id-problem"' in page


async def test_a_reader_sees_it_and_no_form(http, database, rest, browser):
    await rest.interceptors.upsert_token_template(template={"plan": "'gold'"})
    reader = await enter(http, database, READER)
    page = await reader.get(PATH)
    assert "plan = 'gold'" in texts(page)
    assert f"{PATH}/keep" not in page
