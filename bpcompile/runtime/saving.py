"""Write a compiled function as a module that needs nothing of this package."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.runtime.program import Program, plain_function


def save_module(program: Program, text: str, path: str | os.PathLike[str]) -> Path:
    """Write the module to a file ending in ``.py``, and captured arrays beside it.

    The arrays go to a file of the same name that ends in ``.npz``. Returns the module's path.
    Raises `ArgumentError` for another ending.
    """
    target = Path(path)
    if target.suffix != ".py":
        raise ArgumentError(f"save({str(path)!r}): write a file name that ends in .py")
    if program.hidden:
        arrays = {f"captured_{k}": array for k, array in enumerate(program.hidden)}
        np.savez(target.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]  # a stub's fault
        if "import numpy as np\n" not in text:
            text = text.replace("from numba import", "import numpy as np\nfrom numba import", 1)
        text += _footer(program)
    target.write_text(text, encoding="utf-8", newline="\n")
    return target


def _footer(program: Program) -> str:
    """Return the public function without the captured arrays, which the module reads."""
    code = plain_function(program.function()).__code__
    names = code.co_varnames[: code.co_argcount - len(program.hidden)]
    captured = [f"_captured_{k}" for k in range(len(program.hidden))]
    lines = ["", "", 'with np.load(__file__.rpartition(".")[0] + ".npz") as _arrays:']
    lines += [f'    {name} = _arrays["{name[1:]}"]' for name in captured]
    lines += [f"_with_captured = {program.name}", "", ""]
    if program.is_compiled:
        lines.append("@njit")
    lines += [
        f"def {program.name}({', '.join(names)}):",
        '    """Call the function above with the arrays that the model captured."""',
        f"    return _with_captured({', '.join([*names, *captured])})",
        "",
    ]
    return "\n".join(lines)
