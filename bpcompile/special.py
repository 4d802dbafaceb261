"""Offer special functions under SciPy's names, on traced values and on plain arrays.

In a model `scipy.special` itself may be used, since its ufuncs are understood; these are for code
without source, and where SciPy's Python functions take no traced value. On plain arrays each is
SciPy's own.

    >>> float(expit(0.0))
    0.5
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.frontend import tracing as _rules  # noqa: F401 - enters the rules used here
from bpcompile.frontend.functions.creation import is_traced
from bpcompile.frontend.registry import RULES


def _function(name: str, doc: str) -> Callable[..., Any]:
    """Return the function of this name: our rule for traced values, SciPy's for others."""
    rule = RULES.get(f"special.{name}") or RULES[name]

    def call(*args: Any, **keywords: Any) -> Any:
        if is_traced([*args, *keywords.values()]):
            return rule(*args, **keywords)
        import scipy.special

        return getattr(scipy.special, name)(*args, **keywords)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return call


def lambertw(z: Any, k: int = 0) -> Any:
    """Return a real branch of Lambert's function, `k` 0 or -1; NaN where it is not real.

    Raises `ArgumentError` for another branch of a traced value.

        >>> float(lambertw(1.0))
        0.5671432904097838
    """
    if is_traced([z]):
        return RULES["special.lambertw"](z, k)
    import scipy.special

    found = scipy.special.lambertw(z, k)
    kind = np.float32 if getattr(z, "dtype", None) == np.float32 else np.float64
    return np.where(found.imag == 0, found.real, np.nan).astype(kind)[()]


erf = _function("erf", "Return the error function, 2/√π ∫₀ˣ exp(-t²) dt.")
erfc = _function("erfc", "Return 1 - erf(x), accurately where that is small.")
erfinv = _function("erfinv", "Return the inverse of `erf`.")
erfi = _function("erfi", "Return the imaginary error function, 2/√π ∫₀ˣ exp(t²) dt.")
dawsn = _function("dawsn", "Return Dawson's integral, exp(-x²) ∫₀ˣ exp(t²) dt.")
erfcinv = _function("erfcinv", "Return the inverse of `erfc`.")
ndtri = _function("ndtri", "Return the inverse of `ndtr`.")
erfcx = _function("erfcx", "Return exp(x²) erfc(x), which does not underflow.")
log_ndtr = _function("log_ndtr", "Return the logarithm of `ndtr`, right in both tails.")
ndtr = _function("ndtr", "Return the normal distribution's probability below x.")
expit = _function("expit", "Return the logistic sigmoid, 1/(1 + exp(-x)).")
logit = _function("logit", "Return log(p/(1 - p)), the inverse of `expit`.")
log_expit = _function("log_expit", "Return the logarithm of `expit`, without underflow.")
gamma = _function("gamma", "Return Γ(x); (n - 1)! of a whole number.")
gammaln = _function("gammaln", "Return log |Γ(x)|.")
loggamma = _function("loggamma", "Return log Γ(x) of a real number, NaN where x is negative.")
rgamma = _function("rgamma", "Return 1/Γ(x).")
digamma = _function("digamma", "Return ψ(x), the derivative of log Γ.")
psi = _function("psi", "Return ψ(x), the derivative of log Γ.")
polygamma = _function("polygamma", "Return derivative n of ψ: `polygamma(n, x)`.")
zeta = _function("zeta", "Return Riemann's zeta function, or Hurwitz's: `zeta(x, q=None)`.")
expi = _function("expi", "Return the exponential integral Ei(x).")
exp1 = _function("exp1", "Return the exponential integral E1(x).")
expn = _function("expn", "Return the exponential integral of known order n: `expn(n, x)`.")
spence = _function("spence", "Return Spence's function, the dilogarithm of 1 - x.")
sici = _function("sici", "Return the sine and the cosine integral: `si, ci = sici(x)`.")
exprel = _function("exprel", "Return (exp(x) - 1)/x, and 1 at 0.")
beta = _function("beta", "Return the beta function, Γ(a) Γ(b)/Γ(a + b).")
betaln = _function("betaln", "Return log |B(a, b)|.")
gammainc = _function("gammainc", "Return the regularised lower incomplete gamma function, P.")
gammaincc = _function("gammaincc", "Return the regularised upper incomplete gamma function, Q.")
betainc = _function("betainc", "Return the regularised incomplete beta function of a, b, x.")
j0 = _function("j0", "Return the Bessel function of the first kind of order 0.")
j1 = _function("j1", "Return the Bessel function of the first kind of order 1.")
y0 = _function("y0", "Return the Bessel function of the second kind of order 0.")
y1 = _function("y1", "Return the Bessel function of the second kind of order 1.")
i0 = _function("i0", "Return the modified Bessel function of order 0.")
i1 = _function("i1", "Return the modified Bessel function of order 1.")
i0e = _function("i0e", "Return exp(-|x|) times `i0`, which does not overflow.")
i1e = _function("i1e", "Return exp(-|x|) times `i1`, which does not overflow.")
k0 = _function("k0", "Return the modified Bessel function of the second kind of order 0.")
k1 = _function("k1", "Return the modified Bessel function of the second kind of order 1.")
k0e = _function("k0e", "Return exp(x) times `k0`, which does not underflow.")
k1e = _function("k1e", "Return exp(x) times `k1`, which does not underflow.")
xlogy = _function("xlogy", "Return x log(y), and 0 where x is 0.")
xlog1py = _function("xlog1py", "Return x log(1 + y), and 0 where x is 0.")
entr = _function("entr", "Return -x log(x), 0 at 0 and -inf below.")
rel_entr = _function("rel_entr", "Return x log(x/y), and 0 where x is 0.")
kl_div = _function("kl_div", "Return x log(x/y) - x + y, and y where x is 0.")
expm1 = _function("expm1", "Return exp(x) - 1, accurately near 0.")
log1p = _function("log1p", "Return log(1 + x), accurately near 0.")
exp2 = _function("exp2", "Return 2ˣ.")
cbrt = _function("cbrt", "Return the real cube root.")
exp10 = _function("exp10", "Return 10ˣ.")
powm1 = _function("powm1", "Return xʸ - 1, accurately where that is small.")
cosm1 = _function("cosm1", "Return cos(x) - 1, accurately near 0.")
boxcox = _function("boxcox", "Return (x^λ - 1)/λ, and log(x) where λ is 0.")
boxcox1p = _function("boxcox1p", "Return ((1 + x)^λ - 1)/λ, and log1p(x) where λ is 0.")
inv_boxcox = _function("inv_boxcox", "Return the inverse of `boxcox`.")
inv_boxcox1p = _function("inv_boxcox1p", "Return the inverse of `boxcox1p`.")
sindg = _function("sindg", "Return the sine of an angle in degrees.")
cosdg = _function("cosdg", "Return the cosine of an angle in degrees.")
tandg = _function("tandg", "Return the tangent of an angle in degrees.")
gammasgn = _function("gammasgn", "Return the sign of `gamma`.")
binom = _function("binom", "Return n over k, for real n and k.")
poch = _function("poch", "Return Γ(z + m)/Γ(z).")
multigammaln = _function("multigammaln", "Return log Γ of dimension d: `multigammaln(a, d)`.")
betaincc = _function("betaincc", "Return 1 - `betainc`, right where that is small.")
huber = _function("huber", "Return Huber's loss, r²/2 up to δ: `huber(delta, r)`.")
pseudo_huber = _function("pseudo_huber", "Return δ² (√(1 + (r/δ)²) - 1).")
logsumexp = _function(
    "logsumexp",
    "Return log Σ b exp(a) without overflow: `logsumexp(a, axis=None, b=None, keepdims=False)`.",
)
softmax = _function("softmax", "Return exp(x) over its sum: `softmax(x, axis=None)`.")
log_softmax = _function(
    "log_softmax", "Return the logarithm of the softmax: `log_softmax(x, axis=None)`."
)

__all__ = [
    "beta",
    "betainc",
    "betaincc",
    "betaln",
    "binom",
    "boxcox",
    "boxcox1p",
    "cbrt",
    "cosdg",
    "cosm1",
    "dawsn",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfi",
    "erfinv",
    "exp1",
    "exp10",
    "exp2",
    "expi",
    "expit",
    "expm1",
    "expn",
    "exprel",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaln",
    "gammasgn",
    "huber",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "inv_boxcox",
    "inv_boxcox1p",
    "j0",
    "j1",
    "k0",
    "k0e",
    "k1",
    "k1e",
    "kl_div",
    "lambertw",
    "log1p",
    "log_expit",
    "log_ndtr",
    "log_softmax",
    "loggamma",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "poch",
    "polygamma",
    "powm1",
    "pseudo_huber",
    "psi",
    "rel_entr",
    "rgamma",
    "sici",
    "sindg",
    "softmax",
    "spence",
    "tandg",
    "xlog1py",
    "xlogy",
    "y0",
    "y1",
    "zeta",
]
