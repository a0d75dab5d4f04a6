"""The words of this door's pages, in each language; the sign-in pages have words of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "ask.title": "Do you want to sign out?",
        "ask.lead": "This signs you out of every application that you are signed in to here. "
        "If you do not want that, close this page.",
        "other.title": "Do you want to sign out?",
        "other.lead": "The application meant another account, or a sign-in that is over. Who is "
        "signed in here now is signed out of every application. If you do not want that, close "
        "this page.",
        "wrong.title": "This sign-out link does not work",
        "wrong.lead": "The application that sent you here made a mistake, and you were not sent "
        "back to it. Tell it this:",
        "done.title": "You are signed out",
        "done.lead": "You can close this page.",
        "button": "Sign out",
        "continue": "Continue to {app}",
    },
    "de": {
        "ask.title": "Möchten Sie sich abmelden?",
        "ask.lead": "Damit werden Sie von allen Anwendungen abgemeldet, in denen Sie hier "
        "angemeldet sind. Wenn Sie das nicht möchten, schließen Sie diese Seite.",
        "other.title": "Möchten Sie sich abmelden?",
        "other.lead": "Die Anwendung meinte ein anderes Konto oder eine Anmeldung, die vorbei "
        "ist. Wer hier jetzt angemeldet ist, wird von allen Anwendungen abgemeldet. Wenn Sie das "
        "nicht möchten, schließen Sie diese Seite.",
        "wrong.title": "Dieser Link zum Abmelden geht nicht",
        "wrong.lead": "Die Anwendung, von der Sie kommen, hat einen Fehler gemacht, und Sie "
        "wurden nicht zu ihr zurückgeschickt. Sagen Sie ihr das:",
        "done.title": "Sie sind abgemeldet",
        "done.lead": "Sie können diese Seite schließen.",
        "button": "Abmelden",
        "continue": "Weiter zu {app}",
    },
}


def language(ui_locales: str, accept_language: str) -> str:
    """Return the language of `WORDS` that is asked for first, else English.

    ``ui_locales`` are languages, the best first (OpenID Connect Core 1.0 section 3.1.2.1), and go
    before the browser's header, of which the order counts and the weights do not.
    """
    wanted = [*ui_locales.split(), *accept_language[:1000].split(",")]
    for tag in wanted:
        primary = tag.strip().partition(";")[0].partition("-")[0].lower()
        if primary in WORDS:
            return primary
    return "en"
