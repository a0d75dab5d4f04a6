"""How pushes go, among the directories of all organizations."""

from __future__ import annotations


async def test_the_last_push_that_failed_is_told(api, provider):
    user = await provider.create("ada")
    await provider("POST", "/Users", provider.user("ada"))
    await provider.logged(2)
    found = await api.states.list_directory_states(query=provider.directory.id)
    (one,) = found["directories"]
    assert "userName" in one["last_error"]
    assert one["last_failed_at"] >= one["create_time"]
    assert one["last_synced_at"]
    assert one["enabled"]
    assert one["total_users"] == 1
    assert user["id"]
