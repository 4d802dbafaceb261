"""What does not fit a function is a typed error with the user's line, for every rule."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from bpcompile.errors import ArgumentError, BpcompileError, OutOfRangeError, ShapeError
from bpcompile.frontend import tracing  # noqa: F401 - enters the rules
from bpcompile.frontend.answering import answered
from bpcompile.frontend.registry import RULES
from tests.tracing import traced

X = np.array([0.5, -1.0, 2.0, 0.25])
M = np.arange(12.0).reshape(3, 4) / 7.0
OBJECTS = np.array([None, 1, 2, 3], dtype=object)
MODULES = {
    "linalg": np.linalg, "fft": np.fft, "special": scipy.special, "scipy.linalg": scipy.linalg,
}  # fmt: skip

# Each is wrong for every function that takes it at all.
WRONG = {
    "an unknown keyword": lambda f, x: f(x, no_such_keyword=1),
    "too many operands": lambda f, x: f(x, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    "no such axis": lambda f, x: f(x, axis=7),
    "an axis that is no int": lambda f, x: f(x, axis=1.5),
    "a repeated axis": lambda f, x: f(x, axis=(0, 0)),
    "out": lambda f, x: f(x, out=np.zeros(4)),
    "no dtype": lambda f, x: f(x, dtype="no_such_dtype"),
    "no mode": lambda f, x: f(x, mode="no_such_mode"),
    "keepdims": lambda f, x: f(x, keepdims="no"),
    "text": lambda f, x: f(x, "text"),
    "objects": lambda f, x: f(x, OBJECTS),
    "a dict": lambda f, x: f({}, x),
    "too long": lambda f, x: f(x, np.ones(5)),
    "complex values": lambda f, x: f(x, 1j * X),
}
# A word here is no mistake: a mode of `unpad` and the like, or a function that ignores it as NumPy.
FUNCTIONS = {
    function: name
    for name in RULES
    if not name.startswith("_")
    for module, _, short in [name.rpartition(".")]
    if callable(function := getattr(MODULES.get(module, np), short, None))
    and not isinstance(function, type)
    and short != "row_stack"  # NumPy's warns, and calls vstack
}


@pytest.mark.parametrize("what", WRONG)
def test_every_rule_refuses_with_a_line(what):
    """Nothing but a typed error with a line, or what NumPy takes as well, may come of it."""
    call = WRONG[what]
    faults = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for function, name in FUNCTIONS.items():
            try:
                traced(lambda x, f=function: call(f, x), X)
            except BpcompileError as error:
                # That a result is no array is known once the function has returned.
                if not re.search(r"test_answering\.py:\d|^the function returns", str(error)):
                    faults.append(f"{name}: no line: {error}")
            except Exception as error:  # noqa: BLE001 - what is looked for
                faults.append(f"{name}: {type(error).__name__}: {error}")
    assert not faults, "\n".join(faults)


def test_the_message_has_the_call_and_the_form():
    with pytest.raises(ArgumentError) as found:
        traced(lambda x: np.take(x, [0], no_such=1), X)
    text = str(found.value)
    assert text.startswith("np.take(f64[n], [0], no_such=1) at ")
    assert "unexpected keyword argument 'no_such'" in text
    assert "write np.take(a, indices, axis=None" in text


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (TypeError("t"), ArgumentError),
        (KeyError("k"), ArgumentError),
        (AssertionError(), ArgumentError),
        (IndexError("i"), OutOfRangeError),
        (ValueError("v"), ShapeError),
    ],
)
def test_what_an_unexpected_exception_becomes(raised, error):
    namespace = {"raised": raised}
    exec("def inner(x):\n    raise raised", namespace)  # not in a file of the user's
    with pytest.raises(error, match=r"np\.f\(1\.5\) at .*test_answering\.py:\d+: .*np\.f\(x\)"):
        answered("np.f", namespace["inner"], (1.5,), {})


def test_an_exception_of_the_users_goes_through():
    def mine(vector):
        raise KeyError("mine")

    with pytest.raises(KeyError, match=r"^'mine'$"):
        traced(lambda x: np.apply_along_axis(mine, 0, x), M)
