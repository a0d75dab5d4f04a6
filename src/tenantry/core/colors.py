"""Colors such as #1f5eff: how well one can be seen on another (WCAG 2.2)."""

from __future__ import annotations

# Red, green and blue, 0 to 255.
Color = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
# Contrast from which a part of a page stands out of its ground (section 1.4.11).
STANDS_OUT = 3.0


def parse(text: str) -> Color:
    """Return the color of a text such as #1f5eff."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def spelled(color: Color) -> str:
    """Return the text of a color."""
    return f"#{bytes(color).hex()}"


def text_on(ground: Color) -> Color:
    """Return black or white, whichever can be read better on a ground.

    One of them always has a contrast of 4.5 (section 1.4.3).
    """
    return max((WHITE, BLACK), key=lambda each: contrast(ground, each))


def mix(color: Color, other: Color, part: float) -> Color:
    """Return a color with a part of another, 0 to 1, in it."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(color, other, strict=True))
    return red, green, blue


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colors, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    """Return the relative luminance, 0 to 1."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
