"""Print every method of the official Python SDK, one a line, as an application spells it."""

from __future__ import annotations

import inspect
import json
from types import SimpleNamespace
from unittest.mock import patch

from scalekit import ScalekitClient
from scalekit.core import CoreClient

# `connect` is an older name of `actions`.
HIDDEN = {"core_client", "connect"}
# Properties that need another package to be looked at: the tools of an agent's framework.
FRAMEWORKS = {"google", "langchain"}

# The constructor fetches a token.
answer = SimpleNamespace(status_code=200, content=json.dumps({"access_token": "a.b.c"}))
with patch.object(CoreClient, "authenticate", return_value=answer):
    client = ScalekitClient("https://localhost", "nobody", "nothing")


def show(part, prefix, above):
    for name in dir(part):
        if name.startswith("_") or name in HIDDEN:
            continue
        if name in FRAMEWORKS or inspect.isroutine(value := getattr(part, name)):
            print(prefix + name)
        elif type(value).__module__.startswith("scalekit.") and value not in above:
            show(value, f"{prefix}{name}.", [*above, *vars(part).values()])


# The client's own parts, wherever else they hang.
show(client, "", [])
