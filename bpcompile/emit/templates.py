"""Find the templates and fill them strictly: a context is a dataclass, checked both ways."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcompile.errors import CompileError

if TYPE_CHECKING:
    import jinja2


@functools.cache
def template_root() -> Path:
    """Return the folder of the templates: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "templates", package.parent / "templates"):
        if (root / "numpy" / "module.py.j2").is_file():
            return root
    raise CompileError(f"the templates of bpcompile are missing beside {package.name}: install again")


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


def wanted_fields(template: str) -> set[str]:
    """Return the names that a template reads, for the test that contexts and templates agree."""
    from jinja2 import meta

    environment = _environment()
    source, _, _ = environment.loader.get_source(environment, template)  # type: ignore[union-attr]
    return meta.find_undeclared_variables(environment.parse(source))
