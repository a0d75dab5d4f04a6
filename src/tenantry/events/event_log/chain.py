"""The arithmetic of the log's chains: hashes over events, and MACs under a Tenantry key.

Pure functions over rows. A hash links each event to the one before it in its chain, so that none
can be changed, taken out or put in between unseen; the newest hash of each chain is authenticated
under a key that is not in the database, so that nobody who only writes there can make his own
chain.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final

import orjson

from tenantry.db.sql.schema import Json, events, from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Vault

ENVIRONMENT: Final = ""  # the chain of events that are of no organization
GENESIS: Final = ""  # what the first event of a chain follows
_PURPOSE = "event-chain"
_SALT = 16  # bytes

_COLUMNS = [(str(column.name), isinstance(column.type, Json)) for column in events.columns]


def new_salt() -> str:
    """Return the salt hashed with an event, so that its content cannot be guessed."""
    return secrets.token_hex(_SALT)


def of(event: Any) -> str:
    """Return the chain that a row of `events` belongs to."""
    return event["organization_id"] or ENVIRONMENT


def canonical(event: Any) -> bytes:
    """Return the content of a row of `events`, the same bytes for the same content."""
    content = {
        name: _parsed(event[name]) if is_json and event[name] is not None else event[name]
        for name, is_json in _COLUMNS
    }
    return orjson.dumps(content, default=repr, option=orjson.OPT_SORT_KEYS)


def _parsed(text: str) -> Any:
    try:
        return from_json(text)
    except ValueError:
        return {"unreadable": text}  # put there by somebody else; the log goes on


def content_hash(salt: str, content: bytes) -> str:
    """Return the SHA-256 of an event's salt and canonical content, in hexadecimal."""
    return hashlib.sha256(salt.encode() + b"\n" + content).hexdigest()


def link(previous: str, entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry of the log that follows the one with this hash."""
    names = ("position", "event_id", "chain", "number", "content_hash")
    spelled = orjson.dumps([previous, *(entry[name] for name in names)])
    return hashlib.sha256(spelled).hexdigest()


class ChainMacs:
    """MACs under the key of this deployment."""

    def __init__(self, vault: Vault) -> None:
        self._key = vault.derive(_PURPOSE)

    def head(self, head: Mapping[str, Any], state: Mapping[str, Any]) -> str:
        """Return the MAC of a chain's newest and anchoring hash.

        That of the environment's chain also covers how long the log is, and what retention took.
        """
        names = ("chain", "number", "hash", "anchor_number", "anchor_hash")
        covered = [head[name] for name in names]
        if head["chain"] == ENVIRONMENT:
            covered += [state["position"], state["pruned_before"]]
        return self._mac("head", covered)

    def fits(self, head: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
        """Whether a chain's row has the MAC that we gave it."""
        return hmac.compare_digest(self.head(head, state).encode(), head["mac"].encode())

    def erasure(self, entry: Mapping[str, Any], content: bytes) -> str:
        """Return the MAC of the rest of an erased event."""
        return self._mac("erasure", [entry["event_id"], entry["content_hash"], content.decode()])

    def is_intact(self, entry: Mapping[str, Any], event: Any) -> bool:
        """Whether an event is as it was hashed, or as a Tenantry erasure left it."""
        content = canonical(event)
        if entry["erasure"] is None:
            return content_hash(entry["salt"], content) == str(entry["content_hash"])
        expected = self.erasure(entry, content).encode()
        return not entry["salt"] and hmac.compare_digest(expected, entry["erasure"].encode())

    def _mac(self, kind: str, covered: list[Any]) -> str:
        return hmac.digest(self._key, orjson.dumps([kind, *covered]), "sha256").hex()
