"""Offer the functions of `numpy.linalg` that are known for traced values.

>>> import numpy as np
>>> float(norm(np.array([3.0, 4.0])))
5.0
"""

from __future__ import annotations

from numpy.linalg import (
    diagonal as diagonal,
)
from numpy.linalg import (
    matmul as matmul,
)
from numpy.linalg import (
    matrix_transpose as matrix_transpose,
)
from numpy.linalg import (
    multi_dot as multi_dot,
)
from numpy.linalg import (
    norm as norm,
)
from numpy.linalg import (
    outer as outer,
)
from numpy.linalg import (
    tensordot as tensordot,
)
from numpy.linalg import (
    trace as trace,
)
from numpy.linalg import (
    vecdot as vecdot,
)
from numpy.linalg import (
    vector_norm as vector_norm,
)
