"""Answer the statistics of several variables: cov and corrcoef."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.tracer import describe


@rule("cov")
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
    fweights: Any = None, aweights: Any = None, **_: Any,
) -> Any:  # fmt: skip
    """Return the covariances of variables, one in each row."""
    refuse_keywords("cov", {"fweights": fweights, "aweights": aweights, **_}, dtype=None,
                    fweights=None, aweights=None)  # fmt: skip
    x = _variables(m, rowvar)
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar)])
    if ddof is not None and not float(ddof).is_integer():
        raise ArgumentError(f"ddof of np.cov is {ddof!r}{where()}: write an int")
    count = x.shape[1]
    less = (0 if bias else 1) if ddof is None else ddof
    centred = x - np.mean(x, axis=1, keepdims=True)
    return np.squeeze(centred @ np.transpose(centred) / (count - less))


def _variables(m: Any, rowvar: bool) -> Any:
    """Return a matrix with one variable in each row."""
    x: Any = RULES["astype"](lift(m), np.float64)  # as NumPy does, of float32 as well
    if x.ndim > 2:
        raise ShapeError(f"np.cov of {describe(x)}{where()}: give a vector or a matrix")
    rows = np.atleast_2d(x)
    return rows if rowvar or rows.shape[0] == 1 else np.transpose(rows)


@rule("corrcoef")
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, **_: Any) -> Any:
    """Return the correlations of variables, one in each row."""
    refuse_keywords("corrcoef", _, dtype=None)
    found: Any = cov(x, y, rowvar)
    if not np.ndim(found):
        return found / found
    size = np.sqrt(np.diagonal(found))
    return np.clip(found / size[:, None] / size[None, :], -1, 1)
