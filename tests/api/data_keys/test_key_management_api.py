"""KeyManagementService over every wire: the keys are shown, never what they are."""

from __future__ import annotations

import pytest
from wires import ApiError


def versions(page):
    return [key["dek_version"] for key in page["deks"]]


async def test_a_data_key_is_made_activated_and_shown(api, events):
    await events.new()
    deks = (await api.keys.list_deks())["deks"]
    first = next(dek for dek in deks if dek["status"] == "ACTIVE")
    made = (await api.keys.create_dek(key_type="ENVIRONMENT_KEY"))["dek"]
    assert made["status"] == "CREATED"
    assert made["dek_version"] == max(dek["dek_version"] for dek in deks) + 1
    assert made["environment_id"].startswith("env_")
    assert (made["key_type"], made["algorithm"]) == ("ENVIRONMENT_KEY", "AES-256-GCM")
    assert made["master_version"] == 1
    assert "activated_at" not in made
    active = (await api.keys.activate_dek(dek_version=made["dek_version"]))["dek"]
    assert active["status"] == "ACTIVE"
    assert active["activated_at"] > active["created_at"]
    former = (await api.keys.get_dek(dek_version=first["dek_version"]))["dek"]
    assert (former["status"], former["rotated_at"]) == ("DEPRECATED", active["activated_at"])
    kinds = [event["type"] for event in await events.new()]
    assert kinds == ["data_key.created", "data_key.deprecated", "data_key.activated"]


async def test_the_list_is_narrowed_and_goes_page_by_page(api):
    made = [(await api.keys.create_dek())["dek"]["dek_version"] for _ in range(3)]
    page = await api.keys.list_deks(status="CREATED", page_size=2)
    assert versions(page) == made[:0:-1]
    after = await api.keys.list_deks(
        status="CREATED", page_size=2, page_token=page["next_page_token"]
    )
    assert versions(after)[0] == made[0]
    assert page["total_size"] == after["total_size"] >= 3
    for version in made:
        await api.keys.destroy_dek(dek_version=version)
    with pytest.raises(ApiError) as problem:
        await api.keys.list_deks(status="BROKEN")
    assert "status: must be one of CREATED, ACTIVE" in problem.value.message


async def test_a_key_that_is_in_use_is_not_destroyed(api):
    (active,) = (await api.keys.list_deks(status="ACTIVE"))["deks"]
    with pytest.raises(ApiError) as problem:
        await api.keys.destroy_dek(dek_version=active["dek_version"])
    assert problem.value.code == "FAILED_PRECONDITION"
    with pytest.raises(ApiError) as problem:
        await api.keys.destroy_dek(dek_version=99999)
    assert problem.value.code == "NOT_FOUND"
    with pytest.raises(ApiError) as problem:
        await api.keys.create_dek(key_type="BYOK")
    assert problem.value.code == "INVALID_ARGUMENT"


async def test_what_former_keys_have_sealed_is_sealed_anew(api):
    answer = await api.keys.reencrypt_data()
    assert answer["records_reencrypted"] >= 0
    assert answer["unrecoverable_rows"] == []


async def test_the_master_key_is_shown_and_stays_while_it_is_that_of_now(api):
    (key,) = (await api.keys.list_master_keys())["master_keys"]
    assert (key["provider"], key["status"], key["version"]) == ("LOCAL", "ACTIVE", 1)
    assert len(key["key_ref"]) == 16
    assert (await api.keys.get_master_key(version=1))["master_key"] == key
    with pytest.raises(ApiError) as problem:
        await api.keys.destroy_master_key(version=1)
    assert problem.value.code == "FAILED_PRECONDITION"
