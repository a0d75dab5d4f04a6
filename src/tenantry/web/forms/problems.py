"""Problems of a form, for the page that is read after the redirect (303).

It travels in the address of that page, encrypted under the key of the deployment, and
bound to the page, to the cookie of the browser that sent the form, and to a few minutes. So Back
and reload work, another tab shows nothing of it, and nobody makes a Tenantry page say anything. It
holds keys of the catalogue, and never a secret that was typed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry.core.times import MINUTE, SECOND, now
from tenantry.crypto.vault import Binding, WrongKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from tenantry.core import errors
    from tenantry.crypto.vault import Vault
    from tenantry.web.words import Words

_SHOWN_FOR = 10 * MINUTE
# Bytes of all values that were typed: addresses and a certificate, in an address that any proxy
# takes. The longest go first.
_MOST_KEPT = 4000
_MOST_SEALED = 12_000  # characters, looked at before it is opened


@dataclass(frozen=True, slots=True)
class Problems:
    """Keys of the catalogue, by the field beside which they are said; "" is for no field."""

    keys: Mapping[str, str] = field(default_factory=dict)
    # Typed values that are no secret; under "" the sentence of an error in English, as `{problem}`,
    # under "told" one in the reader's language, as `{told}`, and under "limited" the path of a form
    # that came too often.
    given: Mapping[str, str] = field(default_factory=dict)
    page: str = ""  # which of the pages at one address
    until: int = 0  # when it may be tried again, in microseconds since 1970; 0 for at once

    @classmethod
    def limited(cls, problem: errors.RateLimited, key: str = "problem.limited") -> Problems:
        """Return those of a form that came too often."""
        return cls({"": key}, until=now() + int(problem.headers["retry-after"]) * SECOND)

    @property
    def wait(self) -> int:
        """How many seconds it is until it may be tried again."""
        return max(0, -(-(self.until - now()) // SECOND)) if self.until else 0

    def said(self, words: Words, values: Mapping[str, object]) -> dict[str, Markup]:
        """Return the sentences, by field, filled with these values."""
        return {name: words(key, **values) for name, key in self.keys.items()}


NONE = Problems()


def encrypt(problems: Problems, vault: Vault, bound_to: str) -> str:
    """Return problems for an address; values for which there is no room are left out."""
    given = _fitting(problems.given)
    until = max(now() + _SHOWN_FOR, problems.until)
    content = [until, dict(problems.keys), given, problems.page, problems.until]
    plain = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return vault.encrypt_for_url(plain, _binding(bound_to))


def _fitting(given: Mapping[str, str]) -> dict[str, str]:
    """Return the values that there is room for, the shortest first."""
    kept: dict[str, str] = {}
    room = _MOST_KEPT
    for name, text in sorted(given.items(), key=lambda one: len(one[1])):
        room -= len(json.dumps([name, text], ensure_ascii=False).encode())
        if room < 0:
            break
        kept[name] = text
    return kept


def decrypt(encrypted: str, vault: Vault, bound_to: str) -> Problems:
    """Return what `encrypt` made; `NONE` for anything else, and once it is not to be shown."""
    if not encrypted or len(encrypted) > _MOST_SEALED:
        return NONE
    try:
        plain = vault.decrypt_from_url(encrypted, _binding(bound_to))
    except (WrongKey, ValueError):
        return NONE
    shown_until, keys, given, page, until = json.loads(plain)
    over = now() > (until or shown_until)
    return NONE if over else Problems(keys, given, page, until)


def _binding(bound_to: str) -> Binding:
    return Binding("problems of a form", (bound_to,), former=f"problems of a form: {bound_to}")
