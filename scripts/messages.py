"""Updates the translations, `src/tenantry/i18n/locale/*.po`, from the English texts.

New texts are added without a translation, and removed texts are dropped. A changed text keeps its
translation, marked as fuzzy: a translator sees it beside the former text, and readers get English.
With --check nothing is written: the texts that readers get in English are listed for each language.
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from tenantry.i18n import translations
from tenantry.i18n.languages import DEFAULT, LANGUAGES
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.guides.guides import guides as connections
from tenantry.tenants.directories.guides import guides as directories
from tenantry.web import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Message

PACKAGE = Path(translations.__file__).parents[1]
LOCALE = PACKAGE / "i18n" / "locale"
_PREVIOUS = "| msgid "  # read_po takes it for a comment
_WIDTH = 1_000_000  # a text a line: at 0, write_po wraps former texts in the middle of a string
_HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: Tenantry\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    for language in LANGUAGES:
        if language == DEFAULT:
            continue
        catalog = updated(language)
        if arguments.check:
            print("\n".join(report(catalog, language)))
        else:
            (LOCALE / f"{language}.po").write_bytes(written(catalog, language))
    return 0


def texts(language: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the English of each text that readers of a language see."""
    packages = {"pages": ("web",), "mail": ("events", "email")}
    sites = sorted(folder.parent.name for folder in (PACKAGE / "endpoints").glob("*/words"))
    packages |= {site: ("endpoints", site) for site in sites if language in words.languages(site)}
    for place, package in packages.items():
        for key, text in translations.english(*package).items():
            yield f"{place}:{key}", text
    for module in (connections, directories, explanations):
        yield from module.texts()


def updated(language: str) -> Catalog:
    """Return the catalogue of a language as the English texts demand it."""
    path = LOCALE / f"{language}.po"
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    old, new = read_po(io.StringIO(content), locale=language), Catalog(locale=language)
    asked = dict.fromkeys(texts(language))
    gone: defaultdict[str, dict[str, Message]] = defaultdict(dict)
    for message in old:
        if message.string and (message.context, message.id) not in asked:
            gone[message.context][message.id] = message
    for place, text in asked:
        message = old.get(text, place)
        if message is None or not message.string:
            message = _outdated(text, gone[place]) or message
        if message is None:
            new.add(text, context=place)
            continue
        translated = _translated(message)
        fuzzy = message.fuzzy if message.id == text else translated != text
        new.add(
            text,
            message.string,
            flags={"fuzzy"} if fuzzy else set(),
            user_comments=[one for one in message.user_comments if not one.startswith("|")],
            previous_id=translated if fuzzy and translated != text else (),
            context=place,
        )
    return new


def _translated(message: Message) -> str:
    """Return the English text that a translation belongs to."""
    for comment in message.user_comments if message.fuzzy else ():
        if comment.startswith(_PREVIOUS):
            return json.loads(comment.removeprefix(_PREVIOUS))
    return message.id


def _outdated(text: str, gone: dict[str, Message]) -> Message | None:
    """Return the message of a place that is gone and the most like a text."""
    found = difflib.get_close_matches(text, gone, n=1, cutoff=0)
    return gone[found[0]] if found else None


def written(catalog: Catalog, language: str) -> bytes:
    """Return a catalogue as a PO file."""
    file = io.BytesIO()
    write_po(
        file,
        catalog,
        width=_WIDTH,
        omit_header=True,
        ignore_obsolete=True,
        include_previous=True,
    )
    return _HEADER.format(language=language).encode() + file.getvalue().rstrip() + b"\n"


def report(catalog: Catalog, language: str) -> Iterator[str]:
    """Yield the lines about a language: a count, and each text that is shown in English."""
    shown = translations.read(written(catalog, language))
    english = [one for one in catalog if one.id and (one.context, one.id) not in shown]
    yield f"{language}: {len(catalog) - len(english)} of {len(catalog)} texts are translated"
    for message in english:
        state = "missing"
        if message.string:
            state = "outdated" if message.fuzzy else "other placeholders"
        yield f"  {message.context}: {state}: {message.id}"


if __name__ == "__main__":
    sys.exit(main())
