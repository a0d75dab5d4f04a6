"""Every sentence is used, and its translations say the same."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path

import pytest

import tenantry
from tenantry.i18n import translations
from tenantry.i18n.languages import LANGUAGES
from tenantry.identity.security_notices.service import ACTIVITIES
from tenantry.web import words
from tenantry.web.words import choose, languages

SITES = ("login", "account", "oauth", "sso", "organization", "console")
_OF_OPERATORS = ("console",)
_OF_PEOPLE = (*(site for site in SITES if site not in _OF_OPERATORS), "home")
_ROOT = Path(tenantry.__file__).parent
# Keys whose sentence is the same in a language as in English, a line each.
_SAME_AS_ENGLISH = {
    file.stem: {*file.read_text(encoding="utf-8").split()}
    for file in Path(__file__).with_name("same_as_english").glob("*.txt")
}
# How a language is not written here: spaces and apostrophes, another way to address people, other
# words for the same.
_NOT_OURS = {
    "de": r"(?i)\b(du|dich|dir|deine?[mnrs]?)\b",
    "fr": r"'| [:;?!»]|« |(?i:\b(tu|toi|ton|tes)\b)",
    "es": r"(?i)\b(tú|tu|tus|tienes|puedes)\b",
    "it": r"'|(?i:\b(tuo|tua|tuoi|tue|digit[ai]\w*)\b)",
    "nl": r"(?i)\b(je|jij|jou|jouw|typ|aanmeld\w*|wachtwoordbeheerder)\b",
    "pt": r"(?i)\b(você|teu|tua|tens|ligaç\w*|palavras?-passe|utilizador\w*|separador|consola)\b"
    r"|\b(demasiad|gravad|aceder|algarismo|gestor\b)\w*",
}
# Sections whose keys a site puts together of names that it knows.
_BUILT_SECTIONS = {
    "": {"areas", "policy", *(f"sso_{one}" for one in ("choice", "endpoint", "option", "ours"))},
    "login": {"policy_refused"},
    "organization": {
        *("done", "refusal", "sessions", "audit", "event", "programs"),
        *("sso_attribute", "sso_refusal", "sso_step"),
        *("attribute", "directory_hint"),
    },
    "console": {
        "protocol",
        "bulk_actions",
        "constants",
        "navigation",
        "subjects",
        "tabs",
        "done",
        "done_to",
        "refusal",
        "methods",
        "roles_of_operators",
        "management_scopes",
        *("charts", "setup"),
        *("intents", "proofs", "states", "sources", "kinds_of_variables"),
    },
}
# Keys that a template puts together of values that the rooms have.
_BUILT = {
    *("sign_in.not_a_member", "sign_in.authenticate_again"),
    *("sso.continue", "social.continue"),
    *(f"activity.{activity}" for activity in ACTIVITIES),
}


def sources(*folders: str) -> str:
    found = (
        path.read_text(encoding="utf-8")
        for folder in folders
        for pattern in ("**/*.py", "templates/**/*.html")
        for path in (_ROOT / folder).glob(pattern)
    )
    return "\n".join(found)


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("site", ["", *_OF_PEOPLE])
def test_people_read_all_languages(site):
    assert languages(site) == LANGUAGES


@pytest.mark.parametrize("site", _OF_OPERATORS)
def test_operators_read_two_languages(site):
    assert languages(site) == ("en", "de")


def test_a_door_without_words_speaks_english():
    assert languages("simulator") == ("en",)


@pytest.mark.parametrize(
    ("site", "language"),
    [(site, each) for site in ("", *_OF_PEOPLE, *_OF_OPERATORS) for each in languages(site)],
)
def test_all_languages_say_the_same(site, language):
    first, other = words.of(site, "en").sentences, words.of(site, language).sentences
    assert list(first) == list(other)
    known = {(at.partition(":")[2], text) for at, text in translations.catalogue(language)}
    for key, sentence in first.items():
        assert fields(sentence) == fields(other[key]), key
        assert "<" not in other[key], key
        if (key, sentence) in known:
            assert sentence != other[key] or key in _SAME_AS_ENGLISH[language], key


@pytest.mark.parametrize("language", _NOT_OURS)
def test_each_language_is_written_in_one_way(language):
    for (place, _), sentence in translations.catalogue(language).items():
        if place.partition(":")[0] in {"pages", "mail", *_OF_PEOPLE}:
            assert not re.search(_NOT_OURS[language], sentence), place


@pytest.mark.parametrize("site", SITES)
def test_no_file_of_a_folder_says_what_another_says(site):
    keys = [
        f"{section}.{key}"
        for file in (_ROOT / "endpoints" / site / "words").glob("en/*.toml")
        for section, its in tomllib.loads(file.read_text(encoding="utf-8")).items()
        for key in its
    ]
    assert len(keys) == len({*keys}), {key for key in keys if keys.count(key) > 1}


@pytest.mark.parametrize("site", SITES)
def test_all_that_is_asked_for_is_there(site):
    written = sources("web", f"endpoints/{site}")
    calls = re.findall(r"\b(?:t|words|said_in)(?:\.plain|\.count)?\([\"']([a-z_.]+)[\"']", written)
    assert len(calls) >= 10
    there = words.of(site, "en")
    counted = {key.removesuffix("_other") for key in there.sentences if key.endswith("_other")}
    assert all(there.has(f"{key}_one") for key in counted)
    assert {key for key in calls if "." in key and not key.endswith((".", "_"))} <= {
        *there.sentences,
        *counted,
    }
    messages = re.findall(r"(?:message|leaving)\(\s*(?:request, )?\"([a-z_]+)\"", written)
    assert all(there.has(f"{key}.title") and there.has(f"{key}.lead") for key in messages)


@pytest.mark.parametrize("site", SITES)
def test_all_that_is_there_is_asked_for(site):
    written = sources("web", f"endpoints/{site}")
    keys = set(re.findall(r"[\"']([a-z_]+\.[a-z_]+)[\"']", written))
    sections = set(re.findall(r"[\"']([a-z_]+)[\"']", written))
    # A message of a change is put together of a section and a name.
    unused = [
        key
        for key in words.of(site, "en").sentences.keys() - words.of("", "en").sentences.keys()
        if key not in keys
        and not ({key.removesuffix("_one"), key.removesuffix("_other")} & keys)
        and key.partition(".")[0] not in _BUILT_SECTIONS.get(site, ())
        and not re.fullmatch(rf"({'|'.join(sections)})\.(title|lead|done_[a-z]+)", key)
    ]
    assert sorted(unused) == sorted(_BUILT if site == "login" else ())


def test_all_that_all_pages_say_is_asked_for():
    written = sources("web", *(f"endpoints/{site}" for site in SITES))
    for key in words.of("", "en").sentences:
        section, _, name = key.partition(".")
        if section in _BUILT_SECTIONS[""]:
            continue
        asked_for = re.sub("_(one|other)$", "", key)
        assert re.search(rf"[\"']{asked_for}[\"']", written) or (
            f'"{section}"' in written and name in {"title", "lead"}
        )


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(
    ("accepted", "wanted", "chosen"),
    [
        ("", (), "en"),
        ("de", (), "de"),
        ("de-AT,de;q=0.9,en;q=0.8", (), "de"),
        ("en;q=0.5, de;q=0.6", (), "de"),
        ("en;q=0.5, de;q=0", (), "en"),
        ("sv, de;q=0.1", (), "de"),
        ("sv, fi", (), "en"),
        ("sv, *;q=0.5, de;q=0.1", (), "en"),
        ("DE", (), "de"),
        ("de", ("en",), "en"),
        ("en", ("sv", "de-CH"), "de"),
        ("de", ("sv",), "de"),
        ("de;q=nonsense", (), "en"),
        ("de;q=1.0001", (), "en"),
        (";;;,,,=", (), "en"),
        ("x" * 100_000 + ",de", (), "en"),
        ("de;level=1", (), "en"),
        ("en-GB,de", (), "en"),
    ],
)
def test_people_get_their_language(site, accepted, wanted, chosen):
    assert choose(site, accepted, wanted).language == chosen


@pytest.mark.parametrize(("language", "nobody"), [("en", "members"), ("fr", "membre,")])
def test_a_number_has_the_sentence_that_fits_it(language, nobody):
    there = words.of("organization", language)
    assert nobody in there.count("users.total", 0)
    assert there.count("users.total", 1) != there.count("users.total", 2)


def test_a_value_is_text_and_turns_nothing_around():
    said = words.of("login", "en")("organizations.lead", email="<b>\u202e{0}{who}")
    assert "<bdi>&lt;b&gt;\u202e{0}{who}</bdi>" in said
