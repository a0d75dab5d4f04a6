"""Pictures that are sent: those that are taken, parts that are left out, those that are refused."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures_of_tests import JPEG, chunk, png

from tenantry.tenants.branding import pictures
from tenantry.tenants.branding.pictures import NotAPicture, cleaned

PNG, JPG = pictures.PNG, pictures.JPEG
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
SCRIPT = b"<script>alert(document.domain)</script>"


def refused(content, media_type=PNG, says=None):
    with pytest.raises(NotAPicture, match=says):
        cleaned(content, media_type)


def test_a_plain_picture_stays_as_it_is():
    assert cleaned(png(3, 5), PNG) == png(3, 5)
    again = cleaned(JPEG, JPG)
    assert cleaned(again, JPG) == again


def test_nothing_else_that_a_file_carries_is_kept():
    carried = png(2, 2, more=chunk(b"tEXt", b"x\0" + SCRIPT), after=b"PK\x03\x04" + SCRIPT)
    assert cleaned(carried, PNG) == png(2, 2)
    comment = b"\xff\xfe" + (len(SCRIPT) + 2).to_bytes(2) + SCRIPT
    exif = b"\xff\xe1" + (len(SCRIPT) + 8).to_bytes(2) + b"Exif\0\0" + SCRIPT
    carried = JPEG[:2] + comment + exif + JPEG[2:] + SCRIPT
    assert cleaned(carried, JPG) == cleaned(JPEG, JPG)


@pytest.mark.parametrize("content", [SVG, SCRIPT, b"", b"GIF89a" + SCRIPT, b"\x89PNG", b"%PDF-1.7"])
def test_another_kind_of_file_is_refused(content):
    refused(content, PNG)
    refused(content, JPG)


def test_what_it_is_said_to_be_is_what_it_is():
    refused(png(1, 1), JPG, "image/png")
    refused(JPEG, PNG, "image/jpeg")


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header():
    refused(png(60_000, 60_000, lines=b""), PNG, "pixels")
    refused(png(0, 1, lines=b""), PNG, "pixels")


def test_lines_that_never_end_are_counted_and_refused():
    bomb = png(10, 10, lines=bytes(50_000_000))
    assert len(bomb) < 100_000
    refused(bomb, PNG, "more in it")
    refused(png(10, 10, lines=bytes(109)), PNG, "incomplete")
    assert cleaned(png(10, 10, lines=bytes(110)), PNG)


@pytest.mark.parametrize(
    "content",
    [
        png(2, 2)[:-1],
        png(2, 2)[:40],
        png(2, 2).replace(b"IDAT", b"IDAU"),
        png(2, 2, more=chunk(b"ZZZZ", b"")),
        png(2, 2, more=chunk(b"PLTE", bytes(800))),
        png(2, 2, more=chunk(b"IHDR", bytes(13))),
        png(2, 2, more=chunk(b"IDAT", zlib.compress(bytes(6))) + chunk(b"gAMA", bytes(4))),
    ],
)
def test_a_broken_png_is_refused(content):
    refused(content)


@pytest.mark.parametrize("content", [JPEG[:-2], JPEG[:30], JPEG[:2] + JPEG[-2:], JPEG[:3]])
def test_a_broken_jpeg_is_refused(content):
    refused(content, JPG)


def test_a_jpeg_of_many_scans_is_refused():
    end = JPEG.rindex(b"\xff\xd9") if b"\xff\xd9" in JPEG else len(JPEG)
    scan = JPEG[JPEG.rindex(b"\xff\xda") : end]
    refused(JPEG[:end] + scan * 30 + b"\xff\xd9", JPG, "scans")


def test_a_file_that_is_too_large_is_refused():
    refused(png(1, 1, after=bytes(pictures.MAX_BYTES)), PNG, "bytes")


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_change_of_a_picture_is_taken_or_refused(data):
    whole = bytearray(data.draw(st.sampled_from([png(4, 4), JPEG])))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    for media_type in (PNG, JPG):
        try:
            clean = cleaned(bytes(whole), media_type)
        except NotAPicture:
            continue
        assert cleaned(clean, media_type) == clean
