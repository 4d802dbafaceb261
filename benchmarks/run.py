"""Measure bpcompile side by side with hand-written Numba and with its peers.

    python benchmarks/run.py [--case NAME ...] [--quick] [--strict] [--json PATH] [--markdown PATH]

Each case runs in a process of its own, held to one core and one thread before anything is
imported. A peer that is not installed is skipped by name; an implementation that fails or gives
another result than the hand-written one is reported with its error. NAME is a case or a group of
cases: `arrays`, `symbolic`, `loops`. What takes minutes is left out of a quick run, unless named.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a script, the path holds this folder, not its parent
    sys.path.insert(0, str(ROOT))

from benchmarks import models, report  # noqa: E402  # after the path above

CASES = (
    "scalar",
    "rosenbrock",
    "logistic",
    "lorenz",
    "digits_mlp",
    "mlp_float32",
    "straight_line",
    "cold_compile",
    "warm_start",
    "import_time",
)
"""In the order of the report."""

ARRAYS = (
    "chain_activations",
    "chain_black_scholes",
    "unary_exp",
    "unary_tanh",
    "unary_log",
    "unary_sin",
    "unary_erf",
    "mixture_10",
    "mixture_32",
    "mixture_64",
    "digits_mlp_deep",
    "mlp_float32_wide",
    "network_convolution",
    "network_attention_1",
    "network_attention_8",
)
"""Elementwise work, networks and densities in array expressions."""

SYMBOLIC = (
    "pendulum",
    "straight_line_cold",
    "straight_line_long",
)
"""Thousands of scalar operations, from the model to its first gradient in a new process."""

LOOPS = tuple(f"loop_{name}" for name in models.NAMES)
"""The models of `benchmarks/models/`."""

SLOW = ("straight_line_long",)
"""What takes minutes."""

GROUPS = {"arrays": ARRAYS, "symbolic": SYMBOLIC, "loops": LOOPS}
"""What `--case` takes for several cases."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
"""What each library reads once, when it is imported."""


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="python benchmarks/run.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = [*CASES, *listed(list(GROUPS)), *GROUPS]
    parser.add_argument("--case", nargs="+", choices=names, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that all works")
    parser.add_argument("--rounds", type=int, help="rounds of each case (a case may need fewer)")
    parser.add_argument("--core", type=int, help="the core to use; the last one if not given")
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="the clock: that on the wall, or the processor's, for a machine that others use too",
    )
    parser.add_argument("--json", type=Path, help="where to write the report for compare.py")
    parser.add_argument("--markdown", type=Path, help="where to write the tables")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if a bar is missed or anything fails"
    )
    return parser.parse_args(arguments)


def listed(names: list[str]) -> list[str]:
    """Return the cases of names, each once, with the groups spelled out."""
    spelled = [GROUPS.get(name, (name,)) for name in names]
    return list(dict.fromkeys(name for group in spelled for name in group))


def every(*, quick: bool) -> list[str]:
    """Return the cases of a run that names none."""
    return [name for name in listed([*CASES, *GROUPS]) if not (quick and name in SLOW)]


def last_core() -> int:
    """Return the last core that this process may use: the first ones serve interrupts."""
    if hasattr(os, "sched_getaffinity"):
        return max(os.sched_getaffinity(0))
    return 0


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def run_case(name: str, chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run one case in a new process and return its record; a crash is a record too."""
    core = last_core() if chosen.core is None else chosen.core
    rounds, batch, budget = (5, 2e-4, 1.0) if chosen.quick else (200, 1e-3, 10.0)
    path = folder / f"{name}.json"
    effort = {"core": core, "rounds": chosen.rounds or rounds, "batch": batch, "budget": budget}
    command = [sys.executable, "-m", "benchmarks.worker", name, "--json", str(path)]
    command += [f"--{key}={value}" for key, value in effort.items()]
    command.append(f"--clock={chosen.clock}")
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(  # the arguments are ours
        command, cwd=ROOT, env=environment, check=False, stderr=subprocess.PIPE, text=True
    )
    if done.returncode == 0 and path.is_file():
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"crashed": f"exit status {done.returncode}: {last}"}


def crashed_case(name: str, reason: str) -> dict[str, Any]:
    """Return the record of a case whose process died, so that the report still names it."""
    bar = {"text": "all", "subject": "", "unit": "x", "figure": None, "met": None, "reason": reason}
    entry = {"name": "worker", "column": "", "status": "failed", "reason": reason}
    return {
        "name": name,
        "title": name,
        "reference": "",
        "contenders": [entry],
        "bars": [bar],
        "notes": {},
    }


def collect(chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the chosen cases, one after the other, and return the report."""
    shown = ["benchmarks/run.py", *sys.argv[1:]]
    whole: dict[str, Any] = {
        "format": 1,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "command": f"python {shlex.join(shown)}",
        "quick": chosen.quick,
        "clock": chosen.clock,
        "machine": {
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "settings": ONE_THREAD,
        "pinned": "",
        "peers": {},
        "libraries": {},
        "cases": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in listed(chosen.case) if chosen.case else every(quick=chosen.quick):
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            record = run_case(name, chosen, Path(folder))
            if "crashed" in record:
                whole["cases"].append(crashed_case(name, record["crashed"]))
                continue
            whole["cases"].append(record["case"])
            for key in ("pinned", "peers", "libraries"):
                whole[key] = record[key]
    return whole


def shortcomings(whole: Mapping[str, Any]) -> list[str]:
    """Return the bars that were missed and the implementations that failed."""
    found = []
    for case in whole["cases"]:
        entries, bars = case["contenders"], case["bars"]
        found += [f"{case['name']}: {e['name']}" for e in entries if e["status"] == "failed"]
        found += [f"{case['name']}: {bar['text']}" for bar in bars if bar["met"] is False]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables and write the files; the exit status tells only if `--strict`."""
    chosen = options(arguments)
    whole = collect(chosen)
    text = report.markdown(whole)
    print(text)
    if chosen.json:
        chosen.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if chosen.markdown:
        chosen.markdown.write_text(text, encoding="utf-8")
    lacking = shortcomings(whole)
    if lacking:
        print(f"missed or failed: {'; '.join(lacking)}", file=sys.stderr)
    return 1 if chosen.strict and lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
