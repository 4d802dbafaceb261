"""The templates hold layout alone, and read exactly the fields that they are given."""

from __future__ import annotations

import ast
import dataclasses
import re

import jinja2
import pytest

from bpcompile.emit.layout import FunctionText, Line, ModuleText
from bpcompile.emit.templates import fill, function_text, template_root, wanted_fields

TEMPLATES = sorted(p.relative_to(template_root()).as_posix() for p in template_root().rglob("*.j2"))
MODULES = [name for name in TEMPLATES if name.endswith("module.py.j2")]
FUNCTIONS = [name for name in TEMPLATES if "/functions/" in name]


def test_every_template_is_of_a_known_kind():
    assert sorted(MODULES + FUNCTIONS) == TEMPLATES
    assert len(MODULES) == 2


@pytest.mark.parametrize("name", MODULES)
def test_the_module_reads_exactly_its_fields(name):
    assert wanted_fields(name) == {field.name for field in dataclasses.fields(ModuleText)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_reads_nothing_and_is_one_plain_function(name):
    assert wanted_fields(name) == set()
    text = (template_root() / name).read_text("utf-8")
    (tree,) = ast.parse(text).body
    assert isinstance(tree, ast.FunctionDef)
    assert f"{tree.name}.py.j2" == name.rsplit("/", 1)[1]
    assert not tree.decorator_list
    assert ast.get_docstring(tree)
    found = function_text(tree.name, "@njit", name.split("/")[0])
    again = "\n".join([found.signature, found.docstring, found.body])
    assert ast.dump(ast.parse(again)) == ast.dump(ast.parse(text))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_decides_nothing(name):
    text = (template_root() / name).read_text("utf-8")
    for statement in re.findall(r"\{%(.*?)%\}", text):
        assert re.fullmatch(r" (for \w+ in [\w.]+|if \w+|endfor|endif) ", statement), statement
    for expression in re.findall(r"\{\{(.*?)\}\}", text):
        assert re.fullmatch(r" [\w.]+ ", expression), expression
    assert "{#" not in text


def test_a_missing_field_is_an_error():
    @dataclasses.dataclass
    class Little:
        summary: str

    with pytest.raises(jinja2.UndefinedError):
        fill("numpy/module.py.j2", Little("x"))


def test_text_from_data_is_never_a_template():
    module = ModuleText("{{ imports }}", ["{% for x in y %}"], ["{# gone #}"], ["import math"], [])
    text = fill("numba/module.py.j2", module)
    for part in ("{{ imports }}", "{% for x in y %}", "{# gone #}"):
        assert part in text


def test_lines_carry_their_depth_and_comment():
    assert Line("x = 1").text() == "    x = 1"
    assert Line("x = 1", 1, "why").text() == "        x = 1  # why"
    assert Line("", 0, "A title").text() == "    # A title"
    assert Line("").text() == ""


def test_long_signatures_and_docstrings_are_laid_out():
    params = [f"parameter_{k}" for k in range(12)]
    function = FunctionText("f", params, ["First.", "Second.", "", "Third."], [Line("return 1")])
    assert all(len(line) <= 100 for line in function.signature.splitlines())
    (tree,) = ast.parse("\n".join([function.signature, function.docstring, function.body])).body
    assert [arg.arg for arg in tree.args.args] == params
    assert ast.get_docstring(tree) == "First.\n\nSecond.\n\nThird."
