"""List what changes shapes: values and gradients where each entry has a weight of its own."""

from __future__ import annotations

import numpy as np

from benchmarks import peers
from benchmarks.agreements.words import Case, alike, on, same

torch = peers.torch()

CUBE = on("bnm")
GRID = on("nm")
SQUARE = on("nn")
TWO = on("nm nm")


CASES: tuple[Case, ...] = (
    Case("reshape", lambda m, x: m.reshape(x, (6, -1)), on("b23"), lambda x: x.reshape(6, -1)),
    Case("reshape, method", lambda m, x: x.reshape(-1, 3), on("23n"), lambda x: x.reshape(-1, 3),
         jax=False),
    *alike("ravel", CUBE), same("transpose", CUBE, (2, 0, 1), torch="permute"),
    same("permute_dims", CUBE, (1, 2, 0), torch="permute"),
    *alike("moveaxis swapaxes", CUBE, 0, 2), same("rollaxis", CUBE, 2),
    same("matrix_transpose", CUBE, torch=lambda x: x.mT),
    Case("squeeze", lambda m, x: m.squeeze(x, axis=1), on("n1m"), lambda x: x.squeeze(1)),
    Case("expand_dims", lambda m, x: m.expand_dims(x, (0, 2)), GRID, lambda x: x[None, :, None]),
    Case("broadcast_to", lambda m, x: m.broadcast_to(x, (3, 4, 5)), on("41"),
         lambda x: torch.broadcast_to(x, (3, 4, 5))),
    Case("broadcast_arrays", lambda m, x, y: m.broadcast_arrays(x, y), on("n1 m"),
         torch.broadcast_tensors),
    same("atleast_1d", on("."), torch=""),
    *alike("atleast_2d atleast_3d", on("n")), *alike("atleast_3d", GRID, how="of a grid"),
    Case("concatenate", lambda m, x, y: m.concatenate([x, y, x], axis=1), on("nm nk"),
         lambda x, y: torch.cat([x, y, x], 1)),
    Case("concatenate, all", lambda m, x, y: m.concatenate([x, y], axis=None), on("nm k"),
         lambda x, y: torch.cat([x.ravel(), y])),
    Case("concat", lambda m, x, y: m.concat([x, y]), on("nm km"),
         lambda x, y: torch.concat([x, y])),
    Case("stack", lambda m, x, y: m.stack([x, y, x * y], axis=-1), TWO,
         lambda x, y: torch.stack([x, y, x * y], -1)),
    *(Case(name, lambda m, x, y, name=name: getattr(m, name)([x, y]), TWO,
           lambda x, y, name=name: getattr(torch, name)([x, y]))
      for name in ("hstack", "vstack", "dstack", "column_stack")),
    Case("column_stack, vectors", lambda m, x, y: m.column_stack([x, y]), on("n n"),
         lambda x, y: torch.column_stack([x, y])),
    Case("block", lambda m, x, y: m.block([[x, y], [y, x]]), TWO,
         lambda x, y: torch.cat([torch.cat([x, y], 1), torch.cat([y, x], 1)])),
    Case("append", lambda m, x, y: m.append(x, y, axis=0), on("nm km"),
         lambda x, y: torch.cat([x, y])),
    Case("split", lambda m, x: m.split(x, 2, axis=1), on("n4"), lambda x: list(x.split(2, 1))),
    Case("split, at places", lambda m, x: m.split(x, [1, 3]), on("5m"),
         lambda x: list(torch.tensor_split(x, (1, 3)))),
    Case("array_split", lambda m, x: m.array_split(x, 3), on("5m"),
         lambda x: list(torch.tensor_split(x, 3))),
    *(Case(name, lambda m, x, name=name: getattr(m, name)(x, 2), on("444"),
           lambda x, name=name: list(getattr(torch, name)(x, 2)))
      for name in ("hsplit", "vsplit", "dsplit")),
    Case("unstack", lambda m, x: m.unstack(x, axis=1), on("n3m"), lambda x: list(x.unbind(1))),
    Case("tile", lambda m, x: m.tile(x, (2, 3)), GRID, lambda x: torch.tile(x, (2, 3))),
    Case("repeat", lambda m, x: m.repeat(x, 3, axis=1), GRID,
         lambda x: x.repeat_interleave(3, 1)),
    Case("repeat, counts", lambda m, x: m.repeat(x, np.array([1, 0, 2]), axis=0), on("3m"),
         lambda x: x.repeat_interleave(torch.tensor([1, 0, 2]), 0)),
    Case("resize", lambda m, x: m.resize(x, (3, 7)), on("23")),
    same("flip", CUBE, (0, 2), torch=""), same("flip", CUBE, how="all axes"),
    *alike("flipud fliplr", GRID),
    same("roll", GRID, 2, torch=""), same("roll", CUBE, (1, -2), (0, 2), torch="", how="two axes"),
    *(same("rot90", GRID, k, torch="", how=f"{k} times") for k in (1, 2, 3)),
    *alike("tril triu", CUBE, 1), *alike("tril triu", GRID, how="main"),
    same("diag", on("n"), 1, torch="", how="of a vector"), same("diag", GRID, torch=""),
    same("diag", GRID, -1, torch="", how="below"), same("diagflat", on("n"), torch=""),
    same("diagonal", CUBE, 0, 1, 2, torch=""), same("trace", SQUARE, torch=""),
    same("trace", CUBE, 0, 1, 2, how="of a cube"),
    Case("meshgrid", lambda m, x, y: m.meshgrid(x, y), on("n m"),
         lambda x, y: list(torch.meshgrid(x, y, indexing="xy"))),
    Case("meshgrid, of matrices", lambda m, x, y: m.meshgrid(x, y, indexing="ij"), on("n m"),
         lambda x, y: list(torch.meshgrid(x, y, indexing="ij"))),
    *(Case(f"pad, {mode}", lambda m, x, mode=mode: m.pad(x, ((1, 2), (0, 1)), mode=mode),
           on("45"),
           None if theirs is None else
           lambda x, theirs=theirs: torch.nn.functional.pad(
               x[None, None], (0, 1, 1, 2), mode=theirs)[0, 0])
      for mode, theirs in (("constant", "constant"), ("edge", "replicate"), ("reflect", "reflect"),
                           ("wrap", "circular"), ("symmetric", None), ("linear_ramp", None),
                           ("mean", None), ("maximum", None), ("minimum", None))),
    Case("pad, values", lambda m, x: m.pad(x, 2, constant_values=0.7), GRID,
         lambda x: torch.nn.functional.pad(x, (2, 2, 2, 2), value=0.7)),
    Case("vander", lambda m, x: m.vander(x, 4), on("n"), lambda x: torch.vander(x, 4)),
    Case("vander, increasing", lambda m, x: m.vander(x, 3, increasing=True), on("n"),
         lambda x: torch.vander(x, 3, increasing=True)),
    *(Case(name, lambda m, x, name=name: x * getattr(m, name)(x), GRID,
           lambda x, name=name: x * getattr(torch, name)(x)) for name in ("zeros_like",
           "ones_like")),
    Case("full_like", lambda m, x: x * m.full_like(x, 2.5), GRID,
         lambda x: x * torch.full_like(x, 2.5)),
    Case("empty_like", lambda m, x: x + 0 * m.ones_like(m.empty_like(x)), GRID),
    Case("array", lambda m, x, y: m.array([[x, y], [y, x * x]]), on(". ."),
         lambda x, y: torch.stack([torch.stack([x, y]), torch.stack([y, x * x])])),
    *alike("copy", GRID, torch=False), *alike("asarray", GRID),
    Case("linspace", lambda m, x, y: m.linspace(x, y, 7), on(". ."),
         lambda x, y: x + (y - x) * torch.arange(7, dtype=x.dtype) / 6),
    Case("eye", lambda m, x: x @ m.eye(4, k=1), on("n4"),
         lambda x: x @ torch.eye(5, dtype=x.dtype)[1:, :4], single=False),
    *(Case(name, lambda m, x, name=name, arg=arg: x * getattr(m, name)(*arg), on("3"),
           lambda x, name=name, arg=arg: x * getattr(torch, name)(*arg))
      for name, arg in (("zeros", ((3,),)), ("ones", ((3,),)), ("full", ((3,), 1.5)),
                        ("arange", (3,)))),
    Case("identity", lambda m, x: x @ m.identity(3), on("n3"), lambda x: x @ torch.eye(
        3, dtype=x.dtype), single=False),
    Case("apply_along_axis", lambda m, x: m.apply_along_axis(lambda v: m.sum(v * v[0]), 0, x), GRID,
         lambda x: (x * x[0]).sum(0)),
    Case("apply_over_axes", lambda m, x: m.apply_over_axes(m.sum, x, [0, 2]), CUBE,
         lambda x: x.sum((0, 2), keepdim=True)),
    *alike("shape ndim size", CUBE, torch=False, slopes=False),
)  # fmt: skip
