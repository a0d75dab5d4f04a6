"""Our mail says the same in every language, and in one language alone."""

from __future__ import annotations

import re
import string
from html import unescape
from pathlib import Path

import looks
import pytest
from mail_servers import ENDS, LINK, VARIABLES
from repository import ROOT

from tenantry.core.times import DAY, MINUTE, now
from tenantry.events.email import custom_templates, rendering, words
from tenantry.events.email.rendering import Templates
from tenantry.i18n import translations
from tenantry.i18n.languages import DEFAULT, LANGUAGES
from tenantry.identity.authenticators.passwordless.emails import (
    NO_ACCOUNT_EMAIL,
    SIGN_IN_CODE,
    SIGN_UP_CODE,
)
from tenantry.identity.security_notices import service as security_notices

OTHERS = [language for language in LANGUAGES if language != DEFAULT]
TEMPLATES = Path(rendering.__file__).with_name("templates")
GUIDE = ROOT / "docs" / "guides" / "mail.md"
# Keys whose sentence is the same in a language as in English.
SAME_AS_ENGLISH = {
    "de": {"date.first", "mail.logo"},
    "fr": {"time.minutes_one", "time.minutes_other", "mail.logo"},
    "es": {"date.first", "webhook_disabled.endpoint"},
    "it": {"date.at", "mail.account", "webhook_disabled.endpoint", "mail.logo"},
    "nl": {"date.first", "date.at", "mail.account", "webhook_disabled.endpoint", "mail.logo"},
    "pt": {"webhook_disabled.endpoint"},
}
BRAND = {
    "app_name": "Zzz",
    "app_logo_url": "https://cdn.example/logo.png",
    "app_support_email": "zzz@zzz.example",
}
SIGNING = {
    "organization_name": None,
    "user_email": "zz@zzz.example",
    "otp": "012345",
    "link": "https://zzz.example/zzz",
}
HAPPENED = {
    "user_email": "zz@zzz.example",
    "change_time": ENDS,
    "name": "Zz 9",
    "browser": "Zzzz",
    "os": "Zzz",
    "address": "192.0.2.1",
    "not_me_link": "https://zzz.example/zzz",
}
OF_CERTIFICATE = {
    "connection_id": "conn_1",
    "organization_id": "org_1",
    "provider": "ZZZ",
    "entity_id": "https://zzz.example",
    "expires": ENDS,
}
OF_CONNECTION = {
    "connection_id": "conn_1",
    "organization_name": "Zzz",
    "operator_id": "opr_1",
    "change_time": ENDS,
    "url": "https://zzz.example/zzz",
}
OF_WEBHOOK = {
    "endpoint_id": "zzz_1",
    "organization_id": "org_1",
    "url": "https://zzz.example",
    "reason": "Zzz.",
    "failing_since": ENDS,
}


def emails():
    """Every mail of ours with its values: with all of its parts, and with none that may be left."""
    for brand in (BRAND, dict.fromkeys(BRAND, "")):
        for template in (SIGN_IN_CODE, SIGN_UP_CODE, NO_ACCOUNT_EMAIL):
            at = {"expire_time": now() + 5 * MINUTE}
            yield template, {**SIGNING, **brand, **at}
            yield template, {**SIGNING, **brand, **at, "otp": None}
        for activity in security_notices.ACTIVITIES:
            named = activity in security_notices.TEMPLATES
            template = activity if named else security_notices.ACCOUNT_CHANGED
            yield template, {**HAPPENED, **brand, "activity": activity}
            yield template, {**HAPPENED, **brand, "activity": activity, "name": ""}
        yield "connection_changed", {**OF_CONNECTION, **brand}
    invitation = {**VARIABLES, "organization_name": "Zzz", "link": LINK}
    yield "invitation", {**invitation, "inviter_email": "zz@zzz.example"}
    yield "invitation", {**invitation, "inviter_email": None, "reminder": True}
    for has_metadata in (True, False):
        yield "certificate_expiring", {**OF_CERTIFICATE, "has_metadata": has_metadata}
    yield "webhook_disabled", OF_WEBHOOK


def fields(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def read(html):
    """The words of a page."""
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(text).split())


@pytest.mark.parametrize("language", OTHERS)
def test_all_languages_say_the_same(language):
    first, other = words.of(DEFAULT), words.of(language)
    assert list(first) == list(other)
    for key, sentence in first.items():
        assert fields(sentence) == fields(other[key]), key
        assert not set("<&") & set(other[key]), key
    known = translations.catalogue(language)
    same = {key for key, text in first.items() if known.get((f"mail:{key}", text)) == text}
    assert same <= SAME_AS_ENGLISH[language]
    assert len(other["date.months"].split()) == 12


def test_all_that_is_there_is_asked_for():
    written = "\n".join(path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir())
    asked = set(re.findall(r'"([a-z_]+\.(?!html|txt)[a-z_]+)"', written))
    built = {
        *("date.months", "date.first", "date.at"),
        *(f"time.{unit}_{n}" for unit in ("minutes", "hours", "days") for n in ("one", "other")),
        *(
            f"account_changed.{activity}{part}"
            for activity in security_notices.ACTIVITIES
            if activity not in security_notices.TEMPLATES
            for part in ("", "_at", "_means")
        ),
        *("account_changed.passkey_added_means_of", "account_changed.passkey_removed_means_of"),
    }
    assert asked | built == {*words.of(DEFAULT)}
    assert not asked & built


def test_no_template_says_a_sentence_of_its_own():
    for path in TEMPLATES.iterdir():
        text = re.sub(r"\{[{%#].*?[}%#]\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"[^\W\d_]{2,}", read(text)), path.name


@pytest.mark.parametrize("language", OTHERS)
def test_every_mail_is_in_one_language(language):
    templates = Templates(None)
    english = [s for s in words.of(DEFAULT).values() if len(s) >= 10 and not fields(s)]
    ours = "\n".join(words.of(language).values())
    left = [sentence for sentence in english if sentence not in ours]
    for template, values in emails():
        said = templates.render(template, {**values, "user_language": language})
        first = templates.render(template, values)
        assert f'<html lang="{language}">' in said.html
        assert '<html lang="en">' in first.html
        assert said.text != first.text
        for mine, theirs in ((said.text, first.text), (read(said.html), read(first.html))):
            assert "{" not in mine
            assert not [sentence for sentence in left if sentence in mine]
            assert any(sentence in theirs for sentence in left)
        for value in ("zz@zzz.example", "https://zzz.example/zzz", "012345"):
            assert (value in said.text) == (value in first.text)
            assert (value in said.html) == (value in first.html)
        assert len(said.html.encode()) < 15_000


@pytest.mark.parametrize(
    ("language", "shown", "first"),
    [
        ("en", "5 November 2026, 14:05 UTC", "1 December 2026, 14:05 UTC"),
        ("de", "5. November 2026, 14:05 UTC", "1. Dezember 2026, 14:05 UTC"),
        ("fr", "5 novembre 2026 à 14:05 UTC", "1er décembre 2026 à 14:05 UTC"),
        ("es", "5 de noviembre de 2026, 14:05 UTC", "1 de diciembre de 2026, 14:05 UTC"),
        ("it", "5 novembre 2026, 14:05 UTC", "1º dicembre 2026, 14:05 UTC"),
        ("nl", "5 november 2026, 14:05 UTC", "1 december 2026, 14:05 UTC"),
        ("pt", "5 de novembro de 2026, 14:05 UTC", "1º de dezembro de 2026, 14:05 UTC"),
    ],
)
def test_a_time_is_written_as_readers_do(language, shown, first):
    assert words.date(ENDS, language) == shown
    assert words.date(ENDS + 26 * DAY, language) == first
    assert (
        shown
        in Templates(None)
        .render(
            "new_device", {**HAPPENED, **BRAND, "activity": "new_device", "user_language": language}
        )
        .text
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["1 minute", "5 minutes", "119 minutes", "2 hours", "47 hours", "30 days"]),
        ("de", ["1 Minute", "5 Minuten", "119 Minuten", "2 Stunden", "47 Stunden", "30 Tage"]),
        ("fr", ["1 minute", "5 minutes", "119 minutes", "2 heures", "47 heures", "30 jours"]),
        ("es", ["1 minuto", "5 minutos", "119 minutos", "2 horas", "47 horas", "30 días"]),
        ("it", ["1 minuto", "5 minuti", "119 minuti", "2 ore", "47 ore", "30 giorni"]),
        ("nl", ["1 minuut", "5 minuten", "119 minuten", "2 uur", "47 uur", "30 dagen"]),
        ("pt", ["1 minuto", "5 minutos", "119 minutos", "2 horas", "47 horas", "30 dias"]),
    ],
)
def test_a_duration_is_said_in_words(language, said):
    minutes = (0, 5, 119, 120, 47 * 60, 30 * 24 * 60)
    assert [words.duration(number, language) for number in minutes] == said
    assert rendering.time_left(now() + 120 * MINUTE, language) == said[3]


def test_files_of_the_operator_are_for_all_readers_unless_they_stand_in_a_language(tmp_path):
    (tmp_path / "invitation.subject.txt").write_text("Until {{ expire_time | date }}")
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "invitation.subject.txt").write_text("Jusqu’au {{ expire_time | date }}")
    templates = Templates(tmp_path, "de")
    values = {**VARIABLES, "link": LINK}
    for language, subject, lead in (
        (None, "Until 5. November 2026, 14:05 UTC", "hat Sie eingeladen"),
        ("es", "Until 5. November 2026, 14:05 UTC", "hat Sie eingeladen"),
        ("fr", "Jusqu’au 5 novembre 2026 à 14:05 UTC", "vous a invité"),
    ):
        said = templates.render("invitation", {**values, "user_language": language})
        assert said.subject == subject
        assert lead in said.text
    other = {**HAPPENED, **BRAND, "activity": "new_device", "user_language": "es"}
    assert templates.render("new_device", other).subject.startswith("Nuevo inicio de sesión")


def test_a_template_of_the_api_is_in_one_language_unless_it_asks_for_the_reader_s():
    one = {"subject": "Join", "html_content": "<p>{{ expire_time }}</p>", "plain_content": "Join"}
    asking = '{{ if user_language == "fr" }}Rejoindre{{ else }}Join{{ end }}'
    assert asking in GUIDE.read_text(encoding="utf-8")
    both = {**one, "subject": asking}
    assert custom_templates.spoken(one, "fr", "en") == "en"
    assert custom_templates.spoken(both, "fr", "en") == "fr"
    custom_templates.check("USER_INVITE", both)
    for language, subject in (("fr", "Rejoindre"), ("es", "Join")):
        assert custom_templates.render(both, {"user_language": language}).subject == subject


@pytest.mark.thorough
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_phone_is_wide_enough(browser, language):
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    for template, values in emails():
        said = Templates(None).render(template, {**values, "user_language": language})
        await page.set_content(said.html)
        await looks.check(page)
        assert await page.title() == said.subject
        for button in await page.locator("a.button").all():
            assert await button.evaluate("each => each.scrollWidth <= each.clientWidth")
    await page.close()
