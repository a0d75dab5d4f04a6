"""docs/social-sign-in.md says what the rows say, and its samples make a connection that serves."""

from __future__ import annotations

import html
import json
import re

from repository import ROOT
from wires import over_https

from tenantry.identity.connections.providers.social_providers import PROVIDERS

PAGE = (ROOT / "docs" / "social-sign-in.md").read_text(encoding="utf-8")


def test_the_table_has_every_provider_as_its_row_is():
    rows = {
        cells[0].strip("` "): [cell.strip() for cell in cells[1:]]
        for line in re.findall(r"^\| `[A-Z].*\|$", PAGE, re.MULTILINE)
        if (cells := line.strip("|").split("|"))
    }
    assert rows.keys() == PROVIDERS.keys()
    for name, (scopes, who, verified) in rows.items():
        row = PROVIDERS[name]
        assert scopes == f"`{' '.join(row.scopes)}`", name
        assert f"`{row.issuer or row.user_info_uri}`" in who, name
        assert (row.email_verified or row.emails_path) in verified, name


async def test_the_samples_make_a_connection_that_sends_people_there(place, application, visitor):
    created, changed = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    async with over_https(place.server) as http:
        http.headers = dict(place.api.headers)
        answer = await http.post("/api/v1/connections", json=created)
        made = answer.json()["connection"]
        at = f"/api/v1/connections/{made['id']}"
        assert made["oauth_config"]["redirect_uri"] == (
            f"{place.server.url}/sso/v1/oauth/{made['id']}/callback"
        )
        answer = await http.patch(at, json=changed)
        assert answer.status_code == 200, answer.text
        assert answer.json()["connection"]["status"] == "COMPLETED"
        assert (await http.patch(f"{at}:enable")).json()["enabled"] is True
        await visitor.begin(application)
        page = await visitor.page()
        (begin,) = re.findall(rf'href="(/sso/v1/oauth/{made["id"]}/start[^"]*)"', page.text)
        sent = await visitor.get(html.unescape(begin))
        assert sent.headers["location"].startswith("https://github.com/login/oauth/authorize?")
        assert (await http.delete(at)).status_code == 200
