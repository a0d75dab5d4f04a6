"""The console sets for how long codes and links by mail are good, and in which browser."""

from __future__ import annotations

import re

import pytest
from operators_at_work import OPERATOR, OWNER, enter
from sso_pages import problems, value_of

from tenantry.identity.operators.model import READER

AS_IT_WAS = {"email_code_seconds": "300", "email_same_browser": "true"}


@pytest.fixture
async def owner(http, database):
    return await enter(http, database, OWNER)


@pytest.fixture
async def path(owner):
    """The page of the connection by which people sign in with a mail."""
    listed = await owner.get("/console/connections/environment")
    ids = set(re.findall(r"/console/connections/(conn_\d+)", listed))
    paths = [f"/console/connections/{id_}" for id_ in ids]
    pages = {one: await owner.get(one) for one in paths}
    (found,) = (one for one, page in pages.items() if "<dd>PASSWORDLESS</dd>" in page)
    return found


async def test_codes_are_good_for_as_long_as_an_owner_says(owner, path, rest, make):
    id_ = path.rpartition("/")[2]
    try:
        page = await owner.send(f"{path}/mail", email_code_seconds="120")
        assert "Changes saved." in page
        assert value_of(page, "email_code_seconds") == "120"
        answer = await rest.connections.get_environment_connection(connection_id=id_)
        config = answer["connection"]["passwordless_config"]
        assert int(config["validity"]) == 120
        assert config["enforce_same_browser_origin"] is False
        user = await make.user()
        sent = await rest.passwordless.send_passwordless_email(email=user["email"])
        assert int(sent["expires_in"]) == 120
    finally:
        await owner.send(f"{path}/mail", **AS_IT_WAS)
    answer = await rest.connections.get_environment_connection(connection_id=id_)
    assert int(answer["connection"]["passwordless_config"]["validity"]) == 300


@pytest.mark.parametrize("typed", ["5", "soon", ""])
async def test_what_is_no_such_time_is_told_beside_its_field(owner, path, typed):
    page = await owner.send(f"{path}/mail", email_code_seconds=typed)
    assert list(problems(page)) == ["email_code_seconds"]
    assert 'name="email_same_browser" value="true" checked' not in page  # as it was typed


async def test_it_is_for_owners_alone(http, database, path):
    for role in (READER, OPERATOR):
        visitor = await enter(http, database, role)
        page = await visitor.get(path)
        assert f'{path}/mail"' not in page
        assert "LINK_OTP" in page
        assert (await visitor.post(f"{path}/mail", **AS_IT_WAS)).status_code == 403
