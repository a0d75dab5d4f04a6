"""A translation is shown while it belongs to the English text; else a reader gets English."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from repository import ROOT

from tenantry.events.email import words as email_words
from tenantry.i18n import guide_steps, translations
from tenantry.i18n.languages import DEFAULT, LANGUAGES
from tenantry.identity.connections.guides import explanations, guides
from tenantry.web import words

SCRIPTS = ROOT / "scripts"
OTHERS = [language for language in LANGUAGES if language != DEFAULT]
PO = """\
msgid ""
msgstr ""
"Language: de\\n"

{comments}
msgctxt "login:page.title"
msgid {english}
msgstr {german}

msgctxt "login:page.lead"
msgid "Continue"
msgstr "Weiter"
"""


@pytest.fixture
def messages(monkeypatch, tmp_path):
    """The script that updates catalogues, with a folder of its own."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import messages

    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    return messages


def read(english='"Sign in"', german='"Anmelden"', comments="#"):
    """Return the catalogue that PO gives, without its second entry, which is always there."""
    content = PO.format(english=english, german=german, comments=comments)
    found = translations.read(content.encode())
    assert found.pop(("login:page.lead", "Continue")) == "Weiter"
    return found


def test_an_entry_is_the_translation_of_a_text_at_a_place():
    assert read() == {("login:page.title", "Sign in"): "Anmelden"}


def test_strings_are_unquoted_and_joined():
    found = read(r'"A \"b\"\nc"', '""\n"Ä \\"b\\"\\n"\n"ö"')
    assert found == {("login:page.title", 'A "b"\nc'): 'Ä "b"\nö'}


@pytest.mark.parametrize(
    "entry",
    [
        {"german": '""'},
        {"comments": "#, fuzzy"},
        {"comments": '# by hand\n#, python-brace-format, fuzzy\n#| msgid "Log in"'},
        {"english": '"Hello {name}"', "german": '"Hallo {nom}"'},
        {"english": '"Hello {name}"', "german": '"Hallo"'},
        {"english": '"Hello {name}"', "german": '"Hallo {name"'},
        {"english": '"Hello {name}"', "german": '"Hallo {name:d}"'},
        {"english": '"Hello {name}"', "german": '"Hallo {name.real}"'},
        {"english": '"Hello"', "german": '"Hallo }"'},
        {"german": "Anmelden"},
        {"german": r'"An\melden"'},
    ],
)
def test_an_entry_that_cannot_be_shown_is_left_out(entry):
    assert read(**entry) == {}


def test_an_entry_in_another_encoding_is_left_out():
    content = PO.format(english='"Back"', german='"Zurück"', comments="#").encode("latin-1")
    assert translations.read(content) == {("login:page.lead", "Continue"): "Weiter"}


def test_a_fuzzy_entry_does_not_hide_the_next_one():
    content = '#, fuzzy\nmsgctxt "a"\nmsgid "b"\nmsgstr "c"\nmsgctxt "d"\nmsgid "e"\nmsgstr "f"'
    assert translations.read(content.encode()) == {("d", "e"): "f"}


@pytest.mark.parametrize("language", OTHERS)
def test_babel_reads_the_same(language):
    content = (Path(translations.__file__).parent / "locale" / f"{language}.po").read_bytes()
    catalog = read_po(io.BytesIO(content), locale=language)
    shown = {
        (message.context, message.id): message.string
        for message in catalog
        if message.id and message.string and not message.fuzzy
    }
    assert translations.catalogue(language).items() <= shown.items()
    assert len(shown) >= 0.95 * len(catalog)


@pytest.mark.parametrize("language", OTHERS)
def test_nearly_all_is_translated(messages, language):
    """The few that are not are listed by `make check`; a lost catalogue is not a few."""
    texts = {*messages.texts(language)}
    assert len(texts & translations.catalogue(language).keys()) >= 0.95 * len(texts)


def test_a_page_shows_english_where_the_english_text_has_changed(monkeypatch):
    changed = {**translations.english("endpoints", "login"), "sign_in.title": "Log in"}
    before, english = words.of("login", "de"), translations.english
    monkeypatch.setattr(
        translations,
        "english",
        lambda *package: changed if "login" in package else english(*package),
    )
    after = words.of.__wrapped__("login", "de").sentences
    assert {key: text for key, text in after.items() if text != before.sentences[key]} == {
        "sign_in.title": "Log in"
    }


def test_all_is_english_in_a_language_without_a_catalogue():
    assert words.of("login", "sv").sentences == words.of("login", "en").sentences
    assert email_words.of("sv") == email_words.of("en")
    assert explanations.explanations("sv") == explanations.explanations()


def test_a_guide_or_an_error_mixes_languages_where_a_translation_is_missing(monkeypatch):
    fault = explanations.faults("saml")["NO_EMAIL"]
    okta = guides.guides()[0]
    known = {
        ("connections:okta", okta.saml[0].title): "Titel",
        ("errors:saml.NO_EMAIL.sentence", fault.sentence): "Es fehlt {expected}: {found}.",
    }
    monkeypatch.setattr(translations, "catalogue", lambda _: known)
    first, second = guide_steps.translated(okta.saml, "de", "connections:okta")[:2]
    assert (first.title, first.text) == ("Titel", okta.saml[0].text)
    assert second == okta.saml[1]
    description = fault.sentence.format(expected="x", found="y")
    said = explanations.say("de", fault.code, description, fault.remedy)
    assert said.description == "Es fehlt x: y."
    assert (said.remedy, said.remedy_language) == (fault.remedy, "en")


def test_catalogues_follow_the_english_texts(messages, monkeypatch):
    def update(*texts: tuple[str, str]):
        monkeypatch.setattr(messages, "texts", lambda _: iter(texts))
        content = messages.written(messages.updated("de"), "de")
        (messages.LOCALE / "de.po").write_bytes(content)
        assert messages.written(messages.updated("de"), "de") == content
        return content.decode()

    long = 'the one "application" of these ' * 10
    before, after = f"Sign in to {long}", f"Log in to {long}"
    title, lead = ("login:page.title", before), ("login:page.lead", "Go on, {name}")
    new = update(title, lead)
    assert f'msgctxt "login:page.title"\nmsgid {json.dumps(before)}\nmsgstr ""\n' in new
    done = new.replace(f'{json.dumps(before)}\nmsgstr ""', f'{json.dumps(before)}\nmsgstr "Ja"')
    (messages.LOCALE / "de.po").write_text(done)
    assert translations.read(update(title).encode()) == {title: "Ja"}
    assert "page.lead" not in update(title)

    changed = update(("login:page.title", after))
    assert f"#, fuzzy\n#| msgid {json.dumps(before)}\n" in changed
    assert f'msgid {json.dumps(after)}\nmsgstr "Ja"\n' in changed
    assert translations.read(changed.encode()) == {}
    again = changed.replace("#, fuzzy\n", "")
    assert translations.read(again.encode()) == {("login:page.title", after): "Ja"}


def test_a_change_back_of_the_english_text_finds_its_translation_again(messages, monkeypatch):
    (messages.LOCALE / "de.po").write_text(
        'msgctxt "a"\nmsgid "Sign in"\nmsgstr "Anmelden"\n', encoding="utf-8"
    )
    for text, shown in (("Log in", {}), ("Enter", {}), ("Sign in", {("a", "Sign in"): "Anmelden"})):
        monkeypatch.setattr(messages, "texts", lambda _, text=text: iter([("a", text)]))
        content = messages.written(messages.updated("de"), "de")
        (messages.LOCALE / "de.po").write_bytes(content)
        assert translations.read(content) == shown


def test_what_is_shown_in_english_is_listed(messages, monkeypatch):
    texts = [("a", "Hello {name}"), ("b", "New"), ("c", "Changed"), ("d", "Kept")]
    monkeypatch.setattr(messages, "texts", lambda _: iter(texts))
    (messages.LOCALE / "de.po").write_text(
        'msgctxt "a"\nmsgid "Hello {name}"\nmsgstr "Hallo {nom}"\n\n'
        'msgctxt "c"\nmsgid "Former"\nmsgstr "Alt"\n\n'
        'msgctxt "d"\nmsgid "Kept"\nmsgstr "Behalten"\n',
        encoding="utf-8",
    )
    assert list(messages.report(messages.updated("de"), "de")) == [
        "de: 1 of 4 texts are translated",
        "  a: other placeholders: Hello {name}",
        "  b: missing: New",
        "  c: outdated: Changed",
    ]


def test_make_check_lists_each_language_and_does_not_fail():
    command = [sys.executable, SCRIPTS / "messages.py", "--check"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line[:2] for line in told.splitlines() if line[0] != " "] == OTHERS
