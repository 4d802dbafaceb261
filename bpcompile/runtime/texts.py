"""Keep the texts of modules by what they were printed from.

To schedule and print a module takes longer than all the rest of a call whose machine code is in
the store. It is a function of graphs, whose own text has all that they are, of a few settings, and
of this package's files. The digest of these is the name of an entry, which holds the module's text
and what comes with it as JSON. Names and lines of the user's are in the digest too, since comments
show them: an edit above the model prints the module anew, and still finds its machine code.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from bpcompile.emit.emitted import Emitted, Stage
from bpcompile.emit.templates import template_root
from bpcompile.ir.dims import parse_dim
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.walk import all_graphs
from bpcompile.runtime.store import Store


def text_name(graphs: Iterable[Graph], settings: Iterable[str]) -> str:
    """Return the name of the entry for a module that is printed from graphs and settings."""
    digest = hashlib.sha256()
    for part in (*_package(), *settings, *(str(graph) for graph in graphs)):
        encoded = part.encode("utf-8", "backslashreplace")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return f"{digest.hexdigest()}.json"


def recall(store: Store, name: str, lowered: Graph) -> Emitted | None:
    """Return the module that an entry holds, or None where there is none.

    `lowered` is the graph that it computes, to which the numbers of nodes in the entry refer.
    """
    payload = store.get(name)
    if payload is None:
        return None
    found = json.loads(payload)
    nodes = list(_nodes(lowered)) if found["tested"] else []
    tested = tuple((nodes[place], axis) for place, axis in found["tested"])
    words = parse_dim(found["words"], longest=len(found["words"]))
    stages = tuple(
        Stage(name, tuple((dtype, rank) for dtype, rank in arguments), is_cut)
        for name, arguments, is_cut in found["stages"]
    )
    parts = tuple(parse_dim(text, longest=len(text)) for text in found["parts"])
    dims = tuple(found["dims"])
    return Emitted(found["text"], found["name"], dims, tested, words, stages, parts)


def keep(store: Store, name: str, emitted: Emitted, lowered: Graph) -> None:
    """Store a module that was printed from a lowered graph; quietly not, where that fails."""
    tested: list[tuple[int, int]] = []
    if emitted.tested:
        places = {node: place for place, node in enumerate(_nodes(lowered))}
        tested = [(places[node], axis) for node, axis in emitted.tested]
    entry = {
        "text": emitted.text,
        "name": emitted.name,
        "dims": emitted.dims,
        "tested": tested,
        "words": str(emitted.words),
        "stages": emitted.stages,
        "parts": [str(size) for size in emitted.parts],
    }
    store.put(name, json.dumps(entry).encode("ascii"))


def _nodes(graph: Graph) -> Iterator[Node]:
    """Yield the nodes of a graph and of its regions, in the same order for the same text."""
    return (node for inner in all_graphs(graph) for node in inner.nodes)


@functools.cache
def _package() -> tuple[str, ...]:
    """Return what tells this state of the package from any other.

    An installed package changes with its version. In a checkout each file's size and time count,
    in nanoseconds: whoever edits one must not be shown what its former self has printed.
    """
    version = getattr(sys.modules["bpcompile"], "__version__", "")
    return (version, *(_state(folder) for folder in (Path(__file__).parents[1], template_root())))


def _state(folder: Path) -> str:
    """Return names, sizes and times of the sources in a folder."""
    found = []
    for place, _, files in os.walk(folder):
        for file in files:
            if file.endswith((".py", ".j2")):
                path = Path(place, file)
                status = path.stat()
                name = path.relative_to(folder).as_posix()
                found.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(sorted(found))
