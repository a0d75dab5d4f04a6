"""The first page of the console asks for the product's name and color, and stores them."""

from __future__ import annotations

import pytest
from operators_at_work import OWN, enter, link_of

from tenantry.identity.operators.model import OPERATOR, OWNER


@pytest.fixture
async def unnamed(api):
    """The environment without a name; it is as before after the test."""
    await api.settings.update_settings(reset=["app_name", "app_color"])
    yield
    await api.settings.update_settings(reset=["app_name", "app_color"])


async def test_an_owner_names_the_product_first(http, database, api, unnamed):
    token = await link_of(database, OWNER)
    opened = await http.post(f"/console/enter/{token}", data={"name": "Ada"}, headers=OWN)
    assert opened.headers["location"] == "/console/product"
    owner = await enter(http, database)
    page = await owner.get("/console/product")
    assert "Name your product" in page
    assert 'type="color"' in page
    sent = await owner.post("/console/product/save", app_name="Acme Projects", app_color="#0f766e")
    assert sent.headers["location"] == "/console/overview?done=product_saved"
    listed = (await api.settings.list_settings())["settings"]
    values = {one["name"]: one.get("value") for one in listed}
    assert (values["app_name"], values["app_color"]) == ("Acme Projects", "#0f766e")
    again = await http.post(
        f"/console/enter/{await link_of(database, OWNER)}", data={"name": "Ada"}, headers=OWN
    )
    assert again.headers["location"] == "/console/overview"


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"app_name": " ", "app_color": "#0f766e"}, "Enter the name of your product."),
        ({"app_name": "Acme", "app_color": "red"}, "app_color"),
    ],
)
async def test_an_invalid_value_is_reported_at_its_field(http, database, unnamed, form, says):
    owner = await enter(http, database)
    sent = await owner.post("/console/product/save", **form)
    assert "failed=" in sent.headers["location"]
    page = await owner.get(sent.headers["location"])
    assert says in page
    assert 'aria-invalid="true"' in page


async def test_other_operators_are_redirected_to_the_overview(http, database, unnamed):
    operator = await enter(http, database, OPERATOR)
    answer = await http.get("/console/product", headers={"cookie": operator.cookie})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/overview")
    sent = await operator.post("/console/product/save", app_name="Acme")
    assert sent.status_code == 403
