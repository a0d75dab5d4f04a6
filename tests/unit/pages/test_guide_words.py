"""Guides for admins of providers say the same in every language, with the labels of English."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from tenantry.i18n import translations
from tenantry.i18n.languages import LANGUAGES
from tenantry.identity.connections.guides import guides as providers
from tenantry.tenants.directories import guides as directories
from tenantry.web.marks import labelled

ROOMS = {"connections": providers, "directories": directories}
CASES = [(package, language) for package in ROOMS for language in LANGUAGES[1:]]
_MARK = re.compile(r"\*\*[^*]+\*\*|`[^`]+`|https?://\S+")
# Names that no language has a word of its own for.
_NAME = re.compile(
    r"\b(?:Okta|Entra|Microsoft|Google|OneLogin|PingOne|Ping|JumpCloud|AD FS|PowerShell|SAML|OIDC"
    r"|SHA-?\d+|RSA|PKCE|SCIM|RFC \d+|LDAP)\b"
)
_ENGLISH = re.compile(r"\b(?:the|and|with|choose|that|which|from|people|your|here|there|it)\b")


def both(package, language):
    """Return the pairs of a guide in English and in a language."""
    return list(zip(ROOMS[package].guides(), ROOMS[package].guides(language), strict=True))


def steps(guide):
    return guide.steps if hasattr(guide, "steps") else (*guide.saml, *guide.oidc)


def texts(guide):
    found = [text for step in steps(guide) for text in (step.title, step.text)]
    return [*found, guide.after] if hasattr(guide, "after") else found


def values(guide):
    """Return the fields and values beside the texts, each with its language."""
    return [
        pair
        for step in steps(guide)
        for pair in (
            *((one.field, one.language) for one in (*step.ours, *step.theirs)),
            *((one.value, one.language) for one in (*step.attributes, step.groups) if one),
        )
    ]


def plain(text):
    return _MARK.sub("", text)


@pytest.mark.parametrize(("package", "language"), CASES)
def test_a_guide_says_in_each_language_what_it_says_in_english(package, language):
    for english, other in both(package, language):
        says_the_same(english, other, language)


def says_the_same(english, other, language):
    assert (other.id, other.language) == (english.id, language)
    said, meant = texts(other), texts(english)
    assert len(said) == len(meant)
    known = {text for _, text in translations.catalogue(language)}
    for ours, theirs in zip(said, meant, strict=True):
        if theirs not in known:
            continue
        assert ours not in ("", theirs)
        assert Counter(_MARK.findall(ours)) == Counter(_MARK.findall(theirs)), ours
        assert all(name in ours for name in _NAME.findall(plain(theirs))), ours
        assert not _ENGLISH.search(plain(ours)), ours
        assert "<" not in ours
    for step in steps(other):
        assert step.title[0].isupper()
        assert step.text.endswith(".") or step.text.endswith("`"), step.text
        assert len(step.text) < 500


@pytest.mark.parametrize(("package", "language"), CASES)
def test_a_value_that_is_no_label_of_a_console_is_said_in_each_language(package, language):
    known = translations.catalogue(language)
    for english, other in both(package, language):
        place = f"{package}:{english.id}"
        for (ours, spoken), (meant, _) in zip(values(other), values(english), strict=True):
            assert Counter(_MARK.findall(ours)) == Counter(_MARK.findall(meant))
            assert spoken == (language if (place, meant) in known else "en"), meant
            if spoken == "en":
                assert ours == meant
            else:
                assert not _ENGLISH.search(plain(ours)), ours


@pytest.mark.parametrize("package", ROOMS)
def test_a_name_field_or_value_is_a_label_of_a_console_or_listed_as_translated(package):
    to_translate = {*ROOMS[package].guides.texts()}
    for guide in ROOMS[package].guides():
        place, shown = f"{package}:{guide.id}", {guide.name, *(text for text, _ in values(guide))}
        assert all(
            (place, text) in to_translate
            for text in shown
            if re.search(r"\b(?:[Tt]he|and|as|at|that|their|of|or|Any)\b", text)
        )
        listed = {text for at, text in to_translate if at == place} - {*texts(guide)}
        assert listed <= shown


@pytest.mark.parametrize(("package", "language"), CASES)
def test_all_else_of_a_guide_is_that_of_english(package, language):
    def bare(guide):
        return [
            replace(
                step,
                title="",
                text="",
                ours=tuple(one.value for one in step.ours),
                theirs=tuple(one.value for one in step.theirs),
                attributes=tuple((one.key, one.name) for one in step.attributes),
                groups=step.groups and step.groups.name,
            )
            for step in steps(guide)
        ]

    for english, other in both(package, language):
        assert bare(other) == bare(english)


def test_a_language_without_words_has_the_english_guides():
    for module in ROOMS.values():
        assert module.guides("sv") == module.guides("en")


def test_labels_and_code_are_marked_and_all_else_is_text():
    said = labelled("Sous **A & B**, `<x>` et <b>.")
    assert said == "Sous <b lang='en'>A &amp; B</b>, <code>&lt;x&gt;</code> et &lt;b&gt;."
    assert labelled("2 * 3 ** 4") == "2 * 3 ** 4"
