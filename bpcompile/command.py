"""Read what a command line says: which function, of which types, with which arguments.

In: texts. Out: a `CompiledFunction`, types, and arrays. The file of a model is run, as Python runs
it; everything else is parsed as data: JSON, numbers, NumPy's files without pickles.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import math
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bpcompile.compiled import CompiledFunction
from bpcompile.errors import ArgumentError
from bpcompile.function import compile as compile_function
from bpcompile.function import grad, jvp, value_and_grad, vjp
from bpcompile.ir.dims import evaluate, size_names
from bpcompile.ir.type import DType, Spec, Type, bool_, f32, f64, i64

_TRANSFORMS: dict[str, Callable[..., Any]] = {
    "grad": grad,
    "value_and_grad": value_and_grad,
    "vjp": vjp,
    "jvp": jvp,
}
_SPECS: dict[str, Spec] = {"f64": f64, "f32": f32, "i64": i64, "bool_": bool_, "bool": bool_}
_SPEC = re.compile(r"(?:bp\.)?(f64|f32|i64|bool_?)(?:\[(.*)\])?", re.DOTALL)
_MOST_FILE = 1 << 30


def load_function(
    place: str, transform: str = "value_and_grad", wrt: str | None = None, target: str = "numba"
) -> CompiledFunction:
    """Return the function that ``FILE:FUNCTION`` names, under a transform.

    A function that is under a transform already is taken as it is.

    Raises:
        ArgumentError: for a file that is not there or does not run, a name that it does not have,
            an unknown transform, or `wrt` for a function under a transform.
    """
    function = _function(place)
    if isinstance(function, CompiledFunction):
        if wrt is not None:
            raise ArgumentError(f"--wrt: {place} is under a transform already, which has argnums")
        return function
    if not callable(function):
        raise ArgumentError(f"{place} is a {type(function).__name__}: name a function")
    if transform == "compile":
        if wrt is not None:
            raise ArgumentError("--wrt: --transform compile differentiates nothing: leave it out")
        plain: CompiledFunction = compile_function(function, target=target)
        return plain
    if transform not in _TRANSFORMS:
        names = ", ".join(["compile", *_TRANSFORMS])
        raise ArgumentError(f"--transform {transform}: write one of {names}")
    made: CompiledFunction = _TRANSFORMS[transform](function, _argnums(wrt), target=target)
    return made


def _argnums(wrt: str | None) -> int | str | tuple[int | str, ...]:
    """Return what is differentiated."""
    if wrt is None:
        return 0
    parts = [part.strip() for part in wrt.split(",") if part.strip()]
    if not parts:
        raise ArgumentError("--wrt is empty: write names or positions with commas, as w,b or 0,1")
    found = tuple(int(part) if part.lstrip("-").isdigit() else part for part in parts)
    return found if "," in wrt else found[0]


def _function(place: str) -> Any:
    """Return the object that ``FILE:FUNCTION`` names."""
    file, mark, name = place.rpartition(":")
    if not mark or not file or not name:
        raise ArgumentError(f"{place!r} names no function: write FILE:FUNCTION, as model.py:loss")
    path = Path(file)
    if not path.is_file():
        raise ArgumentError(f"there is no file {file}: write the path of a Python file")
    module = _module(path)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            known = [key for key, value in vars(module).items() if _is_offered(value, module)]
            offered = f": it has {', '.join(sorted(known))}" if known else ""
            raise ArgumentError(f"{file} has no function {name}{offered}")
    return found


def _is_offered(value: Any, module: Any) -> bool:
    """Tell whether a value of a module is a function of its own."""
    own = getattr(value, "__module__", None) == module.__name__
    return own and (inspect.isfunction(value) or isinstance(value, CompiledFunction))


def _module(path: Path) -> Any:
    """Run a Python file and return its module; files beside it can be imported."""
    name = f"bpcompile_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise ArgumentError(f"{path} does not run: {_described(error, path)}") from error
    finally:
        sys.path.pop(0)
    return module


def _described(error: Exception, path: Path) -> str:
    """Return an error with the line of the file that it comes from, in one line."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}{where}"


# -- types ---------------------------------------------------------------------------------------


def specs_for(fn: CompiledFunction, given: Sequence[str]) -> dict[str, Type]:
    """Return the type of each parameter, from ``name=type`` texts or the function's annotations.

    Raises:
        ArgumentError: for a text that is no type, or a parameter without one.
    """
    specs = dict(_named_spec(text) for text in given)
    parameters = _parameters(fn)
    unknown = [name for name in specs if parameters and name not in parameters]
    if unknown:
        raise ArgumentError(
            f"--spec {unknown[0]}: the parameters are {', '.join(parameters)}: write one of them"
        )
    for name, parameter in parameters.items():
        if name in specs:
            continue
        if isinstance(parameter.annotation, Type):
            specs[name] = parameter.annotation
        elif parameter.default is inspect.Parameter.empty:
            raise ArgumentError(
                f"the type of {name} is not known: write --spec {name}='f64[n]', or an example for "
                "each argument behind --args"
            )
    return {name: specs[name] for name in [*parameters, *specs] if name in specs}


def _parameters(fn: CompiledFunction) -> dict[str, inspect.Parameter]:
    """Return the parameters of the model that can be given by name."""
    function = getattr(fn, "__wrapped__", fn)
    try:
        signature = inspect.signature(function, eval_str=True)
    except (ValueError, TypeError, NameError):
        return {}
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: p for name, p in signature.parameters.items() if p.kind not in kinds}


def _named_spec(text: str) -> tuple[str, Type]:
    """Return the name and type of ``x=f64[n, 3]``."""
    name, mark, spec = text.partition("=")
    if not mark or not name.strip().isidentifier():
        raise ArgumentError(f"--spec {text!r}: write NAME=TYPE, as x='f64[n 3]'")
    return name.strip(), parse_spec(spec)


def parse_spec(text: str) -> Type:
    """Return the type that a text such as ``f64[n 3]``, ``i64[n]`` or ``f64`` stands for.

    Raises `ArgumentError` for a text that is no type, and `ShapeError` for a bad length.

    >>> parse_spec("f64[n, 3]"), parse_spec("f32")
    (f64[n, 3], f32[])
    """
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        raise ArgumentError(
            f"{text!r} is no type: write f64, f32, i64 or bool, with lengths as in f64[n 3]"
        )
    lengths = (found[2] or "").strip()
    return _SPECS[found[1]][lengths if lengths not in ("", "()") else ()]


# -- values --------------------------------------------------------------------------------------


def arguments_for(
    fn: CompiledFunction, texts: Sequence[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positions and keywords from texts: numbers, JSON, ``.npy`` and ``.npz`` files.

    The arrays of an ``.npz`` file go to the parameters of their names. Whole numbers in a
    differentiated argument are taken as floats, since a command line means 2 where it says 2.

    Raises:
        ArgumentError: for a text that is none of these, or a file that cannot be read.
    """
    positions: list[Any] = []
    keywords: dict[str, Any] = {}
    for text in texts:
        if text.endswith(".npz"):
            keywords.update(_archive(text))
        else:
            positions.append(parse_value(text))
    names = list(_parameters(fn))
    for selector in fn.transform.argnums:
        if isinstance(selector, str):
            selector = names.index(selector) if selector in names else len(positions)
        if -len(positions) <= selector < len(positions):
            positions[selector] = _as_floats(positions[selector])
    return tuple(positions), keywords


def parse_value(text: str) -> Any:
    """Return the number, array or tree of arrays that a text stands for.

    A JSON list of numbers is an array; an object is a dict of such values.

    >>> parse_value("2.5"), parse_value("[[1, 2], [3, 4]]").shape
    (2.5, (2, 2))
    """
    if text.endswith(".npy"):
        return _array_file(text)
    try:
        return _as_arrays(json.loads(text), text)
    except (json.JSONDecodeError, RecursionError):
        raise ArgumentError(
            f"{text!r} is no argument: write a number, a JSON list such as '[1, 2]', or a .npy file"
        ) from None


# -- arguments by size ---------------------------------------------------------------------------


def sizes_of(text: str) -> list[int]:
    """Return the lengths that ``1e2:1e6``, powers of ten, or ``100, 250`` stand for.

    >>> sizes_of("1e2:1e4"), sizes_of("5, 7")
    ([100, 1000, 10000], [5, 7])
    """
    parts = text.split(":") if ":" in text else text.split(",")
    try:
        found = [round(float(part)) for part in parts]
    except (ValueError, OverflowError):
        found = []
    if ":" in text and len(found) == 2 and 0 < found[0] <= found[1]:
        count = round(math.log10(found[1] / found[0])) + 1
        return [found[0] * 10**k for k in range(count)]
    if ":" in text or not found or min(found) < 1:
        raise ArgumentError(f"--sizes {text!r}: write a range as 1e2:1e6, or lengths as 100,1000")
    return found


def arguments_of_size(
    specs: Mapping[str, Type], fixed: Sequence[str]
) -> Callable[[int], list[Any]]:
    """Return what makes random arguments of some types, for a length of the dimension that is free.

    Raises:
        ArgumentError: for a text that is no ``NAME=LENGTH``, or where not one dimension is free.
    """
    lengths: dict[str, int] = {}
    for text in fixed:
        name, _, value = text.partition("=")
        if not name.strip().isidentifier() or not value.strip().isdigit():
            raise ArgumentError(f"--dim {text!r}: write NAME=LENGTH, as d=10")
        lengths[name.strip()] = int(value)
    names = {name for spec in specs.values() for size in spec.shape for name in size_names(size)}
    free = sorted(names - lengths.keys())
    if len(free) != 1:
        known = f"{', '.join(free)} are free" if free else "no dimension is free"
        raise ArgumentError(
            f"{known} for --sizes: leave one, and write --dim NAME=LENGTH for others"
        )

    def make(size: int) -> list[Any]:
        rng = np.random.default_rng(0)
        known = {**lengths, free[0]: size}
        return [_random(rng, spec, known) for spec in specs.values()]

    return make


def _random(rng: np.random.Generator, spec: Type, lengths: Mapping[str, int]) -> Any:
    """Return a random value of a type: normal floats, ints from 0 to 9."""
    shape = tuple(evaluate(size, lengths) for size in spec.shape)
    if spec.dtype.is_float:
        found: Any = rng.normal(size=shape)
    else:
        found = rng.integers(0, 2 if spec.dtype is DType.BOOL else 10, size=shape)
    array = np.asarray(found, spec.dtype.numpy_name)
    return array if shape else array.item()


def _as_arrays(value: Any, text: str) -> Any:
    """Return a JSON value with its lists as arrays."""
    if isinstance(value, dict):
        return {key: _as_arrays(inner, text) for key, inner in value.items()}
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, list):
        try:
            array = np.array(value)
        except ValueError:
            raise ArgumentError(f"{text!r}: the rows of an array must have equal lengths") from None
        if array.dtype.kind in "fib":
            return array
    raise ArgumentError(f"{text!r} holds what is no number: write numbers and lists of them")


def _as_floats(value: Any) -> Any:
    """Return whole numbers as floats, in a tree."""
    if isinstance(value, dict):
        return {key: _as_floats(inner) for key, inner in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "i":
        return value.astype(np.float64)
    return value


def _array_file(text: str) -> np.ndarray:
    """Return the array of an ``.npy`` file."""
    _require_file(text)
    try:
        array: np.ndarray = np.load(text, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ArgumentError(f"{text} cannot be read as an array: {error}") from None
    return array


def _archive(text: str) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by name."""
    _require_file(text)
    try:
        with np.load(text, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ArgumentError(f"{text} cannot be read as an archive of arrays: {error}") from None


def _require_file(text: str) -> None:
    """Refuse a file that is not there or too large to be meant."""
    path = Path(text)
    if not path.is_file():
        raise ArgumentError(f"there is no file {text}: write the path of a file of arrays")
    if path.stat().st_size > _MOST_FILE:
        raise ArgumentError(f"{text} has over {_MOST_FILE} bytes: load it in Python instead")
