"""SciPy's BLAS without `scipy.linalg`, which stays whole for whoever imports it later."""

from __future__ import annotations

PROGRAM = """
import sys
import numpy as np
import numba
from bpcompile.runtime import blas

with blas.at_hand():
    print(blas.NAME in sys.modules, "scipy.linalg" in sys.modules, end=" ")

@numba.njit
def product(a, b, out):
    np.dot(a, b, out)

print(blas.NAME in sys.modules, end=" ")
import scipy.linalg
extension = scipy.linalg.cython_blas
print(extension is blas._extension(), sys.modules[blas.NAME] is extension, end=" ")
a, out = np.arange(6.0).reshape(2, 3), np.empty((2, 2))
product(a, a.T, out)
print(np.array_equal(out, a @ a.T), end=" ")
print(np.allclose(scipy.linalg.solve(out, out), np.eye(2)))
"""

MEANWHILE = """
import sys
from bpcompile.runtime import blas

with blas.at_hand():
    import scipy.linalg
print(sys.modules[blas.NAME] is scipy.linalg.cython_blas)
"""

ELSEWHERE = """
import sys
import numpy as np
import numba
from bpcompile.runtime import blas

blas._extension = lambda: None  # as where SciPy is laid out otherwise
with blas.at_hand():
    print(blas.NAME in sys.modules, end=" ")
print(numba.njit(lambda a: np.dot(a, a))(np.eye(2))[0, 0])
"""


def test_the_package_is_left_out_and_whole_when_it_is_imported(python):
    assert python(PROGRAM) == "True False False True True True True"


def test_the_package_may_be_imported_meanwhile(python):
    assert python(MEANWHILE) == "True"


def test_numba_imports_it_where_it_is_not_found_by_its_file(python):
    assert python(ELSEWHERE) == "False 1.0"
