"""Give the meaning of special functions by SciPy, which the emitted helpers do not use.

SciPy has many of them for real arguments only. To first order, which is all that the complex step
looks at, such a function at x + ih is f(x) + ih f'(x), with the derivative by SciPy too. Arguments
without a derivative in closed form count as real.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[..., Any]


def named(name: str, continued: str | None = None) -> Function:
    """Return a function of `scipy.special`, and another of it for complex arguments."""

    def evaluate(*args: Any) -> Any:
        from scipy import special

        is_complex = any(map(np.iscomplexobj, args))
        return getattr(special, continued if continued and is_complex else name)(*args)

    return evaluate


def to_first_order(real: Function, *slopes: Function | None) -> Function:
    """Return a function of real arguments, with its derivative in the imaginary part of others."""

    def evaluate(*args: Any) -> Any:
        if not any(map(np.iscomplexobj, args)):
            return real(*args)
        at = [np.real(x) for x in args]
        known = [(slope, x) for slope, x in zip(slopes, args, strict=True) if slope is not None]
        return real(*at) + 1j * sum(slope(*at) * np.imag(x) for slope, x in known)

    return evaluate


_zeta = named("zeta")
gamma = named("gamma")
gammaln = named("gammaln", "loggamma")
digamma = named("psi")
rgamma = named("rgamma")
riemann_zeta = to_first_order(_zeta, None)
zeta = to_first_order(_zeta, None, lambda s, q: -s * _zeta(s + 1, q))
_j0, _j1, _y0, _y1, _i0, _i1 = map(named, ("j0", "j1", "y0", "y1", "i0", "i1"))
_i0e, _i1e = named("i0e"), named("i1e")
_k0, _k1, _k0e, _k1e = map(named, ("k0", "k1", "k0e", "k1e"))


def _difference(x: Any) -> Any:
    """Return exp(-x) (I₀(x) - I₁(x))."""
    return _i0e(x) - _i1e(x)


j0 = to_first_order(_j0, lambda x: -_j1(x))
j1 = to_first_order(_j1, lambda x: _j0(x) - _j1(x) / x)
y0 = to_first_order(_y0, lambda x: -_y1(x))
y1 = to_first_order(_y1, lambda x: _y0(x) - _y1(x) / x)
i0 = to_first_order(_i0, _i1)
i1 = to_first_order(_i1, lambda x: _i0(x) - _i1(x) / x)
i0e_less_i1e = to_first_order(_difference, lambda x: _i1e(x) / x - 2 * _difference(x))
i0e = to_first_order(_i0e, lambda x: -np.sign(x) * _difference(np.abs(x)))


def _slope_of_i1e(x: Any) -> Any:
    """Return the derivative of exp(-|x|) I₁(x), at 0 its limit."""
    size = np.where(x == 0, 1, np.abs(x))
    return np.where(x == 0, 0.5, _difference(size) - _i1e(size) / size)


def _curve_of_i1e(x: Any) -> Any:
    """Return the second derivative of exp(-x) I₁(x) for x > 0."""
    return _i1e(x) / x - 2 * _difference(x) - (_slope_of_i1e(x) - _i1e(x) / x) / x


i1e_slope = to_first_order(_slope_of_i1e, lambda x: np.sign(x) * _curve_of_i1e(np.abs(x)))
i1e = to_first_order(_i1e, _slope_of_i1e)


def _less(x: Any) -> Any:
    """Return exp(x) (K₁(x) - K₀(x))."""
    return _k1e(x) - _k0e(x)


k0 = to_first_order(_k0, lambda x: -_k1(x))
k1 = to_first_order(_k1, lambda x: -_k0(x) - _k1(x) / x)
k1e_less_k0e = to_first_order(_less, lambda x: 2 * _less(x) - _k1e(x) / x)
k0e = to_first_order(_k0e, lambda x: -_less(x))


def _slope_of_k1e(x: Any) -> Any:
    """Return the derivative of exp(x) K₁(x)."""
    return _less(x) - _k1e(x) / x


k1e_slope = to_first_order(
    _slope_of_k1e, lambda x: (2 - 1 / x) * _slope_of_k1e(x) + _k1e(x) * (1 + x) / x**2
)
k1e = to_first_order(_k1e, _slope_of_k1e)

_psi, _beta, _betaln = named("psi"), named("beta"), named("betaln")
_gammainc, _gammaincc, _betainc = named("gammainc"), named("gammaincc"), named("betainc")
_xlogy, _xlog1py, _gammaln = named("xlogy"), named("xlog1py"), named("gammaln")


def _rise(a: Any, b: Any) -> Any:
    """Return ψ(a + b) - ψ(a)."""
    return _psi(a + b) - _psi(a)


def _share(a: Any, b: Any) -> Any:
    """Return the derivative of log B(a, b) in a."""
    return -_rise(a, b)


def _gamma_density(a: Any, x: Any) -> Any:
    """Return xᵃ⁻¹ exp(-x) / Γ(a)."""
    return np.exp(_xlogy(a - 1, x) - x - _gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return xᵃ⁻¹ (1 - x)ᵇ⁻¹ / B(a, b)."""
    return np.exp(_xlogy(a - 1, x) + _xlog1py(b - 1, -x) - _betaln(a, b))


digamma_rise = to_first_order(
    _rise, lambda a, b: _zeta(2.0, a + b) - _zeta(2.0, a), lambda a, b: _zeta(2.0, a + b)
)
beta = to_first_order(
    _beta, lambda a, b: _beta(a, b) * _share(a, b), lambda a, b: _beta(a, b) * _share(b, a)
)
betaln = to_first_order(_betaln, _share, lambda a, b: _share(b, a))
gammainc = to_first_order(_gammainc, None, _gamma_density)
gammaincc = to_first_order(_gammaincc, None, lambda a, x: -_gamma_density(a, x))
betainc = to_first_order(_betainc, None, None, _beta_density)
gamma_density = to_first_order(
    _gamma_density,
    lambda a, x: _gamma_density(a, x) * (np.log(x) - _psi(a)),
    lambda a, x: _gamma_density(a, x) * ((a - 1) / x - 1),
)
beta_density = to_first_order(
    _beta_density,
    lambda a, b, x: _beta_density(a, b, x) * (np.log(x) - _share(a, b)),
    lambda a, b, x: _beta_density(a, b, x) * (np.log1p(-x) - _share(b, a)),
    lambda a, b, x: _beta_density(a, b, x) * ((a - 1) / x - (b - 1) / (1 - x)),
)


_dawsn, _erfi, _spence, _expn = named("dawsn"), named("erfi"), named("spence"), named("expn")


def _slope_of_dawsn(x: Any) -> Any:
    """Return 1 - 2 x F(x), far out by its asymptotic series."""
    z = 1 / np.maximum(x * x, 50 * 50)
    series = -z * (0.5 + z * (0.75 + z * (1.875 + z * 6.5625)))
    return np.where(np.abs(x) > 50, series, 1 - 2 * x * _dawsn(x))


def _slope_of_spence(x: Any) -> Any:
    """Return log(x)/(1 - x), at 1 its limit."""
    d = np.where(x == 1, 1, x - 1)
    return np.where(x == 1, -1, np.where(np.abs(d) < 0.5, -np.log1p(d) / d, -np.log(x) / d))


def _integral_of_order(n: Any, x: Any) -> Any:
    """Return the exponential integral of whole order n, by recurrence where that is below 0."""
    found = _expn(np.maximum(n, 0).astype(np.int64), x)
    least = np.exp(-x) / x
    for k in range(1, int(1 - np.min(n, initial=0))):
        least = (np.exp(-x) + k * least) / x
        found = np.where(n == -k, least, found)
    return found.astype(np.result_type(x))


dawsn_slope = to_first_order(_slope_of_dawsn, lambda x: -2 * (_dawsn(x) + x * _slope_of_dawsn(x)))
dawsn = to_first_order(_dawsn, _slope_of_dawsn)
erfi = to_first_order(_erfi, lambda x: 2 / np.sqrt(np.pi) * np.exp(x * x))
spence = to_first_order(_spence, _slope_of_spence)
expn = to_first_order(_integral_of_order, None, lambda n, x: -_integral_of_order(n - 1, x))
