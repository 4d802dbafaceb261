"""The references that are no functions of mpmath agree with it to many more digits than float64."""

from __future__ import annotations

import pytest

from tests.ops import references_bessel
from tests.ops.references import mp
from tests.ops.references_bessel import circular, modified
from tests.ops.references_integrals import dawsn, expn, spence


def near(found, wanted):
    """Hold numbers to others."""
    for one, other in zip(found, wanted, strict=True):
        assert abs(one - other) <= mp.mpf(2) ** -140 * abs(other)


@pytest.mark.parametrize("x", ["1e-5", "0.7", "8.3"])
def test_bessel_functions(x):
    x = mp.mpf(x)
    with mp.workprec(240):
        i0, i1, k0, k1 = mp.besseli(0, x), mp.besseli(1, x), mp.besselk(0, x), mp.besselk(1, x)
        y0, y1, e = mp.bessely(0, x), mp.bessely(1, x), mp.exp(x)
        near(circular(x)[:4], [mp.besselj(0, x), mp.besselj(1, x), mp.re(y0), mp.re(y1)])
        near(modified(x), [i0 / e, i1 / e, k0 * e, k1 * e, (i0 - i1) / e, (k1 - k0) * e])


@pytest.mark.parametrize("functions", [circular, modified])
def test_expansions_meet(functions, monkeypatch):
    x = mp.mpf("60.1")
    far = functions.__wrapped__(x)
    monkeypatch.setattr(references_bessel, "_FROM", 61)
    near(functions.__wrapped__(x), far)


def test_integrals():
    x = mp.mpf("12.3")
    with mp.workprec(600):
        wanted = mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)
        near(dawsn(x), [wanted, 1 - 2 * x * wanted])
        near(
            [expn(100, mp.mpf(100)), expn(3, mp.mpf("0.7"))],
            [mp.expint(100, 100), mp.expint(3, mp.mpf("0.7"))],
        )
        near([spence(x)], [mp.re(mp.polylog(2, 1 - x))])
