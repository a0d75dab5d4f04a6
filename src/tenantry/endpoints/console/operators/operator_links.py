"""How operators get in and out: `/console/enter/{token}` opens a link, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.call import Call
from tenantry.core.caller import ANONYMOUS
from tenantry.endpoints.console.environment import product
from tenantry.endpoints.console.visit import ROOT
from tenantry.identity.operators import service as operators

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import ConsoleSite
    from tenantry.net.http import Request, Response


class OperatorLinkPages:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def ask(self, request: Request) -> Response:
        """Show a form for the name: a preview of the link must not use it up."""
        name = await operators.peek(self._site.db, request.params["token"])
        return self._site.show(request, "enter.html", self._site.words(request), name=name)

    async def enter(self, request: Request) -> Response:
        """Open the link, and go on to the console."""
        request.tell(await self._site.context.rates.take_sign_in(request.address))
        call = Call(ANONYMOUS, self._site.db, request.request_id, origin=request.origin)
        name = request.form().get("name", "")
        secret = await operators.open_link(call, request.params["token"], name=name)
        return self._site.entered(f"{ROOT}/{product.first_page(self._site)}", secret)
