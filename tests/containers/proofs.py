"""Proofs are functions whose names are facts. Each prints one line: `ok`, `FAILED` or `skipped`."""

import os
import sys
import time
import traceback
from pathlib import Path

ALL = []


class Skipped(Exception):
    """What is needed for the proof is not here."""


def proof(function):
    ALL.append(function)
    return function


def run_all(prepare):
    """Runs every proof on what `prepare` returns, or those whose names hold one of PROOFS' words (`PROOFS="killed bridge"`).

    Ends the program, with 1 if one failed.
    """
    world = None

    def prepared():
        nonlocal world
        world = prepare()

    failed = not shown(f"{Path(sys.argv[0]).name} can start", prepared, quiet=True)
    words = os.environ.get("PROOFS", "").split()
    for function in ALL if world else []:
        name = function.__name__.replace("_", " ")
        if not words or any(word in name for word in words):
            failed |= not shown(name, lambda: function(world))
    sys.exit(failed)


def shown(name, function, quiet=False):
    """Whether it did not fail."""
    start = time.monotonic()
    try:
        function()
        if not quiet:
            print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
    except Skipped as reason:
        print(f"skipped {name}: {reason}", flush=True)
    except Exception as error:
        first, *rest = (str(error) or repr(error)).splitlines()
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(f"FAILED {name}: {type(error).__name__} at {place.name}:{place.lineno}: {first}")
        print("".join(f"    {line}\n" for line in rest[-60:]), end="", flush=True)
        return False
    return True


def equal(found, expected, about=""):
    """Like `assert found == expected`, with both in the message."""
    assert found == expected, f"{found!r} instead of {expected!r}\n{about}"


def holds(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not said\n{text}"
