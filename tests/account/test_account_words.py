"""Each language says everything, with the same values in it, and nothing that no page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tenantry.doors.account
from tenantry.doors.account import words

FOLDER = Path(tenantry.doors.account.__file__).parent
ENGLISH = words.of("en").sentences


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_language_says_everything(language):
    sentences = words.of(language).sentences
    assert sentences.keys() == ENGLISH.keys()
    for key, sentence in sentences.items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", ENGLISH[key]))


def test_every_sentence_is_shown_somewhere():
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (*FOLDER.glob("*.py"), *FOLDER.glob("templates/*.html"))
    )
    # Of messages, the name is put together.
    built = re.compile(r"(closed|gone|not_same_origin|limited|busy|broken|refused)\.|\w+\.done_")
    unused = [key for key in ENGLISH if f'"{key}"' not in sources and f"'{key}'" not in sources]
    assert [key for key in unused if not built.match(key)] == []


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("fr, de;q=0.8, en", "de"),
        ("en-GB,de", "en"),
        ("fr", "en"),
        ("", "en"),
        ("*;q=x,,;", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_a_browser_gets_the_first_language_that_there_is(accepted, language):
    assert words.choose(accepted).language == language
