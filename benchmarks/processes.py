"""Start new processes whose first result is timed, each with caches of its own.

A process reads its modules as byte code, as it does on a user's machine: Numba, JAX and PyTorch are
installed with theirs, and a package that is run from a checkout writes its own at the first import.
Where the environment forbids that (`PYTHONDONTWRITEBYTECODE`), whoever runs from a checkout would
compile its sources anew in every process; so all contenders then share a temporary folder for it.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class ProcessFailedError(RuntimeError):
    """The new process ended with an error; the message is its last line."""


class StoppedError(RuntimeError):
    """The new process was stopped at its limit of time."""


@functools.cache
def byte_code() -> str:
    """Return a folder for byte code, which goes when this process ends."""
    made = tempfile.TemporaryDirectory()
    atexit.register(made.cleanup)
    return made.name


def run(command: list[str], caches: Path | None = None, limit: float | None = None) -> str:
    """Return the last line that a new Python process prints.

    `caches` is the folder in which bpcompile, Numba and JAX keep what they compile; after `limit`
    seconds the process is stopped.
    """
    environment = dict(os.environ)
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
        environment["PYTHONPYCACHEPREFIX"] = byte_code()
    if caches is not None:
        environment["BPCOMPILE_CACHE_DIR"] = str(caches / "bpcompile")
        environment["NUMBA_CACHE_DIR"] = str(caches / "numba")
    try:
        done = subprocess.run(  # the arguments are ours
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired as expired:
        raise StoppedError(f"stopped after {limit} s") from expired
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ProcessFailedError(lines[-1])
    return done.stdout.strip().splitlines()[-1]


def first_call(name: str, caches: Path, limit: float | None = None) -> Mapping[str, Any]:
    """Return what `benchmarks.first_call` says of one implementation."""
    line = run(["-m", "benchmarks.first_call", name], caches, limit)
    found: Mapping[str, Any] = json.loads(line)
    return found
