"""The setup checklist of the overview, and code snippets that connect an application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console.visit import ROOT, ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.overview_pb import (
    DismissSetupChecklistRequest,
    GetSetupChecklistRequest,
    SetupTask,
)
from tenantry.web.assets import Asset

if TYPE_CHECKING:
    from tenantry.gen.tenantry.v1.overview_pb import SetupChecklist
    from tenantry.net.http import Response

STYLE = Asset.of_files(f"{ROOT}/setup.css", "endpoints/console/static/setup.css")
_PLACEHOLDER = "<client secret>"
_KEYS = {
    SetupTask.SET_BRANDING: "branding",
    SetupTask.CREATE_APPLICATION: "application",
    SetupTask.CREATE_USER: "user",
    SetupTask.CONFIGURE_EMAIL: "email",
    SetupTask.ADD_DOMAIN: "domain",
    SetupTask.TRY_SINGLE_SIGN_ON: "single_sign_on",
    SetupTask.CREATE_WEBHOOK: "webhook",
}
_CURL = """\
ACCESS_TOKEN=$(curl --silent "{url}/oauth/token" \\
  --data grant_type=client_credentials \\
  --user '{client_id}:{secret}' \\
  | jq --raw-output .access_token)
curl "{url}/api/v1/organizations" \\
  --header "Authorization: Bearer $ACCESS_TOKEN"
"""
_NODE = """\
// npm install @scalekit-sdk/node
import {{ ScalekitClient }} from '@scalekit-sdk/node'

const sc = new ScalekitClient('{url}', '{client_id}', '{secret}')
console.log(await sc.organization.listOrganization({{ pageSize: 10 }}))
"""
_PYTHON = """\
# pip install scalekit-sdk-python
from scalekit import ScalekitClient

sc = ScalekitClient("{url}", "{client_id}", "{secret}")
print(sc.organization.list_organizations(page_size=10))
"""
_GO = """\
// go get github.com/scalekit-inc/scalekit-sdk-go/v2
sc := scalekit.NewScalekitClient("{url}", "{client_id}", "{secret}")
response, err := sc.Organization().ListOrganization(ctx, &scalekit.ListOrganizationOptions{{
	PageSize: 10,
}})
"""
_LANGUAGES = {
    "curl": ("cURL", _CURL),
    "node": ("Node.js", _NODE),
    "python": ("Python", _PYTHON),
    "go": ("Go", _GO),
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code in one language that calls the API with the credentials of an application."""

    id: str
    language: str
    code: str


@dataclass(frozen=True, slots=True)
class Step:
    """A task; ``key`` is the prefix of its texts, ``path`` the page on which to do it."""

    key: str
    done: bool
    path: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """The steps, and snippets for the oldest web application, if any."""

    steps: tuple[Step, ...]
    snippets: tuple[Snippet, ...]
    client_id: str
    has_test_organization: bool
    style: Asset = STYLE

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)


def pages(site: ConsoleSite) -> list[Page]:
    async def dismiss(visit: Visit) -> Response:
        await visit.api.overview.dismiss_setup_checklist(DismissSetupChecklistRequest())
        return site.redirect(visit.path("overview"))

    return [Page("POST", "/overview/dismiss", dismiss)]


async def load(visit: Visit, public_url: str) -> Checklist | None:
    """Return the checklist, or None if all steps are done or an operator has dismissed it."""
    found = (await visit.api.overview.get_setup_checklist(GetSetupChecklistRequest())).checklist
    if found is None:
        raise errors.NotFound("setup checklist")
    if found.dismissed or all(step.done for step in found.steps):
        return None
    return Checklist(
        tuple(
            Step(_KEYS[step.task], step.done, _path(visit, step.task, found))
            for step in found.steps
        ),
        snippets(public_url, found.client_id) if found.client_id else (),
        found.client_id,
        bool(found.test_organization_id),
    )


def snippets(public_url: str, client_id: str, secret: str = _PLACEHOLDER) -> tuple[Snippet, ...]:
    """Return the code that connects a client in each language."""
    values = {"url": public_url, "client_id": client_id, "secret": secret}
    return tuple(
        Snippet(f"snippet-{id_}", language, code.format(**values))
        for id_, (language, code) in _LANGUAGES.items()
    )


def _path(visit: Visit, task: SetupTask, found: SetupChecklist) -> str:
    organization = found.test_organization_id
    return {
        SetupTask.SET_BRANDING: visit.path("branding"),
        SetupTask.CREATE_APPLICATION: visit.path("applications"),
        SetupTask.CREATE_USER: visit.path("organizations", organization, "members")
        if organization
        else visit.path("organizations"),
        SetupTask.CONFIGURE_EMAIL: visit.path("mail", "servers"),
        SetupTask.ADD_DOMAIN: visit.path("organizations"),
        SetupTask.TRY_SINGLE_SIGN_ON: visit.path("organizations", organization, "connections")
        if organization
        else visit.path("connections"),
        SetupTask.CREATE_WEBHOOK: visit.path("webhooks"),
    }[task]
