"""How operators get in and out: `/console/enter/{token}` opens a link, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.call import Call
from tenantry.core.caller import ANONYMOUS
from tenantry.endpoints.console.visit import ROOT
from tenantry.identity.operators import service as operators

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import Door
    from tenantry.net.http import Request, Response


class Entering:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def ask(self, request: Request) -> Response:
        """Show a form for the name: a preview of the link must not use it up."""
        name = await operators.peek(self._door.db, request.params["token"])
        return self._door.show(request, "enter.html", self._door.words(request), name=name)

    async def enter(self, request: Request) -> Response:
        """Open the link, and go on to the console."""
        request.tell(await self._door.parts.rates.take_sign_in(request.address))
        call = Call(ANONYMOUS, self._door.db, request.request_id, origin=request.origin)
        name = request.form().get("name", "")
        secret = await operators.open_link(call, request.params["token"], name=name)
        return self._door.entered(f"{ROOT}/me", secret)
