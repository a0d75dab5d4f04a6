"""Problems of a form travel sealed: bound to a page, a browser and a time."""

from __future__ import annotations

import pytest

from tenantry.core import errors
from tenantry.core.times import MINUTE, SECOND, now
from tenantry.crypto.vault import Vault, new_data_key
from tenantry.web.forms import problems
from tenantry.web.forms.problems import NONE, Problems, decrypt, encrypt
from tenantry.web.words import of

VAULT = Vault(new_data_key())
WRONG = Problems({"code": "problem.code"}, {"email": "ann\u00e9@example.com"}, "code")
PLACE = "/login/areq_1 a secret"


@pytest.fixture
def later(monkeypatch):
    """Let so much time have gone by since the test began."""

    def go(microseconds):
        moment = now() + microseconds
        monkeypatch.setattr(problems, "now", lambda: moment)

    return go


def test_what_is_sealed_is_read_where_it_belongs():
    sealed = encrypt(WRONG, VAULT, PLACE)
    assert decrypt(sealed, VAULT, PLACE) == WRONG
    assert sealed.replace("-", "").replace("_", "").isalnum()
    for elsewhere in ("/login/areq_2 a secret", "/login/areq_1 another", "/login/areq_1", ""):
        assert decrypt(sealed, VAULT, elsewhere) is NONE
    assert decrypt(sealed, Vault(new_data_key()), PLACE) is NONE


def test_it_is_over_after_ten_minutes(later):
    sealed = encrypt(WRONG, VAULT, PLACE)
    later(9 * MINUTE)
    assert decrypt(sealed, VAULT, PLACE) == WRONG
    later(11 * MINUTE)
    assert decrypt(sealed, VAULT, PLACE) is NONE


@pytest.mark.parametrize("seconds", [30, 3600])
def test_a_wait_counts_down_and_is_over_with_its_end(later, seconds):
    limited = Problems.limited(errors.RateLimited(seconds, {}))
    sealed = encrypt(limited, VAULT, PLACE)
    assert decrypt(sealed, VAULT, PLACE).wait == seconds
    later((seconds - 10) * SECOND)
    assert 9 <= decrypt(sealed, VAULT, PLACE).wait <= 10
    later((seconds + 1) * SECOND)
    assert decrypt(sealed, VAULT, PLACE) is NONE


def test_the_words_are_those_of_the_catalogue():
    assert WRONG.said(of("login", "en"), {})["code"].startswith("This code is incorrect")
    assert WRONG.said(of("login", "de"), {})["code"].startswith("Dieser Code ist falsch")
