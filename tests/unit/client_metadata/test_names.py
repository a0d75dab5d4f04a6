"""Names that third parties give themselves."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.access.client_metadata import names


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Claude Code", "Claude Code"),
        ("  Claude \n\t Code ", "Claude Code"),
        ("Claude\u202eedoC", "ClaudeedoC"),
        ("Cl\u200baude\u00ad", "Claude"),
        ("Ｃｌａｕｄｅ", "Claude"),
        ("Zoë", "Zoë"),
        ("日本語クライアント", "日本語クライアント"),
        ("", "MCP client"),
        (None, "MCP client"),
        ("\u200b\u202e", "MCP client"),
        ("…!?", "MCP client"),
        ("a" + "\u0336" * 40, "a\u0336\u0336"),
    ],
)
def test_clean(given, shown):
    assert names.clean(given) == shown


def test_a_long_name_is_shortened():
    shown = names.clean("A" * 5000)
    assert len(shown) == 128
    assert shown.endswith("…")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Claude", False),
        ("Сlaude", True),  # a Cyrillic letter first
        ("Claudе", True),  # one last
        ("СОРЕ", True),  # nothing but doubles
        ("Клиент", False),
        ("Zoë Müller 2", False),
        ("Αlpha", True),
        ("日本語 Client", False),
        ("42", False),
    ],
)
def test_names_that_imitate_others(name, expected):
    assert names.is_confusable(name) is expected


@given(st.text())
def test_any_name_is_one_visible_line(text):
    shown = names.clean(text)
    assert 1 <= len(shown) <= 128
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert shown == shown.strip()
