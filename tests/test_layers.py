"""Hold the package to its map: who may import whom, what no module may contain, and sizes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Data flows down; each layer imports from those above it, and from itself. Those in one line are
# one layer. The package's own `__init__` sees all, and nothing sees it.
LAYERS = (
    ("startup",),
    ("errors",),
    ("options",),
    ("ir",),
    ("ops",),
    ("frontend",),
    ("numpy", "segments", "special", "control", "checkpoints", "custom", "debugging", "tree"),
    ("passes",),
    ("transforms",),
    ("schedule",),
    ("emit",),
    ("runtime",),
    ("show",),
    ("nn",),
    ("budget",),
    ("compiler",),
    ("specialization",),
    ("showing",),
    ("inspected",),
    ("background", "subject"),
    ("compiled",),
    ("function",),
    ("adapters",),
    ("ceilings", "curves"),
    ("experiment",),
    ("data",),
    ("demo",),
    ("command",),
    ("cli",),
    ("__main__",),
    ("__init__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

# Names that shadow a module of the standard library or a dependency, with the reason.
SHADOWS = {
    "bpcompile.numpy": "the public contract: NumPy's own names, for models without source",
}

MAX_LINES = 400
LONG_MODULES: dict[str, str] = {}

# What turns data into code or objects, or the interpreter's limits into ours.
FORBIDDEN = {
    "eval": "evaluates text",
    "exec": "runs text",
    "__import__": "resolves a name from data",
    "sympify": "evaluates text",
    "parse_expr": "evaluates text",
    "lambdify": "evaluates text made of symbol names",
    "pickle": "loading runs code",
    "cloudpickle": "loading runs code",
    "dill": "loading runs code",
    "marshal": "loading crashes or runs code",
    "shelve": "loading runs code",
    "setrecursionlimit": "depth is handled by iteration",
}
# Where one of them is right: (module or package, name) -> reason.
PERMITTED = {
    ("bpcompile.frontend", "exec"): "runs the user's own function after its source is rewritten",
    ("bpcompile.runtime", "pickle"): "Numba's cache files, after their MAC was checked",
}


class Import(NamedTuple):
    target: str
    line: int
    late: bool  # inside a function
    typing_only: bool  # under `if TYPE_CHECKING`


class Module(NamedTuple):
    name: str
    text: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"


def load_package() -> dict[str, Module]:
    modules = {}
    for path in sorted((ROOT / "bpcompile").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name, text, ast.parse(text, str(path)))
    return modules


PACKAGE = load_package()


def imports_of(module: Module, known: set[str]) -> Iterator[Import]:
    """Yield the imports of our own modules; `from a import b` is of `a.b` where that is one."""
    stack: list[tuple[ast.AST, bool, bool]] = [(module.tree, False, False)]
    while stack:
        node, late, typing_only = stack.pop()
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"{module.name}:{node.lineno}: relative import")
            source = node.module or ""
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                targets.append(inner if inner in known else source)
        elif isinstance(node, ast.Call) and _called(node) == "import_module":
            targets = [a.value for a in node.args if isinstance(a, ast.Constant)]
        for target in dict.fromkeys(targets):
            if isinstance(target, str) and target.split(".")[0] == "bpcompile":
                yield Import(target, node.lineno, late, typing_only)
        late = late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        stack += [(child, late, typing_only or guarded) for child in ast.iter_child_nodes(node)]


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def layer_faults(modules: dict[str, Module]) -> list[str]:
    """List the imports that point down the list, and the modules that the list does not have."""
    faults = []
    for module in modules.values():
        if module.layer not in RANK:
            faults.append(f"{module.name}: not in LAYERS; put it where the data reaches it")
            continue
        for found in imports_of(module, set(modules)):
            layer = found.target.split(".")[1] if "." in found.target else "__init__"
            if layer not in RANK:
                faults.append(f"{module.name}:{found.line}: imports unknown {found.target}")
            elif RANK[layer] > RANK[module.layer]:
                faults.append(f"{module.name}:{found.line}: imports {found.target} from below it")
    return faults


def late_import_faults(modules: dict[str, Module]) -> list[str]:
    """List the imports of our own modules inside functions."""
    return [
        f"{module.name}:{found.line}: imports {found.target} inside a function"
        for module in modules.values()
        for found in imports_of(module, set(modules))
        if found.late and module.layer != "__init__"  # which may offer a subpackage lazily
    ]


def cycle(modules: dict[str, Module]) -> list[str]:
    """Return modules that import each other in a circle, or nothing.

    An import for types alone counts, but in `ir`, whose graphs print, draw and parse themselves.
    """
    graph = {
        module.name: {
            found.target
            for found in imports_of(module, set(modules))
            if not found.late and not (found.typing_only and module.layer == "ir")
        }
        for module in modules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def shadow_faults(modules: dict[str, Module]) -> list[str]:
    """List the modules named like one of the standard library or a dependency."""
    taken = sys.stdlib_module_names | {"numpy", "numba", "scipy", "sympy", "jinja2", "rich"}
    return [
        f"{name}: named like {stem}"
        for name in modules
        if (stem := name.rpartition(".")[2]) in taken and stem != "__main__" and name not in SHADOWS
    ]


def forbidden_faults(modules: dict[str, Module]) -> list[str]:
    """List the uses of names that turn data into code or objects."""
    faults = []
    for module in modules.values():
        for node in ast.walk(module.tree):
            for name in _names_used(node):
                if name in FORBIDDEN and not _permitted(module.name, name):
                    faults.append(f"{module.name}:{node.lineno}: {name}: {FORBIDDEN[name]}")
            if _allows_pickle(node):
                faults.append(f"{module.name}:{node.lineno}: allow_pickle must be False")
    return faults


def _names_used(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Import):
        return [part for alias in node.names for part in alias.name.split(".")]
    if isinstance(node, ast.ImportFrom):
        return [*(node.module or "").split("."), *(alias.name for alias in node.names)]
    return []


def _allows_pickle(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.keyword)
        and node.arg == "allow_pickle"
        and ast.unparse(node.value) != "False"
    )


def _permitted(module: str, name: str) -> bool:
    return any(
        name == allowed and (module == place or module.startswith(place + "."))
        for place, allowed in PERMITTED
    )


def size_faults(modules: dict[str, Module]) -> list[str]:
    """List the modules over the limit without a reason, and reasons that nothing needs."""
    lines = {name: module.text.count("\n") for name, module in modules.items()}
    return [
        *(
            f"{name}: {count} lines"
            for name, count in lines.items()
            if count > MAX_LINES and name not in LONG_MODULES
        ),
        *(
            f"{name}: no longer over {MAX_LINES} lines"
            for name in LONG_MODULES
            if lines.get(name, 0) <= MAX_LINES
        ),
    ]


RULES = [layer_faults, late_import_faults, cycle, shadow_faults, forbidden_faults, size_faults]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package_keeps_the_rule(rule):
    faults = rule(PACKAGE)
    assert not faults, "\n" + "\n".join(faults)


def made(**texts: str) -> dict[str, Module]:
    """Return modules of the given texts; `ir__types` is `bpcompile.ir.type`."""
    modules = {}
    for key, text in texts.items():
        name = "bpcompile." + key.replace("__", ".") if key != "init" else "bpcompile"
        modules[name] = Module(name, text, ast.parse(text))
    return modules


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (layer_faults, {"ir__graph": "from bpcompile.ops import shape", "ops__shape": ""}),
        (layer_faults, {"ir__graph": "import bpcompile.ops"}),
        (layer_faults, {"ir__graph": "import bpcompile"}),
        (layer_faults, {"ops": "from bpcompile import passes", "passes": ""}),
        (layer_faults, {"ops": "import importlib\nimportlib.import_module('bpcompile.emit')"}),
        (layer_faults, {"elsewhere": ""}),
        (
            layer_faults,
            {
                "ir__op": "from typing import TYPE_CHECKING\n"
                "if TYPE_CHECKING:\n    from bpcompile.ops import shape"
            },
        ),
        (late_import_faults, {"emit__a": "def f():\n    from bpcompile.ir import graph"}),
        (cycle, {"ir__a": "import bpcompile.ir.b", "ir__b": "from bpcompile.ir import a"}),
        (
            cycle,
            {
                "emit__a": "import bpcompile.emit.b",
                "emit__b": "if TYPE_CHECKING:\n    import bpcompile.emit.a",
            },
        ),
        (shadow_faults, {"ir__types": ""}),
        (shadow_faults, {"emit__numba": ""}),
        (forbidden_faults, {"ir__a": "eval('1')"}),
        (forbidden_faults, {"ir__a": "import builtins\nbuiltins.eval('1')"}),
        (forbidden_faults, {"frontend__symbolic": "import sympy\nsympy.sympify('x')"}),
        (forbidden_faults, {"ir__a": "from sympy.parsing.sympy_parser import parse_expr"}),
        (forbidden_faults, {"emit__a": "import pickle"}),
        (forbidden_faults, {"emit__a": "exec('1')"}),
        (forbidden_faults, {"ir__a": "import numpy as np\nnp.load('f', allow_pickle=True)"}),
        (size_faults, {"ir__a": "\n" * (MAX_LINES + 1)}),
    ],
)
def test_rule_finds_the_fault(rule, texts):
    assert rule(made(**texts))


def test_rules_accept_what_is_right():
    modules = made(
        errors="class Fault(Exception): pass",
        ir__graph="from bpcompile.errors import Fault",
        ir__build="from bpcompile.ir.graph import Graph\ndef f():\n    import sympy",
        special="from bpcompile.numpy import exp",
        numpy="import numpy",
        frontend__rewrite="exec(compile('1', 'f', 'exec'))",
        runtime__cache="import pickle",
        nn__layers="'eval and pickle may be spoken of'\nfrom bpcompile import numpy",
        init="from bpcompile.nn import layers\nfrom bpcompile import numpy",
    )
    assert [fault for rule in RULES for fault in rule(modules)] == []


def test_relative_import_is_refused():
    with pytest.raises(AssertionError, match="relative import"):
        layer_faults(made(ir__a="from . import b"))


def test_every_folder_is_a_package():
    """Else pytest imports its modules under two names, and what they enter is entered twice."""
    folders = {path.parent for path in (ROOT / "bpcompile").rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
