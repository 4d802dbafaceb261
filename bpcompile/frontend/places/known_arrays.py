"""Let a known array that the model makes become a traced one, where a traced value is stored in it.

``y = table.copy()`` is computed by NumPy while tracing, since nothing in it is traced. Where the
model then writes ``y[i] = x[i]``, the variable should have been a value of the graph from the
beginning. So the function is traced anew, as it is for the last value of a loop's variable, and
this time `y` begins as one. An array that is known from outside is none of the model's to change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.frontend.flow.mutation import memory_root, objects_before
from bpcompile.frontend.flow.past import site
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import user_frame
from bpcompile.frontend.session import current, is_tracing


def named_array(value: np.ndarray, name: str) -> Any:
    """Return a known array that a variable is bound to, as a traced one where that was asked for.

    Its place is kept, so that a store into it can ask for that.
    """
    if not is_tracing():
        return value
    session = current().session
    place = (site(), name)
    if place in session.last and _is_own(value, name):
        return lift(value)
    session.arrays.append((value, place))
    return value


def _is_own(array: np.ndarray, name: str) -> bool:
    """Tell whether nobody but a variable of the model knows an array."""
    root, frame = memory_root(array), user_frame()
    known = [
        *objects_before(name).values(),
        *(frame.f_globals.values() if frame is not None else ()),
    ]
    arrays = (value for value in known if isinstance(value, np.ndarray))
    return root.base is None and all(memory_root(other) is not root for other in arrays)
