"""A SymPy model fitted to measurements: the least squares of a saturating exponential.

The model y = b1 (1 - exp(-b2 x)) and its data come from D. Misra's dental research on adsorption in
one layer of molecules (1978): volume y against pressure x. They are the set Misra1a of the NIST
Statistical Reference Datasets (https://www.itl.nist.gov/div898/strd/), a work of the United States
Government and as such in the public domain, with certified results that the fit must meet.

    python examples/sympy_fit.py
"""

from __future__ import annotations

import numpy as np
import sympy
from scipy.optimize import minimize

import bpcompile as bp

MEASURED = [
    (77.6, 10.07),
    (114.9, 14.73),
    (141.1, 17.94),
    (190.8, 23.93),
    (239.9, 29.61),
    (289.0, 35.18),
    (332.8, 40.02),
    (378.4, 44.82),
    (434.8, 50.76),
    (477.3, 55.05),
    (536.8, 61.01),
    (593.1, 66.40),
    (689.1, 75.47),
    (760.0, 81.78),
]
PRESSURE, VOLUME = np.array(MEASURED).T.copy()
CERTIFIED = np.array([2.3894212918e02, 5.5015643181e-04])
CERTIFIED_SQUARES = 1.2455138894e-01
START = np.array([500.0, 1e-4])  # the harder of NIST's two


def squares() -> tuple[sympy.Expr, list]:
    """Return Σ (y - b1 (1 - exp(-b2 x)))² over the measurements, and its symbols."""
    b1, b2 = sympy.symbols("b1 b2")
    x, y = sympy.IndexedBase("x"), sympy.IndexedBase("y")
    i, n = sympy.symbols("i n", integer=True)
    residual = y[i] - b1 * (1 - sympy.exp(-b2 * x[i]))
    return sympy.Sum(residual**2, (i, 0, n - 1)), [b1, b2, x, y]


def main() -> None:
    """Fit both parameters, and hold them to the certified digits."""
    loss, symbols = squares()
    print(sympy.pretty(loss), "\n")
    fn = bp.value_and_grad(loss, args=symbols, argnums=("b1", "b2"))

    def scaled(theta):
        """Return value and gradient in parameters that count in units of the start."""
        value, slopes = fn(*(theta * START), PRESSURE, VOLUME)
        return value, np.array(slopes) * START

    found = minimize(scaled, np.ones(2), jac=True, method="BFGS", options={"gtol": 1e-9})
    parameters = found.x * START
    for name, fitted, certified in zip(("b1", "b2"), parameters, CERTIFIED, strict=True):
        print(f"{name} = {fitted:.10e}   certified {certified:.10e}")
    print(f"sum of squares {found.fun:.10e}   certified {CERTIFIED_SQUARES:.10e}")
    print(f"after {found.nit} steps; largest entry of the gradient {np.max(np.abs(found.jac)):.0e}")
    assert found.success
    assert np.allclose(parameters, CERTIFIED, rtol=1e-8)
    assert np.isclose(found.fun, CERTIFIED_SQUARES, rtol=1e-9)

    print("\nthe emitted module begins:\n")
    print("\n".join(fn.source.splitlines()[:8]))


if __name__ == "__main__":
    main()
