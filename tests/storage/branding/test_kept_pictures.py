"""Which of the uploaded pictures stay: those in use, and of the others the newest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pictures_of_tests import png

from tenantry import settings
from tenantry.core import errors
from tenantry.events.email import custom_templates
from tenantry.tenants.branding import assets, references
from tenantry.tenants.environment import service as environment
from tenantry.tenants.environment.effective import Effective
from tenantry.tenants.environment.model import CUSTOMIZATION
from tenantry.tenants.memberships import leaving
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

PICTURE = png(2, 2)
ORIGIN = "https://tenants.example"
MOST = 3


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """Keep few pictures, and read rows in small steps."""
    monkeypatch.setattr(assets, "MOST", MOST)
    monkeypatch.setattr(assets, "MOST_OF_ORGANIZATION", MOST)


@pytest.fixture
def given(tmp_path):
    """The settings that a process was started with."""
    return settings.load({"TENANTRY_DATA_DIR": str(tmp_path), "TENANTRY_PUBLIC_URL": ORIGIN})


@pytest.fixture
async def place(call):
    """An organization."""
    return await organizations.create(call, region_code="US", display_name="Acme")


@pytest.fixture
def settled(clock):
    """Time that passes after each upload, so that nobody is about to refer to it."""
    return clock.of(assets)


@pytest.fixture
def upload(call, given, settled):
    """Upload a picture, of an organization or of the environment; nothing happens for a while."""

    async def upload(owner=None, given=given):
        path = await assets.store(call, PICTURE, given=given, organization_id=owner)
        settled.forward(61)
        return path

    return upload


async def is_kept(call, path):
    return await assets.find(call.db, path.rpartition("/")[2]) is not None


async def kept(call, paths):
    return [await is_kept(call, path) for path in paths]


async def set_up(call, given, texts, **documents: object):
    await environment.set_settings(call, Effective(given), texts, documents=documents)


async def in_setting(call, _given, path, _place):
    await set_up(call, _given, {"login_logo_url": path})


async def in_background(call, given, path, _place):
    await set_up(call, given, {"login_background_style": f"url({path}) center, red"})


async def in_document(call, given, path, _place):
    look = {"theme": {"hero": f"{ORIGIN}{path}"}}
    await set_up(call, given, {}, **{CUSTOMIZATION: look})


async def in_organization(call, _given, path, place):
    await organizations.update(
        call, OrganizationIdentifier(place.id), {"logo_url": f"{ORIGIN}{path}"}
    )


async def in_branding(call, _given, path, place):
    # Kept for later: its pages show that of all.
    look = {"hero": f"{ORIGIN}{path}"}
    await organizations.set_branding(call, place.id, custom=False, settings=look)


async def in_template(call, _given, path, _place):
    texts = {
        "subject": "Hello",
        "html_content": f'<img src="{ORIGIN}{path}">',
        "plain_content": "Hello",
    }
    await custom_templates.create(call, None, "USER_INVITE", texts)


async def in_template_of_organization(call, _given, path, place):
    texts = {"subject": "Hello", "html_content": "<p>", "plain_content": f"{ORIGIN}{path}"}
    await custom_templates.create(call, place.id, "USER_INVITE", texts)


USES = [
    in_setting,
    in_background,
    in_document,
    in_organization,
    in_branding,
    in_template,
    in_template_of_organization,
]


@pytest.fixture(params=USES)
def use(request, call, given, place):
    """Refer to a picture, in one of the ways that there are."""

    async def use(path):
        await request.param(call, given, path, place)

    return use


@pytest.mark.parametrize("of_organization", [False, True])
async def test_the_oldest_that_is_not_in_use_goes(call, place, upload, use, of_organization):
    owner = place.id if of_organization else None
    paths = [await upload(owner) for _ in range(MOST)]
    await use(paths[0])
    paths.append(await upload(owner))
    assert await kept(call, paths) == [True, False, True, True]
    paths.append(await upload(owner))
    assert await kept(call, paths) == [True, False, False, True, True]


async def test_what_a_file_of_settings_or_of_templates_refers_to_is_in_use(
    call, given, upload, tmp_path
):
    paths = [await upload() for _ in range(MOST)]
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "fr").mkdir()
    (folder / "fr" / "base.html").write_text(f'<img src="{ORIGIN}{paths[1]}">')
    (folder / "inner.html").mkdir()
    fixed = replace(given, app_logo_url=paths[0], mail_templates=folder)
    paths.append(await upload(given=fixed))
    assert await kept(call, paths) == [True, True, False, True]


@pytest.mark.parametrize("of_organization", [False, True])
async def test_where_all_are_in_use_the_upload_is_refused(
    call, given, place, upload, of_organization
):
    owner = place.id if of_organization else None
    paths = [await upload(owner) for _ in range(MOST)]
    look = {name: f"{ORIGIN}{path}" for name, path in zip("abc", paths, strict=True)}
    await organizations.set_branding(call, place.id, custom=True, settings=look)
    with pytest.raises(errors.InvalidArgument, match="all are in use") as refused:
        await upload(owner)
    assert [one.field for one in refused.value.violations] == ["logo"]
    made = assets.upload(call.db, "png", owner)
    token = made.upload.rpartition("/")[2]
    with pytest.raises(errors.InvalidArgument, match="all are in use"):
        await assets.take(call, token, PICTURE, "", given=given)
    assert await kept(call, paths) == [True] * MOST
    # Out of use, it makes room; the address of the upload is still good.
    del look["b"]
    await organizations.set_branding(call, place.id, custom=True, settings=look)
    paths.append(await assets.take(call, token, PICTURE, "", given=given))
    assert await kept(call, paths) == [True, False, True, True]


async def test_one_that_came_a_moment_ago_is_about_to_be_used(call, given, place, upload, settled):
    old = [await upload() for _ in range(MOST - 1)]
    look = {name: f"{ORIGIN}{path}" for name, path in zip("ab", old, strict=True)}
    await organizations.set_branding(call, place.id, custom=True, settings=look)
    new = await assets.store(call, PICTURE, given=given)
    # Two pictures of one form: the second does not take the place of the first.
    with pytest.raises(errors.InvalidArgument, match="all are in use"):
        await assets.store(call, PICTURE, given=given)
    settled.forward(61)
    await assets.store(call, PICTURE, given=given)
    assert await kept(call, [*old, new]) == [True, True, False]


async def test_references_are_found_beyond_one_step(call, upload):
    paths = [await upload() for _ in range(MOST)]
    count = references.STEP + 5
    for number in range(count):
        logo = paths[2] if number < count - 2 else paths[count - 1 - number]
        await organizations.create(
            call, region_code="US", display_name=f"n{number}", logo_url=f"{ORIGIN}{logo}"
        )
    with pytest.raises(errors.InvalidArgument, match="all are in use"):
        await upload()


async def test_another_organization_does_not_keep_a_picture(call, given, place, upload):
    paths = [await upload(place.id) for _ in range(MOST)]
    other = await organizations.create(call, region_code="US", display_name="Initech")
    await in_organization(call, given, paths[0], other)
    await upload(place.id)
    assert not await is_kept(call, paths[0])


async def test_pictures_of_an_organization_go_with_it(call, given, place, upload):
    ours = await upload()
    theirs = await upload(place.id)
    token = assets.upload(call.db, "png", place.id).upload.rpartition("/")[2]
    await organizations.remove(call, OrganizationIdentifier(place.id), leaving.dismiss_members)
    assert await kept(call, [ours, theirs]) == [True, False]
    with pytest.raises(errors.NotFound):
        await assets.take(call, token, PICTURE, "", given=given)
