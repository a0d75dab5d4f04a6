"""`make fuzz`: the properties of parsers and normalizers, for as long as asked for.

Findings, and the way to them, are kept in `build/fuzz` and tried first the next time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

_SUPPORT = Path(__file__).resolve().parents[2] / "support"
sys.path[:0] = [str(Path(__file__).parent), str(_SUPPORT), str(_SUPPORT / "cases")]

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis.database import DirectoryBasedExampleDatabase  # noqa: E402
from properties import PROPERTIES  # noqa: E402


def main() -> None:
    """Try each property in turn until the time is over; end at the first that does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--examples", type=int, default=1000, help="of a property at once")
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--only", choices=PROPERTIES, nargs="*", default=list(PROPERTIES))
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    tried = dict.fromkeys(options.only, 0)
    for name in itertools.cycle(options.only):
        if time.monotonic() > until:
            break
        try:
            tried[name] += _try(name, options.examples, options.corpus)
        except BaseException:
            print(f"{name} does not hold; the example is kept in {options.corpus}", flush=True)
            raise
    print("\n".join(f"{count:>10,} {name}" for name, count in tried.items()))


def _try(name: str, examples: int, corpus: Path) -> int:
    one, tried = PROPERTIES[name], 0

    @given(one.examples)
    @settings(
        max_examples=examples,
        deadline=None,
        database=DirectoryBasedExampleDatabase(corpus / name.replace(" ", "-")),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    def check(example: object) -> None:
        nonlocal tried
        tried += 1
        one.check(example)

    check()
    return tried


if __name__ == "__main__":
    main()
