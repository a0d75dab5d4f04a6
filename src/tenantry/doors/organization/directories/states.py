"""How a directory is, in a word; and what its admin should look at first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SOON_DAYS = 30  # before its end an admin is told of a token
_RECENT = timedelta(days=1)  # for which a refusal stays on top


def state(directory: Mapping[str, Any], error: str = "") -> tuple[str, str]:
    """Return the key of a word for how a directory is, and the kind of its mark.

    ``error`` is why the last poll failed.
    """
    if error:
        return "directory_state.failing", "bad"
    is_polled, status = directory["directory_type"] == "POLL", directory["status"]
    if status == "DRAFT" and not directory.get("email"):
        return "directory_state.draft", ""
    if not directory.get("enabled"):
        # Before it is enabled for the first time a provider's test is answered, and nobody comes.
        is_new = not directory.get("total_users")
        return ("directory_state.ready", "waiting") if is_new else ("directory_state.off", "")
    if status != "COMPLETED":
        first = "directory_state.first_read" if is_polled else "directory_state.waiting"
        return first, "waiting"
    return "directory_state.connected", "good"


def active(directory: Mapping[str, Any]) -> list[Any]:
    """Return the tokens of a directory that are good, the newest first."""
    return [one for one in directory.get("secrets", ()) if one["status"] == "ACTIVE"]


def warnings(
    directory: Mapping[str, Any], last_refused: Mapping[str, Any] | None
) -> list[tuple[str, dict[str, Any]]]:
    """Return keys of sentences that come first, with what they name; times are of RFC 3339."""
    at = datetime.now(UTC)
    found: list[tuple[str, dict[str, Any]]] = []
    good = active(directory)
    if directory.get("secrets") and not good:
        found.append(("directory_warning.ended", {}))
    if good:
        newest = good[0]
        end = newest.get("expire_time")
        if end and _moment(end) < at + timedelta(days=SOON_DAYS):
            found.append(
                ("directory_warning.ends", {"suffix": newest["secret_suffix"], "when": end})
            )
        # A provider that goes on with the former token is cut off when that ends.
        used = [one for one in good[1:] if _used_since(one, newest["create_time"])]
        if used and not newest.get("last_used_time"):
            former = used[0]
            values = {"suffix": former["secret_suffix"], "when": former.get("expire_time", "")}
            found.append(("directory_warning.former", values))
    if last_refused and _moment(last_refused["create_time"]) > at - _RECENT:
        found.append(
            ("directory_warning.refused", {"request": last_refused, "error": last_refused["error"]})
        )
    return found


def _used_since(secret: Mapping[str, Any], time: str) -> bool:
    used = secret.get("last_used_time", "")
    return bool(used) and _moment(used) >= _moment(time)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
