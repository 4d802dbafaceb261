"""Start new processes whose first result is timed, each with caches of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class ProcessFailedError(RuntimeError):
    """The new process ended with an error; the message is its last line."""


def run(command: list[str], caches: Path | None = None) -> str:
    """Return the last line that a new Python process prints.

    `caches` is the folder in which bpcompile, Numba and JAX keep what they compile.
    """
    environment = dict(os.environ)
    if caches is not None:
        environment["BPCOMPILE_CACHE_DIR"] = str(caches / "bpcompile")
        environment["NUMBA_CACHE_DIR"] = str(caches / "numba")
    done = subprocess.run(  # the arguments are ours
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ProcessFailedError(lines[-1])
    return done.stdout.strip().splitlines()[-1]


def first_call(name: str, caches: Path) -> Mapping[str, Any]:
    """Return what `benchmarks.first_call` says of one implementation."""
    found: Mapping[str, Any] = json.loads(run(["-m", "benchmarks.first_call", name], caches))
    return found
