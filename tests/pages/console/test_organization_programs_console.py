"""API keys and clients of one organization, on its pages of the console."""

from __future__ import annotations

import html
import re

import pytest
from operators_at_work import OPERATOR, enter, texts
from wires import ApiError

from tenantry.identity.operators.model import READER


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


@pytest.fixture
async def place(make):
    """The organization, and the path of its programs."""
    organization = await make.organization()
    return organization["id"], f"/console/organizations/{organization['id']}/programs"


def shown(page, id_="secret"):
    """A value that a page shows to be copied."""
    (found,) = re.findall(rf'<code id="{id_}"[^>]*>([^<]+)</code>', page)
    return html.unescape(found)


async def test_an_api_key_is_made_shown_once_and_revoked(browser, place, make, api):
    id_, path = place
    user = await make.user(id_)
    made = await browser.post(
        f"{path}/keys/create", description="Nightly import", user_id=user["id"], days="7"
    )
    assert made.status_code == 200, made.text[-500:]
    assert made.headers["cache-control"] == "no-store"
    key = shown(made.text)
    found = (await api.tokens.validate_token(token=key))["token_info"]
    assert (found["organization_id"], found["user_id"]) == (id_, user["id"])
    assert found["expiry"]
    page = await browser.get(path)
    assert key not in page
    assert f'href="/console/api-keys/{found["token_id"]}"' in page
    assert user["email"] in page
    page = await browser.send(f"{path}/keys/{found['token_id']}/revoke")
    assert "Revoked." in page
    assert found["token_id"] not in page
    with pytest.raises(ApiError):
        await api.tokens.validate_token(token=key)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"days": "0"}, "days"),
        ({"days": "soon"}, "days"),
        ({"days": "40000"}, "days"),
        ({"user_id": "usr_1"}, "user_id"),
        ({"description": "x" * 256}, "description"),
    ],
)
async def test_a_key_that_cannot_be_made_is_told_beside_its_field(browser, place, fields, wrong):
    _, path = place
    page = await browser.send(f"{path}/keys/create", **fields)
    assert f'id="{wrong}-problem"' in page
    assert f'value="{fields[wrong]}"' in page
    assert '<details class="dialog" open>' in page
    assert "No API keys" in page


async def test_a_key_of_another_organization_is_not_there(browser, place, make, api):
    other = await make.organization()
    made = await api.tokens.create_token(token={"organization_id": other["id"]})
    answer = await browser.post(f"{place[1]}/keys/{made['token_id']}/revoke")
    assert answer.status_code == 404
    assert await api.tokens.validate_token(token=made["token"])


async def test_a_client_from_its_making_to_its_end(browser, place, api, http):
    id_, path = place
    made = await browser.post(
        f"{path}/clients/create", name="Warehouse", description="Syncs", scopes="a:read\na:write"
    )
    assert made.status_code == 200, made.text[-500:]
    client_id, secret = shown(made.text, "client-id"), shown(made.text)
    at = f"{path}/clients/{client_id}"
    assert f'href="{at}"' in await browser.get(path)

    async def signs_in(secret):
        form = {"grant_type": "client_credentials", "client_id": client_id}
        answer = await http.post("/oauth/token", data={**form, "client_secret": secret})
        return answer.status_code == 200

    assert await signs_in(secret)
    page = await browser.send(
        f"{at}/update",
        name="Warehouse sync",
        description="Syncs",
        scopes="a:read",
        audience="https://api.acme.example",
        expiry="900",
    )
    assert "Changes saved." in page
    found = await api.clients.get_organization_client(organization_id=id_, client_id=client_id)
    client = found["client"]
    assert (client["name"], client["scopes"]) == ("Warehouse sync", ["a:read"])
    assert client["audience"] == ["https://api.acme.example"]
    assert int(client["expiry"]) == 900

    made = await browser.post(f"{at}/secrets/create", days="30", replaces="true")
    assert made.status_code == 200, made.text[-500:]
    assert made.headers["cache-control"] == "no-store"
    other = shown(made.text)
    assert await signs_in(secret)
    assert await signs_in(other)
    page = await browser.get(at)
    assert other not in page
    first, second = re.findall(r"/secrets/(sec_\d+)/delete", page)
    page = await browser.send(f"{at}/secrets/{first}/delete")
    assert first not in page
    found = await api.clients.get_organization_client(organization_id=id_, client_id=client_id)
    assert [one["id"] for one in found["client"]["secrets"]] == [second]
    assert 'role="alert"' in await browser.send(f"{at}/secrets/{second}/delete")  # the last one
    assert await browser.lands(f"{at}/delete") == path
    await browser.get(at, status=404)


async def test_what_a_client_cannot_be_is_told_beside_its_field(browser, place, make):
    id_, path = place
    page = await browser.send(f"{path}/clients/create", name=" ", description="Kept")
    assert 'id="client-name-problem"' in page
    assert 'value="Kept"' in page
    client_id, _ = await make.client(id_, name="Reports", scopes=["a:read"])
    at = f"{path}/clients/{client_id}"
    for fields, wrong in (
        ({"name": "x" * 129}, "name"),
        ({"name": "Reports", "expiry": "12"}, "expiry"),
        ({"name": "Reports", "expiry": "soon"}, "expiry"),
        ({"name": "Reports", "scopes": ""}, "scopes"),
        ({"name": ""}, "name"),
    ):
        assert f'id="{wrong}-problem"' in await browser.send(f"{at}/update", **fields), fields
    assert 'id="days-problem"' in await browser.send(f"{at}/secrets/create", days="-1")
    assert "a:read" in texts(await browser.get(at))


async def test_a_client_of_another_organization_is_not_there(browser, place, make):
    client_id, _ = await make.client((await make.organization())["id"])
    at = f"{place[1]}/clients/{client_id}"
    await browser.get(at, status=404)
    for form in ("update", "delete", "secrets/create", "secrets/sec_1/delete"):
        assert (await browser.post(f"{at}/{form}", name="Taken")).status_code == 404, form


async def test_both_lists_page_by_themselves(browser, place, make, api):
    id_, path = place
    for number in range(21):
        await make.client(id_, name=f"Client {number:02}")
        await api.tokens.create_token(
            token={"organization_id": id_, "description": f"Key {number:02}"}
        )
    page = await browser.get(path)
    onward = [html.unescape(one) for one in re.findall(r'rel="next" href="([^"]+)"', page)]
    assert len(onward) == 2
    of_clients = texts(await browser.get(onward[0]))
    assert "Client 00" in of_clients
    assert "Client 20" not in of_clients
    assert "Key 20" in of_clients
    of_keys = await browser.get(onward[1])
    assert "Key 00" in texts(of_keys)
    assert "Client 20" in texts(of_keys)
    further = [html.unescape(one) for one in re.findall(r'rel="next" href="([^"]+)"', of_keys)]
    both = texts(await browser.get(further[0]))
    assert "Client 00" in both
    assert "Key 00" in both


async def test_a_reader_makes_nothing(http, database, place, make):
    id_, path = place
    reader = await enter(http, database, READER)
    client_id, _ = await make.client(id_)
    at = f"{path}/clients/{client_id}"
    for form in (
        *(f"{path}/keys/create", f"{path}/keys/apit_1/revoke", f"{path}/clients/create"),
        *(f"{at}/update", f"{at}/secrets/create", f"{at}/secrets/sec_1/delete", f"{at}/delete"),
    ):
        assert (await reader.post(form, name="X")).status_code == 403, form
    assert 'method="post"' not in (await reader.get(at)).partition("<main")[2]
