"""Write what stands between the brackets of a NumPy read or write.

Slices stay slices where Python has one that says the same; everything else becomes an open mesh of
index arrays, so that NumPy's rule about where index axes go never applies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bpcompile.ir.dims import Size
from bpcompile.ops.index import At, Slice, Spec

Resize = Callable[[Size], Size]


def bracket_text(
    spec: Spec, indices: Sequence[str], ranks: Sequence[int], shape: Sequence[Size], size: Resize
) -> str:
    """Return the text between the brackets of an array of a shape.

    `indices` and `ranks` are the texts and ranks of the run-time indices; `size` gives a size under
    the emitted names.
    """
    pointed = [entry for entry in spec if isinstance(entry, At)]
    arrays = [entry for entry in pointed if ranks[entry.operand]]
    parts = [
        indices[entry.operand] if isinstance(entry, At) else _slice_text(entry, length, size)
        for entry, length in zip(spec, shape, strict=True)
    ]
    plain = len(pointed) <= 1 or len(pointed) == len(spec) or not arrays
    shown = [part for part in parts if part is not None]
    if plain and len(shown) == len(parts):
        return ", ".join(shown)
    return _mesh_text(spec, indices, ranks, size)


def _slice_text(entry: Slice, length: Size, size: Resize) -> str | None:
    """Return the text of a slice, or None where Python has no slice for it."""
    start, step, count = size(entry.start), entry.step, size(entry.length)
    if entry == Slice(0, 1, length):
        return ":"
    stop = start + count * step
    if step < 0:
        if stop == -1:
            shown = "" if start == size(length) - 1 else str(start)
            return f"{shown}::{step}"
        known = isinstance(stop, int) and stop >= 0
        return f"{start}:{stop}:{step}" if known else None
    shown_start = "" if start == 0 else str(start)
    shown_stop = "" if stop == size(length) else str(stop)
    return f"{shown_start}:{shown_stop}" + (f":{step}" if step > 1 else "")


def _mesh_text(spec: Spec, indices: Sequence[str], ranks: Sequence[int], size: Resize) -> str:
    """Return an open mesh: each index is spread along its own axes of the result."""
    result_rank, group, axes = 0, -1, []
    index_rank = max(ranks, default=0)
    for entry in spec:
        axes.append(result_rank)
        if isinstance(entry, Slice):
            result_rank += 1
        elif ranks[entry.operand]:
            if group < 0:
                group = result_rank
                result_rank += index_rank
            axes[-1] = group
    parts = []
    for entry, axis in zip(spec, axes, strict=True):
        if isinstance(entry, At) and not ranks[entry.operand]:
            parts.append(indices[entry.operand])
            continue
        own = 1 if isinstance(entry, Slice) else index_rank
        text = (
            f"({size(entry.start)} + {entry.step} * np.arange({size(entry.length)}))"
            if isinstance(entry, Slice)
            else indices[entry.operand]
        )
        marks = [":" if axis <= k < axis + own else "None" for k in range(result_rank)]
        parts.append(f"{text}[{', '.join(marks)}]" if result_rank > own else text)
    return ", ".join(parts)
