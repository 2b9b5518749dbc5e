"""Where things are: this folder, the repository, what is kept between runs, and the program measured."""

import os
import sys
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
ROOT = BENCHES.parent
HOME = Path(os.environ.get("MLGATE_BENCH_HOME") or Path.home() / ".cache/mlgate/bench").resolve()
MLGATE = Path(
    os.environ.get("MLGATE") or ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/mlgate"
).resolve()


def note(text):
    print(text, file=sys.stderr, flush=True)
