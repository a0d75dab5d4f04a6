"""Addresses of uploads, and what they take; pictures as they are served."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest
from apis import refused
from pictures_of_tests import JPEG, png

IMAGE = "PORTAL_CUSTOMIZATION_IMAGE"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg"}


async def asked(api, extension="png", category=IMAGE):
    listed = await api.environments.list_environment()
    return await api.environments.create_asset_upload_url(
        id=listed["environments"][0]["id"],
        asset_settings={"category": category, "extension": extension},
    )


async def put(http, url, content, media_type="image/png", verb="PUT"):
    path = urlsplit(url).path
    return await http.request(verb, path, content=content, headers={"content-type": media_type})


@pytest.mark.parametrize(
    ("extension", "content"), [("png", png(8, 4)), ("jpg", JPEG), ("jpeg", JPEG)]
)
async def test_a_picture_is_uploaded_once_and_served(api, http, extension, content):
    made = await asked(api, extension)
    assert (await http.get(urlsplit(made["fetch_url"]).path)).status_code == 404
    sent = await put(http, made["upload_url"], content, TYPES[extension])
    assert sent.status_code == 201, sent.text
    assert sent.json()["url"] == made["fetch_url"]
    served = await http.get(urlsplit(made["fetch_url"]).path)
    assert served.headers["content-type"] == TYPES[extension]
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "immutable" in served.headers["cache-control"]
    tag = {"if-none-match": served.headers["etag"]}
    assert (await http.get(urlsplit(made["fetch_url"]).path, headers=tag)).status_code == 304
    again = await put(http, made["upload_url"], content, TYPES[extension])
    assert again.status_code == 404
    other = urlsplit(made["fetch_url"]).path.rpartition(".")[0] + ".gif"
    assert (await http.get(other)).status_code == 404


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (SVG, "image/png", 400),
        (JPEG, "image/png", 400),
        (png(2, 2), "image/svg+xml", 415),
        (png(2, 2), "text/html", 415),
        (b"", "image/png", 400),
        (png(10, 10, lines=bytes(50_000_000)), "image/png", 400),
        (bytes((1 << 20) + 1), "image/png", 413),
    ],
)
async def test_anything_else_is_refused_and_nothing_kept(api, http, content, media_type, status):
    made = await asked(api)
    sent = await put(http, made["upload_url"], content, media_type)
    assert sent.status_code == status, sent.text
    assert (await http.get(urlsplit(made["fetch_url"]).path)).status_code == 404
    # The address is still good for a picture.
    assert (await put(http, made["upload_url"], png(2, 2))).status_code == 201


async def test_of_several_at_once_one_is_kept(api, http):
    made = await asked(api)
    sent = await asyncio.gather(*(put(http, made["upload_url"], png(n, n)) for n in range(1, 6)))
    assert sorted(one.status_code for one in sent) == [201, 404, 404, 404, 404]


@pytest.mark.parametrize("token", ["x", "A" * 300, "A" * 5000, "-_-_", "%2e%2e"])
async def test_nobody_makes_up_an_address(http, token):
    sent = await put(http, f"/assets/uploads/{token}", png(1, 1))
    assert sent.status_code == 404


async def test_fonts_and_other_files_are_not_taken(api):
    for extension in ("woff2", "svg", "gif", ""):
        with refused("INVALID_ARGUMENT", "asset_settings.extension"):
            await asked(api, extension)
    with refused("INVALID_ARGUMENT", "asset_settings.category"):
        await asked(api, "png", "PORTAL_CUSTOMIZATION_FONT")
