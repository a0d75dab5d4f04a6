"""KeyManagementService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.access.data_keys import masters, service
from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.crypto.master_key import LOCAL
from tenantry.gen.scalekit.v1.keys import keys_pb as pb

if TYPE_CHECKING:
    from tenantry.access.data_keys.model import DataKey, MasterKey
    from tenantry.call import Call

# A call holds its connection for so long at most; the worker goes on.
_REENCRYPT_SECONDS = 3.0
_SERVED = (pb.DEKKeyType.UNSPECIFIED, pb.DEKKeyType.ENVIRONMENT_KEY)
_AES = "AES-256-GCM"
_STATES = ("CREATED", "ACTIVE", "DEPRECATED", "DESTROYED")


class KeyManagementService:
    async def create_dek(self, request: pb.CreateDEKRequest, call: Call) -> pb.CreateDEKResponse:
        if request.key_type not in {None, *_SERVED}:
            raise errors.InvalidArgument.field(
                "key_type", "in", "is not supported; data keys are ENVIRONMENT_KEY"
            )
        for name in ("provider", "key_ref"):
            if getattr(request, name):
                raise errors.InvalidArgument.field(
                    name, "absent", "is not supported; keys at a provider cannot be used"
                )
        return pb.CreateDEKResponse(dek=await _to_message(call, await service.create(call)))

    async def activate_dek(
        self, request: pb.ActivateDEKRequest, call: Call
    ) -> pb.ActivateDEKResponse:
        key = await service.activate(call, request.dek_version)
        return pb.ActivateDEKResponse(dek=await _to_message(call, key))

    async def reencrypt_data(
        self, _request: pb.ReencryptDataRequest, call: Call
    ) -> pb.ReencryptDataResponse:
        count, unreadable, _ = await service.reencrypt(call, seconds=_REENCRYPT_SECONDS)
        return pb.ReencryptDataResponse(
            records_reencrypted=count,
            unrecoverable_rows=[
                pb.SkippedTableSummary(table=table, count=n) for table, n in unreadable.items()
            ],
        )

    async def list_deks(self, request: pb.ListDEKsRequest, call: Call) -> pb.ListDEKsResponse:
        page = await service.list_page(
            call.db,
            state=_state(request.status),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        wrapped_by = await masters.active_version(call.db)
        return pb.ListDEKsResponse(
            deks=[_data_key(key, call.db.environment_id, wrapped_by) for key in page.items],
            next_page_token=page.next_page_token,
            total_size=page.total_size,
        )

    async def get_dek(self, request: pb.GetDEKRequest, call: Call) -> pb.GetDEKResponse:
        key = await service.get(call.db, request.dek_version)
        return pb.GetDEKResponse(dek=await _to_message(call, key))

    async def destroy_dek(self, request: pb.DestroyDEKRequest, call: Call) -> Empty:
        await service.destroy(call, request.dek_version)
        return Empty()

    async def list_master_keys(
        self, request: pb.ListMasterKeysRequest, call: Call
    ) -> pb.ListMasterKeysResponse:
        page = await masters.list_page(
            call.db,
            state=_state(request.status),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListMasterKeysResponse(
            master_keys=[_master_key(key) for key in page.items],
            next_page_token=page.next_page_token,
            total_size=page.total_size,
        )

    async def get_master_key(
        self, request: pb.GetMasterKeyRequest, call: Call
    ) -> pb.GetMasterKeyResponse:
        key = await masters.get(call.db, request.version)
        return pb.GetMasterKeyResponse(master_key=_master_key(key))

    async def destroy_master_key(self, request: pb.DestroyMasterKeyRequest, call: Call) -> Empty:
        await masters.destroy(call, request.version)
        return Empty()


def _state(given: str | None) -> str:
    if given and given not in _STATES:
        raise errors.InvalidArgument.field("status", "in", f"must be one of {', '.join(_STATES)}")
    return given or ""


async def _to_message(call: Call, key: DataKey) -> pb.EnvironmentKey:
    return _data_key(key, call.db.environment_id, await masters.active_version(call.db))


def _data_key(key: DataKey, environment_id: str, wrapped_by: int) -> pb.EnvironmentKey:
    message = pb.EnvironmentKey(
        id=key.id,
        environment_id=environment_id,
        dek_version=key.version,
        master_version=wrapped_by,
        key_type=pb.DEKKeyType.ENVIRONMENT_KEY.name,
        algorithm=_AES,
        status=key.state,
        created_at=timestamp(key.create_time),
    )
    if key.deprecate_time is not None:
        message.rotated_at = timestamp(key.deprecate_time)
    if key.activate_time is not None:
        message.activated_at = timestamp(key.activate_time)
    return message


def _master_key(key: MasterKey) -> pb.MasterKey:
    message = pb.MasterKey(
        id=key.id,
        provider=key.provider,
        key_ref=key.reference,
        version=key.version,
        algorithm=_AES if key.provider == LOCAL else "",
        status=key.state,
        created_at=timestamp(key.create_time),
    )
    if key.deprecate_time is not None:
        message.rotated_at = timestamp(key.deprecate_time)
    return message
