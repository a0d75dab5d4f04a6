"""A background that an operator writes in CSS: colors, gradients and our pictures, no more.

It is what `background` takes (https://www.w3.org/TR/css-backgrounds-3/#background), and is written
into a style sheet of pages where passwords are typed. So all that it may hold is listed, by kinds
of token; anything else would be able to end the declaration, load from elsewhere, or run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tinycss2
from tinycss2 import color4

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 1000  # characters, counted before anything is parsed
# No backslash, so no escape; nothing to end a declaration, a rule or an element.
_CHARACTERS = re.compile(r"[A-Za-z0-9#%(),./ \t\r\n'\"_+-]*")
_PICTURE = re.compile(r"/assets/ast_[0-9]{1,24}\.(?:png|jpg)")
_GRADIENTS = {
    f"{repeating}{kind}-gradient"
    for repeating in ("", "repeating-")
    for kind in ("linear", "radial", "conic")
}
_COLORS = {"rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch"}
_WORDS = frozenset(
    [
        "none",
        "transparent",
        "left",
        "right",
        "top",
        "bottom",
        "center",
        "cover",
        "contain",
        "auto",
        "repeat",
        "repeat-x",
        "repeat-y",
        "no-repeat",
        "space",
        "round",
        "scroll",
        "fixed",
        "local",
        "border-box",
        "padding-box",
        "content-box",
    ]
)
_WORDS_OF_GRADIENTS = frozenset(
    [
        "to",
        "at",
        "from",
        "in",
        "left",
        "right",
        "top",
        "bottom",
        "center",
        "circle",
        "ellipse",
        "closest-side",
        "closest-corner",
        "farthest-side",
        "farthest-corner",
        "transparent",
        "srgb",
        "srgb-linear",
        "oklab",
        "oklch",
        "hsl",
        "lab",
        "lch",
        "longer",
        "shorter",
        "increasing",
        "decreasing",
        "hue",
    ]
)
_WORDS_OF_COLORS = frozenset({"none"})
_MOST_BRACKETS = 80  # the parser goes down into each that is within another
_UNITS = frozenset(
    [
        "px",
        "em",
        "rem",
        "vw",
        "vh",
        "vmin",
        "vmax",
        "svh",
        "lvh",
        "dvh",
        "cm",
        "mm",
        "in",
        "pt",
        "pc",
        "deg",
        "rad",
        "grad",
        "turn",
    ]
)


def checked(text: str) -> str:
    """Return a background as it may stand in a Tenantry style sheet, spelled anew.

    Raises:
        ValueError: it is too long, or something in it is not allowed, which is named.

    """
    if len(text) > MOST:
        raise ValueError(f"must have at most {MOST} characters")
    if not _CHARACTERS.fullmatch(text) or "/*" in text or "//" in text:
        raise ValueError(
            "has a character that is not allowed in colors, gradients and uploaded pictures"
        )
    if text.count("(") > _MOST_BRACKETS:
        raise ValueError(f"must have at most {_MOST_BRACKETS} parentheses")
    tokens = tinycss2.parse_component_value_list(text)
    _check(tokens, _WORDS, within="")
    spelled: str = tinycss2.serialize(tokens)
    return " ".join(spelled.split())


def _check(tokens: Iterable[Any], words: frozenset[str], *, within: str) -> None:
    """Let these tokens be, or raise ``ValueError``; ``within`` is the function that they are in."""
    for token in tokens:
        kind = token.type
        if kind == "whitespace" or (kind == "literal" and token.value in {",", "/"}):
            continue
        if kind in {"number", "percentage"} or (kind == "dimension" and _is_length(token)):
            continue
        if kind == "ident" and (token.lower_value in words or _is_color(token, within)):
            continue
        if kind == "hash" and _is_color(token, within):
            continue
        if kind == "function":
            _check_function(token, within)
            continue
        if kind == "url" and not within:
            _check_picture(token.value)
            continue
        raise ValueError(f"{tinycss2.serialize([token])[:60]!r} is not allowed in a background")


def _check_function(token: Any, within: str) -> None:
    name = token.lower_name
    if name in _GRADIENTS and not within:
        _check(token.arguments, _WORDS_OF_GRADIENTS, within=name)
    elif name in _COLORS and within not in _COLORS:
        _check(token.arguments, _WORDS_OF_COLORS, within=name)
    elif name == "url" and not within:
        given = [each for each in token.arguments if each.type != "whitespace"]
        if len(given) != 1 or given[0].type != "string":
            raise ValueError("url() must have one URL")
        _check_picture(given[0].value)
    else:
        raise ValueError(f"{name[:40]}() is not allowed in a background")


def _check_picture(address: str) -> None:
    if not _PICTURE.fullmatch(address):
        raise ValueError("url() must be an uploaded picture, /assets/...")


def _is_length(token: Any) -> bool:
    return token.lower_unit in _UNITS


def _is_color(token: Any, within: str) -> bool:
    """Whether a token names a color by itself, and may do so where it stands."""
    if within in _COLORS:
        return False
    try:
        return color4.parse_color(token) not in {None, "currentcolor"}
    except (ValueError, TypeError):
        return False
