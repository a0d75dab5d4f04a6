"""Uploading pictures, and serving them: addresses that are good once, and contents by id."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from tenantry.core import errors, ids
from tenantry.core.times import MINUTE, SECOND, now
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.statements import Statement
from tenantry.tenants.branding import pictures, references
from tenantry.tenants.branding.model import Asset, assets

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.settings import Settings

UPLOAD_SECONDS = 15 * 60
PATH = "/assets/"
# Kept for the pages of all, and for those of one organization. Then the oldest goes that nothing
# refers to.
MOST, MOST_OF_ORGANIZATION = 200, 10
_NEW = MINUTE  # it stays, for its sender is about to refer to it
# The token says which picture it is for, and of which organization.
_BINDING = Binding("upload of an asset")
_TOKEN_MAX = 1000
_TYPES = {"png": pictures.PNG, "jpg": pictures.JPEG, "jpeg": pictures.JPEG}
_ENDINGS = {pictures.PNG: "png", pictures.JPEG: "jpg"}

_a = assets.c
_INSERT = crud.insert(assets)
_FIND = crud.get(assets, columns=("id", "media_type", "content"))
_OWNER = func.coalesce(_a.organization_id, "") == bindparam("p_owner")
_KEPT = Statement(select(_a.id, _a.create_time).where(_OWNER).order_by(_a.id))
_DELETE = crud.delete(assets)


@dataclass(frozen=True, slots=True)
class Upload:
    """Where a picture is sent, and where it is served once it has come; our paths."""

    upload: str
    fetch: str


def upload(db: Session, extension: str, organization_id: str | None = None) -> Upload:
    """Return the paths of a picture that is to come, of `png`, `jpg` or `jpeg`."""
    media_type = _TYPES.get(extension)
    if media_type is None:
        raise errors.InvalidArgument.field(
            "asset_settings.extension", "in", f"must be one of {', '.join(_TYPES)}"
        )
    id_ = db.new_id(ids.ASSET)
    token = db.vault.encrypt_for_url(
        json.dumps([id_, media_type, organization_id, now() + UPLOAD_SECONDS * SECOND]).encode(),
        _BINDING,
    )
    return Upload(f"{PATH}uploads/{token}", path(id_, media_type))


def path(id_: str, media_type: str) -> str:
    """Return the path that serves a picture."""
    return f"{PATH}{id_}.{_ENDINGS[media_type]}"


async def take(call: Call, token: str, content: bytes, media_type: str, *, given: Settings) -> str:
    """Keep the picture that was sent to the path of an `Upload`; return the path that serves it.

    ``given`` are the settings that the process was started with: they too refer to pictures.
    """
    try:
        opened = call.db.vault.decrypt_from_url(token[:_TOKEN_MAX], _BINDING)
        id_, wanted, organization_id, until = json.loads(opened)
    except (WrongKey, ValueError):
        raise errors.NotFound("upload") from None
    if until < now():
        raise errors.NotFound("upload")
    if media_type and media_type != wanted:
        raise errors.UnsupportedMediaType(f"content-type must be {wanted}")
    try:
        await _keep(call, id_, wanted, content, given, organization_id=organization_id)
    except DuplicateKey:
        raise errors.NotFound("upload") from None
    return path(id_, wanted)


async def store(
    call: Call,
    content: bytes,
    *,
    given: Settings,
    organization_id: str | None = None,
    field: str = "logo",
) -> str:
    """Keep a picture that came with a Tenantry form; return the path that serves it.

    ``given`` as for `take`.
    """
    media_type = pictures.PNG if content.startswith(b"\x89PNG") else pictures.JPEG
    id_, owner = call.db.new_id(ids.ASSET), organization_id
    await _keep(call, id_, media_type, content, given, organization_id=owner, field=field)
    return path(id_, media_type)


async def find(db: Session, name: str) -> Asset | None:
    """Return the picture of a name such as ast_123.png, None where there is none."""
    id_, _, ending = name.partition(".")
    if not ids.well_formed(ids.ASSET, id_):
        return None
    row = await db.fetch_one(_FIND, p_id=id_)
    if row is None or _ENDINGS[row["media_type"]] != ending:
        return None
    return Asset(row["id"], row["media_type"], bytes(row["content"]))


async def _keep(
    call: Call,
    id_: str,
    media_type: str,
    content: bytes,
    given: Settings,
    *,
    organization_id: str | None,
    field: str = "content",
) -> None:
    try:
        # Beside the loop: a large one takes some tens of milliseconds.
        clean = await asyncio.to_thread(pictures.cleaned, content, media_type)
    except pictures.NotAPicture as problem:
        raise errors.InvalidArgument.field(field, "picture", str(problem)) from None
    most = MOST if organization_id is None else MOST_OF_ORGANIZATION
    async with call.db.transaction() as db:
        await db.serialize(f"assets {organization_id or ''}")
        kept = await db.fetch_all(_KEPT, p_owner=organization_id or "")
        if len(kept) >= most:
            settled = [row["id"] for row in kept if row["create_time"] <= now() - _NEW]
            unused = await references.first_unused(db, settled, given, organization_id)
            if unused is None:
                raise errors.InvalidArgument.field(
                    field,
                    "most",
                    f"{most} pictures are kept, and all are in use: take one of them out of "
                    "settings, organizations and templates of mail first",
                )
            await db.fetch_all(_DELETE, p_id=unused)
        event = call.event(
            "asset.created",
            organization_id=organization_id,
            after={"id": id_, "media_type": media_type, "bytes": len(clean)},
        )
        await db.apply(
            _INSERT,
            event,
            p_id=id_,
            p_organization_id=organization_id,
            p_media_type=media_type,
            p_content=clean,
            p_create_time=now(),
        )
