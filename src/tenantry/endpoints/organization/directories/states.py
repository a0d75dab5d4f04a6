"""How a directory is, in a word; and what its admin should look at first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tenantry.gen.scalekit.v1.directories.directories_pb import DirectoryType, SecretStatus

if TYPE_CHECKING:
    from protobuf.wkt import Timestamp

    from tenantry.gen.scalekit.v1.directories.directories_pb import Directory, Secret
    from tenantry.gen.tenantry.v1.directory_requests_pb import DirectoryRequest

SOON_DAYS = 30  # before its end an admin is told of a token
_RECENT = timedelta(days=1)  # for which a refusal stays on top


def state(directory: Directory, error: str = "") -> tuple[str, str]:
    """Return the key of a word for how a directory is, and the kind of its mark.

    ``error`` is why the last poll failed.
    """
    if error:
        return "directory_state.failing", "bad"
    is_polled, status = directory.directory_type is DirectoryType.POLL, directory.status
    if status == "DRAFT" and not directory.email:
        return "directory_state.draft", ""
    if not directory.enabled:
        # Before it is enabled for the first time a provider's test is answered, and nobody comes.
        is_new = not directory.total_users
        return ("directory_state.ready", "waiting") if is_new else ("directory_state.off", "")
    if status != "COMPLETED":
        first = "directory_state.first_read" if is_polled else "directory_state.waiting"
        return first, "waiting"
    return "directory_state.connected", "good"


def active(directory: Directory) -> list[Secret]:
    """Return the tokens of a directory that are good, the newest first."""
    return [one for one in directory.secrets if one.status is SecretStatus.ACTIVE]


def warnings(
    directory: Directory, last_refused: DirectoryRequest | None
) -> list[tuple[str, dict[str, object]]]:
    """Return keys of sentences that come first, with what they name."""
    at = datetime.now(UTC)
    found: list[tuple[str, dict[str, object]]] = []
    good = active(directory)
    if directory.secrets and not good:
        found.append(("directory_warning.ended", {}))
    values: dict[str, object]
    if good:
        newest = good[0]
        end = newest.expire_time
        if end and end.to_datetime() < at + timedelta(days=SOON_DAYS):
            found.append(("directory_warning.ends", {"suffix": newest.secret_suffix, "when": end}))
        # A provider that goes on with the former token is cut off when that ends.
        used = [one for one in good[1:] if _used_since(one, newest.create_time)]
        if used and not newest.last_used_time:
            former = used[0]
            values = {"suffix": former.secret_suffix, "when": former.expire_time}
            found.append(("directory_warning.former", values))
    if last_refused:
        assert last_refused.create_time is not None
        if last_refused.create_time.to_datetime() > at - _RECENT:
            values = {"request": last_refused, "error": last_refused.error}
            found.append(("directory_warning.refused", values))
    return found


def _used_since(secret: Secret, time: Timestamp | None) -> bool:
    used = secret.last_used_time
    assert time is not None
    return used is not None and used.to_datetime() >= time.to_datetime()
