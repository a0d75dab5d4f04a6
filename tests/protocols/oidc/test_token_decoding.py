"""`tenantry sso decode` explains tokens of OpenID Providers, too."""

from __future__ import annotations

import json

import commands
import pytest
from jwts_of_providers import NOW, id_claims, signed

from tenantry.core.times import SECOND
from tenantry.identity.connections.oidc import decoding
from tenantry.identity.connections.oidc.faults import OIDCError


def test_an_id_token_is_read_with_its_times():
    token = signed(id_claims(department=["Sales", 7], odd="\x9b2J")).encode()
    assert decoding.is_token(b"  " + token + b"\n")
    header, claims = decoding.decode(token, now=(NOW + 3600) * SECOND).sections
    assert ("Algorithm", "RS256") in header.rows
    rows = dict(claims.rows)
    assert rows["iss"] == id_claims()["iss"]
    assert rows["iat"].endswith("ago)")
    assert (rows["department"], rows["odd"]) == ('["Sales", 7]', "?2J")


@pytest.mark.parametrize("text", ["a.b", "<a/>", "PGEvPg==", "a.b.c.d.e.f", "x" * 10**6, ""])
def test_other_texts_are_no_tokens(text):
    assert not decoding.is_token(text.encode())


@pytest.mark.parametrize("text", ["a.b.c", "a.b.c.d.e", "e30.e30."])
def test_a_token_that_cannot_be_read_says_why(text):
    assert decoding.is_token(text.encode())
    with pytest.raises(OIDCError):
        decoding.decode(text.encode(), now=0)


def test_the_command_explains_a_token(tmp_path):
    (tmp_path / "token.txt").write_text(signed(id_claims()))
    done = commands.run("sso", "decode", "token.txt", cwd=tmp_path, environment={})
    assert (done.returncode, done.stderr) == (0, "")
    assert id_claims()["sub"] in done.stdout
    (tmp_path / "token.txt").write_text("a.b.c.d.e")
    refused = commands.run("sso", "decode", "token.txt", "--json", cwd=tmp_path, environment={})
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"] == "invalid_id_token"
