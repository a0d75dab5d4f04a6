"""Every sentence is there in every language, and every one is used."""

from __future__ import annotations

import re
import string
from importlib.resources import files

import pytest

from tenantry.doors.login import words
from tenantry.doors.login.words import LANGUAGES, choose
from tenantry.identity.security_notices.service import ACTIVITIES

DATABASES = ("sqlite",)  # it makes no difference here

_FOLDER = files("tenantry.doors.login")
_SOURCES = [
    each.read_text()
    for folder in (_FOLDER, _FOLDER / "templates")
    for each in folder.iterdir()
    if each.name.endswith((".py", ".html"))
]
# Written out in a call; `t(key ~ ".title")` and the like are looked for by their sections.
_WRITTEN = {
    key for source in _SOURCES for key in re.findall(r"[\"']([a-z_]+\.[a-z_]+)[\"']", source)
}
_MESSAGES = {"title", "lead"}


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_say_the_same(language):
    first, other = words.of(LANGUAGES[0]).sentences, words.of(language).sentences
    assert list(first) == list(other)
    for key, sentence in first.items():
        assert fields(sentence) == fields(other[key]), key
        assert "<" not in other[key], key
        if language != LANGUAGES[0]:
            assert sentence != other[key] or key == "field.code", key


def test_all_that_is_asked_for_is_there():
    calls = [
        key
        for source in _SOURCES
        for key in re.findall(r"\b(?:t|words)(?:\.plain|\.count)?\(\"([a-z_]+\.[a-z_]+)\"", source)
    ]
    assert len(calls) > 40
    assert set(calls) <= set(words.of("en").sentences)
    messages = {
        key
        for source in _SOURCES
        for key in re.findall(r"(?:message|leaving)\(\s*request, \"([a-z_]+)\"", source)
    }
    assert len(messages) > 5
    for key in messages:
        assert words.of("en").has(f"{key}.title")


def test_all_that_is_there_is_asked_for():
    sections = {key for source in _SOURCES for key in re.findall(r"\"([a-z_]+)\"", source)}
    unused = [
        key
        for key in words.of("en").sentences
        if key not in _WRITTEN
        and not (key.split(".")[0] in sections and key.split(".")[1] in _MESSAGES)
    ]
    # `"sign_in." ~ notice`, whose values are those of the room.
    assert unused == [
        *("sign_in.not_a_member", "sign_in.authenticate_again"),
        *(f"activity.{activity}" for activity in ACTIVITIES),
    ]


@pytest.mark.parametrize(
    ("accepted", "wanted", "chosen"),
    [
        ("", (), "en"),
        ("de", (), "de"),
        ("de-AT,de;q=0.9,en;q=0.8", (), "de"),
        ("en;q=0.5, de;q=0.6", (), "de"),
        ("en;q=0.5, de;q=0", (), "en"),
        ("fr, de;q=0.1", (), "de"),
        ("fr, es", (), "en"),
        ("fr, *;q=0.5, de;q=0.1", (), "en"),
        ("DE", (), "de"),
        ("de", ("en",), "en"),
        ("en", ("fr", "de-CH"), "de"),
        ("de", ("fr",), "de"),
        ("de;q=nonsense", (), "en"),
        ("de;q=1.0001", (), "en"),
        (";;;,,,=", (), "en"),
        ("x" * 100_000 + ",de", (), "en"),
        ("de;level=1", (), "en"),
    ],
)
def test_people_get_their_language(accepted, wanted, chosen):
    assert choose(accepted, wanted).language == chosen


def test_a_value_is_text_and_turns_nothing_around():
    said = words.of("en")("organizations.lead", email="<b>\u202e{0}{who}")
    assert "<bdi>&lt;b&gt;\u202e{0}{who}</bdi>" in said


async def test_the_page_is_in_the_language_of_who_reads_it(application, place):
    async with place.visitor(**{"accept-language": "de-CH, en;q=0.5"}) as visitor:
        page = await visitor.begin(application)
        assert '<html lang="de">' in page.text
        assert "Bei <bdi>Acme Projects</bdi> anmelden" in page.text
        page = await visitor.begin(application, ui_locales="fr en de")
        assert '<html lang="en">' in page.text
        page = await visitor.get("/login/areq_1")
        assert "Diese Anmeldung ist zu Ende" in page.text
