"""Find the templates and fill them strictly: a context is a dataclass, checked both ways."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcompile.emit.layout import FunctionText, Line
from bpcompile.errors import CompileError

if TYPE_CHECKING:
    import jinja2


@functools.cache
def template_root() -> Path:
    """Return the templates' folder: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "templates", package.parent / "templates"):
        if (root / "numpy" / "module.py.j2").is_file():
            return root
    raise CompileError(
        f"the templates of bpcompile are missing beside {package.name}: install again"
    )


@functools.cache
def _environment() -> jinja2.Environment:
    """Return the one environment: strict, and reading only from our own folder."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_root()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is Python, and `emit.check` is its boundary
    )


def fill(template: str, context: Any) -> str:
    """Return the text of a template with the fields of a dataclass in place."""
    fields = {f.name: getattr(context, f.name) for f in dataclasses.fields(context)}
    return _environment().get_template(template).render(fields)


@functools.cache
def _function_source(name: str, target: str) -> str:
    """Return the source of an emitted helper function, the numpy target's own where it has one."""
    folders = dict.fromkeys((target, "numba"))
    places = [f"{folder}/functions/{name}.py.j2" for folder in folders]
    return _environment().select_template(places).render()


def function_text(name: str, decorator: str, target: str = "numba") -> FunctionText:
    """Return an emitted helper function, parsed into its parts, under a decorator."""
    source = _function_source(name, target)
    tree = ast.parse(source).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise CompileError(f"the template of {name} must be one function")
    first = tree.body[1] if ast.get_docstring(tree) else tree.body[0]
    body = source.rstrip().splitlines()[first.lineno - 1 :]
    lines = [Line(line.strip(), (len(line) - len(line.lstrip())) // 4 - 1) for line in body]
    if target == "numpy" and "math." in source:
        lines = _for_numpy([arg.arg for arg in tree.args.args], lines)
    doc = (ast.get_docstring(tree) or "").splitlines()
    rest = doc[2:] if len(doc) > 1 else []
    return FunctionText(
        name, [arg.arg for arg in tree.args.args], [doc[0], *rest], lines, decorator
    )


@functools.cache
def helper_names() -> frozenset[str]:
    """Return the names of the helper functions that a module may have."""
    folder = template_root() / "numba" / "functions"
    return frozenset(path.name.removesuffix(".py.j2") for path in folder.glob("*.py.j2"))


def _for_numpy(params: Sequence[str], lines: Sequence[Line]) -> list[Line]:
    """Return the body of a helper of numbers in NumPy's functions and floats.

    Python's own raise an exception where the result is infinite or no number.
    """
    floats = [Line(f"{param} = np.float64({param})") for param in params]
    return [*floats, *(Line(line.code.replace("math.", "np."), line.depth) for line in lines)]


def wanted_fields(template: str) -> set[str]:
    """Return the names that a template reads, for the test that contexts and templates agree."""
    from jinja2 import meta

    environment = _environment()
    if environment.loader is None:
        raise CompileError("the templates have no loader")
    source, _, _ = environment.loader.get_source(environment, template)
    return meta.find_undeclared_variables(environment.parse(source))
