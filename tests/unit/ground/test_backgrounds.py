"""Backgrounds in CSS: their kinds of tokens, and that nothing gets out of one."""

from __future__ import annotations

import pytest
import tinycss2
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.settings.backgrounds import MOST, checked

PICTURE = "/assets/ast_2123312131125790.png"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("#fff", "#fff"),
        ("RebeccaPurple", "RebeccaPurple"),
        ("rgb(1 2 3 / 50%)", "rgb(1 2 3 / 50%)"),
        ("linear-gradient(120deg,#123 0%,hsl(120deg 50% 50%))", None),
        (f"url({PICTURE}) center / cover no-repeat, #123456", None),
        (f"url('{PICTURE}')", f'url("{PICTURE}")'),
        ("repeating-conic-gradient(from 45deg at 10% 20%, red, blue 30deg)", None),
        ("  red\n  ", "red"),
        ("linear-gradient(red, blue", "linear-gradient(red, blue)"),
    ],
)
def test_what_a_background_is_made_of(text, spelled):
    found = checked(text)
    assert found == (spelled or found)
    assert checked(found) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "red; color: blue",
            "red}body{display:none}",
            "red !important",
            "</style>",
            "@import 'x'",
        ),
        *("url(javascript:alert(1))", "url(https://evil.example/x)", "url(//evil.example/x)"),
        *("url(data:image/svg+xml,x)", "url(/assets/../login)", "url(/login)", f"url({PICTURE}?x)"),
        *("expression(alert(1))", "var(--brand)", "attr(title)", "env(x)", "image-set('x' 1x)"),
        *("element(#x)", "paint(x)", "cross-fade(red, blue)", "calc(1px + 2px)", "inherit"),
        *("\\72 ed", "r\\65 d", "/**/red", "red/**/;", "re/*x*/d", "ｒｅｄ", "red\0", "\u2028red"),
        *(
            "red)",
            "(red)",
            "[red]",
            "{red}",
            "'red'",
            '"red',
            "red;",
            "--x: red",
            "#12",
            "1furlong",
        ),
        *("rgb(url(x))", "linear-gradient(linear-gradient(red, blue))", "behavior: url(x)"),
        *("red <!-- x -->", "U+26", "a|b", "currentcolor", "url(", "url('"),
        "x" * (MOST + 1),
        "linear-gradient(" * 60,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"\S"):
        checked(text)


@pytest.mark.parametrize("within", ["(", "a(", "linear-gradient(", "(')'"])
@pytest.mark.parametrize("before", ["", ")" * 80])
def test_brackets_within_brackets_do_not_exhaust_the_parser(within, before):
    for most in (80, MOST // len(within)):
        with pytest.raises(ValueError, match=r"\S"):
            checked((before + within * most)[:MOST])


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [*"();{}\\/*<>!:,'\"@ \n", "red", "url(", PICTURE, "rgb(", "linear-gradient(", "#fff"]
        )
        | st.text(max_size=3),
        max_size=30,
    ).map("".join)
)
def test_one_declaration_stays_one(text):
    try:
        found = checked(text)
    except ValueError:
        return
    sheet = tinycss2.parse_stylesheet(f"body{{background:{found}}}p{{color:red}}")
    assert [rule.type for rule in sheet] == ["qualified-rule", "qualified-rule"]
    inside = tinycss2.parse_blocks_contents(sheet[0].content)
    assert [(one.type, one.name) for one in inside] == [("declaration", "background")]
