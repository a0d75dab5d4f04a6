"""An application whose customers set their single sign-on up on a page of its own."""

import os
from html import escape
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from scalekit import ScalekitClient

HERE = Path(__file__).parent
TENANTRY = os.environ["SCALEKIT_ENVIRONMENT_URL"].rstrip("/")
ORGANIZATION = os.environ["ORGANIZATION_ID"]  # yours comes from the session of the person
sdk = ScalekitClient(
    TENANTRY, os.environ["SCALEKIT_CLIENT_ID"], os.environ["SCALEKIT_CLIENT_SECRET"]
)
app = FastAPI()
app.mount("/static", StaticFiles(directory=HERE / "static"))
app.mount("/react-static", StaticFiles(directory=HERE / "react" / "dist", check_dir=False))

PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Settings</title>{}</html>'


@app.get("/")
def settings() -> HTMLResponse:  # not `async`: the SDK waits for the network
    """Show the portal by a new link: it opens once, within a minute."""
    link = sdk.organization.generate_portal_link(ORGANIZATION)
    return page(
        f'<iframe id="portal" src="{escape(link.location)}" title="Admin portal"'
        ' allow="clipboard-write" width="100%" height="720"></iframe>'
        f'<p id="events" data-tenantry="{escape(TENANTRY)}"></p>'
        '<script type="module" src="/static/settings.js"></script>'
    )


@app.get("/react")
def settings_by_react() -> HTMLResponse:
    """Show the same by a component."""
    return page(
        f'<div id="root" data-tenantry="{escape(TENANTRY)}"></div>'
        '<script type="module" src="/react-static/main.js"></script>'
    )


@app.post("/portal-links")
def portal_links() -> dict[str, str]:
    """Make a link for the component: only for the admins of the organization, in your own."""
    return {"location": sdk.organization.generate_portal_link(ORGANIZATION).location}


def page(content: str) -> HTMLResponse:
    return HTMLResponse(PAGE.format(content), headers={"Cache-Control": "no-store"})
