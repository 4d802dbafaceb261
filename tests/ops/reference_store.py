"""Keep what mpmath found between runs, in files that a run reads where it has been before.

mpmath takes minutes over ten thousand points of a Bessel function. A file holds the results of one
op as text, in hexadecimal, and is named by all that they depend on: the points, and the sources of
the references. The folder is `BPCOMPILE_REFERENCES`, by default one for each user in the folder
of temporary files; nothing in it is run, and it may be deleted at any time.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mpmath
import numpy as np

from tests.ops import references
from tests.ops.limits import FAMILIES, exact
from tests.ops.references import exactly, mp

Wanted = list[list[tuple[mpmath.mpf, mpmath.mpf]]]


def folder() -> Path:
    """Return the folder of the files."""
    default = Path(tempfile.gettempdir()) / f"bpcompile-references-{getpass.getuser()}"
    return Path(os.environ.get("BPCOMPILE_REFERENCES", default))


def wanted_at(name: str, at: Sequence[np.ndarray]) -> Wanted:
    """Return the exact results of an op, value first, each with the term in which errors count."""
    return [exactly(at, function, term) for _, function, term in exact(name)]


def kept_at(name: str, at: Sequence[np.ndarray]) -> Wanted:
    """Return the same, from its file if there is one; else write that."""
    path = folder() / f"{name}-{_key(name, at)}.txt"
    if path.exists():
        return _parsed(path.read_text(encoding="ascii"))
    found = wanted_at(name, at)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(_written(found), encoding="ascii")
    part.replace(path)
    return found


def _key(name: str, at: Sequence[np.ndarray]) -> str:
    """Return a digest of what the results of an op at these points depend on."""
    family = next(module for module, table in FAMILIES.items() if name in table)
    digest = hashlib.sha256()
    for module in dict.fromkeys([references.__name__, family]):
        digest.update(Path(str(sys.modules[module].__file__)).read_bytes())
    for operand in at:
        digest.update(np.ascontiguousarray(operand).tobytes())
    return digest.hexdigest()[:16]


def _written(wanted: Wanted) -> str:
    """Return results as text: a paragraph each, a line for each point."""
    paragraphs = (
        "\n".join(f"{_number(exact)} {_number(term)}" for exact, term in result)
        for result in wanted
    )
    return "\n\n".join(paragraphs)


def _parsed(text: str) -> Wanted:
    """Return the results that a text holds."""
    return [
        [tuple(_of_word(word) for word in line.split()) for line in paragraph.split("\n")]
        for paragraph in text.split("\n\n")
    ]


def _number(x: mpmath.mpf | int) -> str:
    """Return a number as its digits and its exponent of two."""
    x = mp.mpf(x)
    if not mp.isfinite(x):
        return str(x)
    sign, digits, exponent, _ = x._mpf_
    return f"{'-' if sign else ''}{digits:x}p{exponent}"


def _of_word(word: str) -> mpmath.mpf:
    """Return the number that a word is."""
    digits, _, exponent = word.partition("p")
    return mp.ldexp(mp.mpf(int(digits, 16)), int(exponent)) if exponent else mp.mpf(word)
