"""How many examples of a property are tried: all by `make test-all`, a sixth by `make test`."""

from __future__ import annotations

import hypothesis

_WHOLE, _PART = "whole", "part"
# How long an example takes says more of the machine than of the code; a test with a limit measures
# it.
_RELAXED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile(_WHOLE, max_examples=100, **_RELAXED)
hypothesis.settings.register_profile(_PART, max_examples=16, **_RELAXED)


def load(*, whole: bool) -> None:
    """Have properties without a number of their own try a hundred examples, or a sixth."""
    hypothesis.settings.load_profile(_WHOLE if whole else _PART)


def examples(number: int) -> int:
    """Return this number, or a sixth of it, as the run has it."""
    of = hypothesis.settings.default.max_examples
    return max(1, number * of // 100)
