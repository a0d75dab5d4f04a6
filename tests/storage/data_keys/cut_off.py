"""Run a command of ours that stands still at a step, so that a test kills it there.

python cut_off.py MODULE:NAME:N ARGUMENT... stands still before the N-th call of a function.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import time


def stand_still_at(place: str) -> None:
    """Let the N-th call of a function print a line, and never come back."""
    module_name, name, number = place.split(":")
    module = importlib.import_module(module_name)
    real, left = getattr(module, name), int(number)

    def is_here() -> bool:
        nonlocal left
        left -= 1
        if not left:
            print("stands still", flush=True)
        return not left

    async def later(*given: object, **named: object):
        if is_here():
            await asyncio.Event().wait()
        return await real(*given, **named)

    def at_once(*given: object, **named: object):
        while is_here():
            time.sleep(3600)
        return real(*given, **named)

    setattr(module, name, later if inspect.iscoroutinefunction(real) else at_once)


if __name__ == "__main__":
    stand_still_at(sys.argv[1])
    from tenantry.cli.commands import app

    app(sys.argv[2:])
