"""Write the page of what is known of NumPy, SciPy and JAX: ``python docs/coverage.py``.

In: the tables of rules and operations. Out: `docs/coverage.md`, which a test holds to them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import scipy.special

import bpcompile as bp
from bpcompile.frontend import tracing  # noqa: F401 - tracing enters the rules
from bpcompile.frontend.complex import (
    formulas,
    rules,
)
from bpcompile.frontend.functions import (
    creation,
    fourier,
)
from bpcompile.frontend.registry import RULES
from bpcompile.ir.op import OPS, Kind


def _names(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


PAGE = Path(__file__).with_name("coverage.md")

# Rules whose results are whole numbers or truths, or which nothing is differentiated through.
WITHOUT_DERIVATIVE = _names(
    """
    all allclose any argmax argmin argpartition argsort array_equal array_equiv bitwise_count
    count_nonzero diag_indices_from digitize fix gcd isclose iscomplex iscomplexobj isin
    isneginf isposinf isreal isrealobj lcm lexsort linalg.matrix_rank nanargmax nanargmin
    ndim ravel_multi_index searchsorted shape sign signbit size tril_indices_from
    triu_indices_from unravel_index
    """
)
# What has rules only to say what to write instead.
REFUSED = RULES["nonzero"]
# Functions that need no rule: while a model is traced their arguments are known, so that NumPy
# itself runs, and those that make arrays are replaced as the source is rewritten.
PLAIN = _names(
    """
    bartlett blackman broadcast_shapes can_cast diag_indices einsum_path finfo fromfunction
    geomspace hamming hanning iinfo indices isscalar issubdtype iterable ix_ kaiser logspace
    mask_indices promote_types result_type tri tril_indices triu_indices
    """
)
REASONS: dict[str, frozenset[str]] = {
    "its result has a length that depends on values": _names(
        """
        argwhere flatnonzero histogram histogram2d histogram_bin_edges histogramdd
        intersect1d nonzero setdiff1d setxor1d trim_zeros union1d unique unique_all
        unique_counts unique_inverse unique_values
        """
    ),
    "its results are complex where they are returned": _names(
        "common_type linalg.eig linalg.eigvals mintypecode poly roots sort_complex"
    ),
    "it is about memory, text, files or settings": _names(
        """
        array2string array_repr array_str asanyarray asarray_chkfinite ascontiguousarray
        asfortranarray asmatrix base_repr binary_repr bmat busday_count busday_offset
        datetime_as_string datetime_data format_float_positional format_float_scientific
        from_dlpack frombuffer fromfile fromiter frompyfunc fromregex fromstring genfromtxt
        get_include get_printoptions getbufsize geterr geterrcall info is_busday isdtype
        isfortran isnat load loadtxt may_share_memory min_scalar_type nested_iters packbits
        printoptions require save savetxt savez savez_compressed set_printoptions setbufsize
        seterr seterrcall shares_memory show_config show_runtime test typename unpackbits
        """
    ),
}


def functions_of(module: object, names: Iterable[str]) -> list[str]:
    """Return the functions among the public names of a module."""
    found = ((name, getattr(module, name, None)) for name in names)
    return sorted(name for name, value in found if callable(value) and not inspect.isclass(value))


def state_of(name: str, rule: Callable[..., object] | None) -> str:
    """Return what is known of a function: yes, no derivative, or nothing."""
    if rule is None or rule is REFUSED:
        return "no"
    op = OPS.get(name.split(".")[-1])
    steps = op is not None and op.kind is Kind.ELEMENTWISE and op.derivative == "zero"
    return "no derivative" if steps or name in WITHOUT_DERIVATIVE else "yes"


def reason(name: str) -> str:
    """Return why a function is not known."""
    for text, names in REASONS.items():
        if name in names:
            return text
    return "not yet"


def numpy_rule(name: str, prefix: str = "") -> Callable[..., object] | None:
    """Return the rule of a function of NumPy, also under its first name."""
    module = getattr(np, prefix) if prefix else np
    function = getattr(module, name)
    if not prefix and name in vars(creation):
        return function
    if function in fourier.FREQUENCIES:
        return fourier.FREQUENCIES[function]
    first = getattr(function, "__name__", name)
    dot = f"{prefix}." if prefix else ""
    return RULES.get(f"{dot}{name}") or RULES.get(f"{dot}{first}")


def section(title: str, states: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a module: what is known, and the rest by reason."""
    known = sum(state in ("yes", "no derivative", "plain") for state in states.values())
    yield f"## {title}: {known} of {len(states)}"
    yield ""
    groups: dict[str, list[str]] = {}
    for name, state in sorted(states.items()):
        groups.setdefault(state, []).append(name.rpartition(".")[2])
    order = {"yes": "Known, with derivatives where they have some",
             "no derivative": "Known, without derivative (steps, questions, places)",
             "plain": "Of known arguments alone, so that NumPy itself runs"}  # fmt: skip
    for state in [*order, *sorted(set(groups) - set(order))]:
        if state in groups:
            names = ", ".join(f"`{name}`" for name in groups[state])
            yield f"**{order.get(state, f'Not known: {state}')}.** {names}"
            yield ""


def of_numpy(prefix: str = "") -> dict[str, str]:
    """Return what is known of each function of NumPy or of one of its modules."""
    module = getattr(np, prefix) if prefix else np
    dot = f"{prefix}." if prefix else ""
    states = {}
    for name in functions_of(module, module.__all__):
        state = state_of(f"{dot}{name}", numpy_rule(name, prefix))
        if state == "no":
            state = "plain" if name in PLAIN and not prefix else reason(f"{dot}{name}")
        states[f"{dot}{name}"] = state
    return states


def of_scipy() -> dict[str, str]:
    """Return what is known of each function of `scipy.special`."""
    states = {}
    for name in functions_of(scipy.special, scipy.special.__all__):
        state = state_of(name, RULES.get(f"special.{name}") or RULES.get(name))
        states[name] = "not yet" if state == "no" else state
    return states


# Those of JAX 0.10.
JAX_NN = _names(
    """
    celu dot_product_attention elu gelu glu hard_sigmoid hard_silu hard_swish hard_tanh
    identity leaky_relu log1mexp log_sigmoid log_softmax logmeanexp logsumexp mish one_hot
    relu relu6 scaled_dot_general scaled_matmul selu sigmoid silu soft_sign softmax softplus
    sparse_plus sparse_sigmoid squareplus standardize swish tanh
    """
)


def of_jax() -> dict[str, str]:
    """Return which functions of `jax.nn` `bp.nn` has under the same name."""
    return {name: "yes" if hasattr(bp.nn, name) else "not yet" for name in JAX_NN}


def of_scipy_module(module: str) -> Iterator[str]:
    """Yield the lines about a module of SciPy of which a few functions are known."""
    prefix = f"scipy.{module}."
    names = sorted(rule.removeprefix(prefix) for rule in RULES if rule.startswith(prefix))
    yield f"## scipy.{module}"
    yield ""
    yield f"**Known, with derivatives.** {', '.join(f'`{name}`' for name in names)}"
    yield ""


def of_complex() -> Iterator[str]:
    """Yield the lines about complex values inside a model."""
    tables = (rules.PART_BY_PART, rules.JOINING, rules.PRODUCTS)
    known = {*formulas.ELEMENTWISE, *rules.OTHERS}.union(*tables)
    names = sorted(name for name in known if not name.startswith("ndarray."))
    yield "## Complex values"
    yield ""
    yield (
        "Spectra, `1j * x` and captured complex arrays may be used inside a model with these "
        "functions, the operators, `.real`, `.imag`, indices and writes. Arguments and results "
        "are real: return `np.abs(z)`, or `np.stack([z.real, z.imag])`."
    )
    yield ""
    yield ", ".join(f"`{name}`" for name in names)
    yield ""


def page() -> str:
    """Return the page."""
    lines = [
        "# What is known of NumPy, SciPy and JAX",
        "",
        "Written by `python docs/coverage.py` from the tables of rules and operations.",
        "",
        *section("numpy", of_numpy()),
        *section("numpy.linalg", of_numpy("linalg")),
        *section("numpy.fft", of_numpy("fft")),
        *of_complex(),
        *section("scipy.special", of_scipy()),
        *of_scipy_module("fft"),
        *of_scipy_module("linalg"),
        *of_scipy_module("signal"),
        *section("jax.nn, as `bp.nn`", of_jax()),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
