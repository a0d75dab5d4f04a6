"""The time that scoring a password takes, whatever its characters."""

from __future__ import annotations

from itertools import cycle, islice

import pytest
from zxcvbn import matching

from tenantry.identity.authenticators.passwords import guessable

ALL_SUBSTITUTES = "".join(
    dict.fromkeys(one for subs in matching.L33T_TABLE.values() for one in subs)
)


@pytest.fixture
def lookups(monkeypatch):
    """The passwords that zxcvbn looks up in its dictionaries."""
    found = []
    real = matching.dictionary_match

    def look_up(password, _ranked_dictionaries):
        found.append(password)
        return real(password, _ranked_dictionaries)

    monkeypatch.setattr(matching, "dictionary_match", look_up)
    return found


@pytest.mark.parametrize("length", [20, 72, 128])
def test_substitutions_of_letters_are_tried_for_a_limited_length(lookups, length):
    password = "".join(islice(cycle(ALL_SUBSTITUTES), length))
    assert guessable.score(password, ()) == 4
    assert sum(len(one) ** 2 for one in lookups) < 60_000


def test_other_passwords_are_scored_whole(lookups):
    password = "lantern osprey gravel " * 3
    guessable.score(password, ())
    assert password in lookups
