"""Say what was found: the lines of a run, its sums, and the page of docs/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy

from benchmarks import peers
from benchmarks.agreements import covered, points
from benchmarks.agreements.cases import ALL, SUBJECTS
from benchmarks.agreements.record import Entry, Record

# Where our dtypes are not NumPy's or SciPy's, and why.
OTHER_TYPES = {
    "bitwise_count": "whole numbers are int64 here, where NumPy gives uint8",
    "frexp": "whole numbers are int64 here, where NumPy gives int32",
    "special.lambertw": "it is real here, where SciPy gives a complex number",
    "special.polygamma": "float32 stays float32 here, where SciPy gives float64",
    "special.multigammaln": "float32 stays float32 here, where SciPy gives float64",
    "special.expn": "float32 stays float32 here, where SciPy gives float64",
    "scipy.linalg.det": "float32 stays float32 here, where SciPy gives float64",
}
COMMAND = "python benchmarks/agreement.py --record agreement.jsonl --page docs/peers.md"
FAR = 1e6  # units from which on an error is not counted but called wrong


def is_ours(entry: Entry, quarrel: dict[str, Any]) -> bool:
    """Tell whether a difference is a mismatch of ours: it is, unless somebody else is wrong."""
    is_type = isinstance(quarrel.get("own"), str)
    if is_type and entry["name"].partition(",")[0] in OTHER_TYPES:
        return False
    return bool(quarrel["judged"] != "theirs")


def complaints(entry: Entry) -> Iterator[str]:
    """Yield a line for each difference of an entry, those of ours first."""
    if entry["walk"] == "exact":
        for miss in entry["misses"]:
            yield f"OURS {entry['name']} {entry['dtype']}: {miss}"
        for defect in entry["defects"]:
            yield f"{defect['who']} {entry['name']} {entry['dtype']}: {defect}"
        return
    about = f"{entry['name']} (draw {entry['seed']}, {entry['target']})"
    for quarrel in sorted(entry["quarrels"], key=lambda q: not is_ours(entry, q)):
        yield f"{'OURS' if is_ours(entry, quarrel) else quarrel['who']} {about}: {quarrel}"
    for who, why in entry["no"].items():
        yield f"{who} has no {about}: {why}"


class Summary:
    """Hold the sums of a record."""

    def __init__(self, record: Record) -> None:
        self.exact = list(record.of("exact"))
        known = {case.name for case in ALL}
        self.functions = [e for e in record.of("functions") if e["name"] in known]
        self.ours = sum(len(e["misses"]) for e in self.exact)
        self.ours += sum(is_ours(e, q) for e in self.functions for q in e["quarrels"])
        self.theirs = sum(len(e["defects"]) for e in self.exact)
        self.theirs += sum(not is_ours(e, q) and q["judged"] == "theirs"
                           for e in self.functions for q in e["quarrels"])  # fmt: skip
        self.missing = covered.missing()[0]

    def lines(self) -> Iterator[str]:
        """Yield what was compared, the mismatches, and what is not covered."""
        names = {e["name"] for e in self.functions}
        compiled = sum(e["target"] == "numba" for e in self.functions)
        yield (
            f"{len({e['name'] for e in self.exact})} elementwise operations at hard points; "
            f"{len({n.partition(',')[0] for n in names})} functions in {len(names)} calls, "
            f"{len(self.functions)} draws, {compiled} of them with Numba; JAX answered "
            f"{_answered(self.functions, 'JAX')} of the calls, PyTorch "
            f"{_answered(self.functions, 'PyTorch')}"
        )
        yield f"{self.ours} mismatches of ours; {self.theirs} results of peers that are wrong"
        if self.missing:
            yield f"not compared, though a peer has it: {', '.join(self.missing)}"


def _answered(entries: Sequence[Entry], who: str) -> int:
    """Return how many calls a peer has answered."""
    return len({e["name"] for e in entries if any(key.startswith(who) for key in e["units"])})


# The page


def text(record: Record) -> str:
    """Return the page."""
    summary = Summary(record)
    lines = [*_head(summary), *_sums(summary), *_special(), *_exact_defects(summary),
             *_defects(summary), *_refusals(summary), *_rest(summary)]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _head(summary: Summary) -> Iterator[str]:
    """Yield what was compared, with which versions, and how."""
    jax, _ = peers.jax()
    with_peer = {e["name"].partition(",")[0] for e in summary.functions
                 if any(key.startswith(("JAX", "PyTorch")) for key in e["units"])}  # fmt: skip
    yield "# Beside NumPy, JAX and PyTorch"
    yield ""
    yield (
        f"Written by `{COMMAND}`, with NumPy {np.__version__}, SciPy {scipy.__version__}, JAX "
        f"{jax.__version__} and PyTorch {peers.torch().__version__} on a CPU. `make bench` makes "
        "an environment that has them; `--only NAME` runs a part, and a run that was broken off "
        "goes on where its record ends."
    )
    yield ""
    yield (
        "The functions that [coverage.md](coverage.md) calls known are compared in their values "
        "and, where they have some, in the gradient of Σ w f(x) with random weights w, on random "
        "shapes that broadcast, in float64 and float32; "
        f"JAX or PyTorch has {len(with_peer)} of them, "
        "the values of all are held to NumPy's or SciPy's too. An error counts in units of ε times "
        "the condition, which is measured: how far the result moves where the operands move by "
        "10⁻⁷ of themselves. More than 100 units are a mismatch; then difference quotients of "
        "NumPy's function, extrapolated, say who is wrong, and mpmath does at the hard points of "
        "elementwise operations. In float32 everybody is held to the float64 result. JAX compiles "
        "each call and shape anew, and is asked at the first draw alone."
    )
    yield ""
    yield "**Result.** " + ". ".join(summary.lines()) + "."
    yield ""


def _worst(entries: Sequence[Entry], who: Sequence[str]) -> str:
    """Return the largest error of some, in units, as text."""
    found = [e["units"].get(key, 0.0) for e in entries for key in who]
    worst = max(found, default=0.0)
    return "wrong" if worst > FAR else f"{worst:.2g}"


def _sums(summary: Summary) -> Iterator[str]:
    """Yield the largest errors by subject."""
    yield "| subject | functions | calls | ours, float64 | ours, float32 | JAX | PyTorch |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield from (_row(subject,
         [e for e in summary.functions if e["name"] in {c.name for c in cases}])
                for subject, cases in SUBJECTS.items())  # fmt: skip
    found = {e["name"] for e in summary.exact}
    own = [_worst(summary.exact, [f"ours {kind}"]) for kind in ("float64", "float32")]
    rest = [_worst(summary.exact, [f"{who} float64", f"{who} float32"]) for who in PEERS]
    yield f"| elementwise, at hard points, in ulp | {len(found)} | | {' | '.join(own + rest)} |"
    yield ""
    yield (
        "The largest error of each, in units. Ours in float64 is the largest difference from a "
        "peer that is right."
    )
    yield ""


PEERS = ("JAX", "PyTorch")


def _row(subject: str, entries: Sequence[Entry]) -> str:
    """Return the row of a subject."""
    names = {e["name"] for e in entries}
    right = [_agreed(e) for e in entries]
    own = max(right, default=0.0)
    cells = [f"{own:.2g}", _worst(entries, ["ours float32"])]
    cells += [_worst(entries, [f"{who} float64", f"{who} float32"]) for who in PEERS]
    functions = len({n.partition(",")[0] for n in names})
    return f"| {subject} | {functions} | {len(names)} | {' | '.join(cells)} |"


def _agreed(entry: Entry) -> float:
    """Return the largest difference in float64 from those that are not wrong."""
    wrong = {q["who"] for q in entry["quarrels"] if q["judged"] == "theirs"}
    keys = [f"{who} float64" for who in ("NumPy", *PEERS) if who not in wrong]
    return max((entry["units"].get(key, 0.0) for key in keys), default=0.0)


EXAMPLE = """\
```python
import numpy as np

import bpcompile as bp


def loss(x):
    return np.sum(np.where(x > 0, np.sqrt(x), 0.0)) + np.linalg.norm(x)


print(bp.grad(loss, target="numpy")(np.zeros(2)))  # both peers: [nan nan]
```

```text
[0. 0.]
```

""".splitlines()


def _special() -> Iterator[str]:
    """Yield the table of special points."""
    yield "## Special points"
    yield ""
    yield (
        "Gradients at kinks, limits and beside branches that are not taken. What is wrong is "
        "**bold**; `tests/contract/test_numerics.py` holds ours in both targets."
    )
    yield ""
    yield from EXAMPLE
    yield "| gradient of | bpcompile | JAX | PyTorch |"
    yield "| --- | --- | --- | --- |"
    for point, cells in points.table():
        right = points.shown(point.right)
        marked = [found if fine else _bold(found, right) for found, fine in cells]
        yield f"| {point.text} | {' | '.join(marked)} |"
    yield ""


def _bold(found: str, right: str) -> str:
    """Return a wrong result as text."""
    return f"**{found}**, off in later digits" if found == right else f"**{found}**"


def _number(x: float) -> str:
    """Return a number as text."""
    return f"{x:.10g}"


def _size(units: float) -> str:
    """Return an error as text."""
    return "wrong" if not units <= FAR else f"{units:.0f}"


def _exact_defects(summary: Summary) -> Iterator[str]:
    """Yield the table of what mpmath found."""
    yield "## Defects of peers at hard points, by mpmath"
    yield ""
    yield (
        "The worst point of each operation whose exact result is a normal number, of those where "
        "the error is above 100 units in the last place times the condition."
    )
    yield ""
    yield "| operation | of | in | peer | at | it gives | right is | error in ulp |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for entry in summary.exact:
        for d in entry["defects"]:
            at = ", ".join(f"{x:.6g}" for x in d["at"])
            cells = (d["part"], entry["dtype"], d["who"], at, _number(d["found"]),
                     _number(d["right"]), _size(d["units"]))  # fmt: skip
            yield f"| `{entry['name']}` | {' | '.join(cells)} |"
    yield ""


def _defects(summary: Summary) -> Iterator[str]:
    """Yield the table of wrong results on random shapes, the worst of each peer and precision."""
    worst: dict[tuple[str, str, str], tuple[Entry, dict[str, Any]]] = {}
    for entry in summary.functions:
        for q in entry["quarrels"]:
            if is_ours(entry, q) or q["judged"] != "theirs":
                continue
            about = (entry["name"], q["who"], q["dtype"])
            if about not in worst or q["units"] > worst[about][1]["units"]:
                worst[about] = (entry, q)
    yield "## Defects of peers on random shapes"
    yield ""
    yield "| call | of | in | peer | it gives | right is | error in units |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for entry, q in worst.values():
        cells = (q["part"], q["dtype"], q["who"], _number(q["other"]), _number(q["right"]),
                 _size(q["units"]))  # fmt: skip
        yield f"| `{entry['name']}` | {' | '.join(cells)} |"
    yield ""


def _refusals(summary: Summary) -> Iterator[str]:
    """Yield what peers have, but raise an error for."""
    found: dict[tuple[str, str], str] = {}
    for entry in summary.functions:
        for who, why in entry["no"].items():
            if not why.startswith("AttributeError"):  # it has no function of this name
                found.setdefault((entry["name"], who), why)
    yield "## Where a peer raises an error"
    yield ""
    yield "| call | peer | error |"
    yield "| --- | --- | --- |"
    for (name, who), why in found.items():
        yield f"| `{name}` | {who} | {why.split(', which is')[0][:110]} |"
    yield ""


def _rest(summary: Summary) -> Iterator[str]:
    """Yield what is not as in NumPy, and what only NumPy could be asked."""
    yield "## Where a dtype is not NumPy's"
    yield ""
    yield from (f"- `{name}`: {why}." for name, why in OTHER_TYPES.items())
    yield ""
    alone = {e["name"].partition(",")[0] for e in summary.functions}
    alone -= {e["name"].partition(",")[0] for e in summary.functions
              if any(key.startswith(PEERS) for key in e["units"])}  # fmt: skip
    yield "## Compared with NumPy or SciPy alone"
    yield ""
    yield "Neither JAX nor PyTorch has them: " + ", ".join(f"`{n}`" for n in sorted(alone)) + "."
    yield ""
