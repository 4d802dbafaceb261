"""Several processes in one cache, killed in the middle: no entry is ever half written."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpcompile.runtime.store import open_store

ROOT = Path(__file__).resolve().parents[2]

# Writes and reads entries whose contents follow from their names, until it is killed.
WRITER = """
import hashlib, random, sys, warnings
from pathlib import Path
from bpcompile.runtime.store import open_store

warnings.simplefilter("error")  # an entry that is refused ends the process
store = open_store(Path(sys.argv[1]), limit=int(sys.argv[3]))
print("ready", flush=True)
generator = random.Random(sys.argv[2])
while True:
    name = f"e{generator.randrange(40)}"
    expected = hashlib.sha256(name.encode()).digest() * (int(name[1:]) * 200 + 1)
    found = store.get(name)
    if found is not None and found != expected:
        sys.exit(f"{name} is wrong")
    store.put(name, expected)
"""

# Loads one of a few modules from the cache or compiles it, over and over, until it is killed.
COMPILER = """
import random, sys, warnings
from bpcompile.runtime import load
from bpcompile.runtime.dispatch import compile_exact, type_of

warnings.simplefilter("error")
generator = random.Random(sys.argv[2])
print("ready", flush=True)
while True:
    k = generator.randrange(100)
    load._modules.clear()
    text = f"from numba import njit\\n@njit\\ndef scale(x):\\n    return x * {k}.0\\n"
    loaded = load.load_module(text, target="numba", options={}, public=["scale"])
    if compile_exact(loaded.module.scale, [type_of("f64", 0)], None).call(2.0) != 2.0 * k:
        sys.exit("wrong")
"""


def campaign(program, directory, processes, rounds, seconds, limit=1 << 30):
    """Start processes, kill them at random, and say what the survivors complained about."""
    generator = random.Random(0)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BPCOMPILE_CACHE_DIR": str(directory),
    }
    complaints = []
    for step in range(rounds):
        running = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(directory), f"{step} {i}", str(limit)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for i in range(processes)
        ]
        for process in running:
            process.stdout.readline()
        for process in generator.sample(running, processes):
            time.sleep(generator.random() * seconds / processes)
            process.kill()
        for process in running:
            _, errors = process.communicate(timeout=60)
            if errors:
                complaints.append(errors)
    return complaints


def unreadable(directory):
    """Read everything; a refused entry warns, which is an error in tests."""
    store = open_store(directory)
    return [entry.name for entry in store.entries() if store.get(entry.name) is None]


@pytest.mark.parametrize(
    ("processes", "rounds"),
    [(4, 3), pytest.param(8, 100, marks=pytest.mark.nightly)],
)
def test_killed_writers_leave_nothing_unreadable(tmp_path, processes, rounds):
    directory = tmp_path / "cache"
    assert campaign(WRITER, directory, processes, rounds, 0.4) == []
    assert unreadable(directory) == []
    assert len(open_store(directory).entries()) > 20


def test_writers_that_evict_each_others_entries(tmp_path):
    directory = tmp_path / "cache"
    assert campaign(WRITER, directory, 4, 1, 0.8, limit=1_500_000) == []
    assert unreadable(directory) == []


@pytest.mark.nightly
def test_killed_compilers_leave_nothing_unreadable(tmp_path):
    directory = tmp_path / "cache"
    assert campaign(COMPILER, directory, 4, 20, 3.0) == []
    assert unreadable(directory) == []
