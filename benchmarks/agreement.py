"""Compare values and gradients with NumPy, JAX and PyTorch: ``python benchmarks/agreement.py``.

Two walks. `exact`: each elementwise operation for which the tests have a reference in mpmath, at
hard points in float64 and float32; mpmath decides who is wrong. `functions`: each function of
`docs/coverage.md`, on random shapes, its values and the gradient of Σ w f(x), with
some of them compiled by Numba. An error may be 100 ε times the condition, which is measured.

It ends with 1 where bpcompile is wrong. `--record FILE` keeps what was found and takes up a run
that was broken off, `--only NAME` runs a part, `--page docs/peers.md` writes the page.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.agreements import exact, functions, page
from benchmarks.agreements.cases import ALL
from benchmarks.agreements.record import Record
from benchmarks.agreements.words import Case

COMPILED = 12  # one case of so many is compiled by Numba as well


def arguments() -> argparse.Namespace:
    """Return the arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="functions whose name contains this")
    parser.add_argument("--walk", choices=("both", "exact", "functions"), default="both")
    # JAX compiles each function and shape anew, so it is asked at the first draw alone.
    parser.add_argument("--draws", type=int, default=3, help="random shapes of each function")
    parser.add_argument("--numba", type=int, default=COMPILED, metavar="N",
                        help="compile one case of N by Numba as well; 0 for none")  # fmt: skip
    parser.add_argument("--record", type=Path, help="the file that a run is kept in, and resumed")
    parser.add_argument("--page", type=Path, help="the page that is written")
    return parser.parse_args()


def walk_exact(record: Record, only: str) -> None:
    """Measure the elementwise operations."""
    for name in exact.REFERENCES:
        for kind in ("float64", "float32"):
            if only in name and not record.has(walk="exact", name=name, dtype=kind):
                show(record, {"walk": "exact", **exact.examine(name, kind)})


def targets(case: Case, seed: int, share: int) -> tuple[str, ...]:
    """Return how a case is run: by NumPy, and some once by Numba too."""
    chosen = share and seed == 0 and zlib.crc32(case.name.encode()) % share == 0
    return ("numpy", "numba") if chosen else ("numpy",)


def walk_functions(record: Record, chosen: argparse.Namespace) -> None:
    """Compare the functions."""
    for seed in reversed(range(chosen.draws)):  # the dear one last
        for case in ALL:
            if chosen.only not in case.name:
                continue
            for target in targets(case, seed, chosen.numba):
                about: dict[str, Any] = {"walk": "functions", "name": case.name, "seed": seed}
                about["target"] = target
                if not record.has(**about):
                    started = time.process_time()
                    found = functions.examine(case, seed, target)
                    seconds = round(time.process_time() - started, 2)
                    show(record, {**about, **found, "seconds": seconds})


def show(record: Record, entry: dict[str, Any]) -> None:
    """Enter what was found, and print it if somebody is wrong."""
    record.add(entry)
    for text in page.complaints(entry):
        print(text, flush=True)


def main() -> int:
    """Compare, print, and return 1 where there is a mismatch of ours."""
    chosen = arguments()
    warnings.simplefilter("ignore")
    record = Record(chosen.record)
    if chosen.walk != "functions":
        walk_exact(record, chosen.only)
    if chosen.walk != "exact":
        walk_functions(record, chosen)
    if chosen.page is not None:
        chosen.page.write_text(page.text(record), encoding="utf-8")
    summary = page.Summary(record)
    print("\n".join(summary.lines()))
    return 1 if summary.ours else 0


if __name__ == "__main__":
    raise SystemExit(main())
