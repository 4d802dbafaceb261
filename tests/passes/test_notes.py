"""Notes of loops say what is kept and read, and nothing that is not any more."""

from __future__ import annotations

import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.type import f64
from bpcompile.passes.notes import settled_note

KEEPS = "keeps x and 1 more value of each step on the tape"
READS = "runs the steps backwards: reads x from the tape"


@pytest.mark.parametrize(
    ("note", "settled"),
    [
        (KEEPS, ""),
        (READS, "runs the steps backwards: needs no tape"),
        (f"{READS} and computes 1 value again", "runs the steps backwards: computes 1 value again"),
        ("keeps x before every 10 steps", "keeps x before every 10 steps"),
        ("computes again what was not kept", "computes again what was not kept"),
        (
            f"{READS}, reads y as the steps leave it and computes 2 values again",
            "runs the steps backwards: reads y as the steps leave it and computes 2 values again",
        ),
    ],
)
def test_a_tape_that_is_gone_is_not_named(note, settled):
    b = Builder()
    x, tape = b.param("x", f64[()]).node, b.param("x_tape", f64["n"]).node
    assert settled_note(note, (x,), 0) == settled
    assert settled_note(note, (x, tape), 0) == note
    assert settled_note(note, (x,), 1) == note
