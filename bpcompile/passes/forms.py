"""Know how the operands of region ops come into their regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bpcompile.ir.graph import Graph, Node, regions


class Form(NamedTuple):
    """Say which operand of a region op is the first that is a parameter of its regions, and which.

    A loop has two bounds before it, and its body an index; a branch has a condition.
    """

    first: int
    lead: int


FORMS = {"loop": Form(2, 1), "while": Form(0, 0), "branch": Form(1, 0)}


def with_regions(node: Node, new: Mapping[str, Graph]) -> dict[str, object]:
    """Return the attributes of a node with other regions."""
    return {**node.attrs, **new}


def inside(node: Node, operand: int) -> dict[str, Node]:
    """Return the parameter of each region for an operand, by the names of the regions."""
    form = FORMS[node.op.name]
    place = operand - form.first + form.lead
    return {key: region.params[place] for key, region in regions(node)}
