import pytest
from apis import ApiError

async def test_create(api, events):
    a = await api.organizations.create_organization(organization={"display_name": "Acme"})
    print(a, a.headers)
    g = await api.organizations.get_organization(id=a["organization"]["id"])
    assert a == g
    assert a.etag
    with pytest.raises(ApiError) as p:
        await api.organizations.get_organization(id="org_1")
    print(vars(p.value))
    print(await events.new())
