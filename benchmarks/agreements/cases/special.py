"""List special functions on random shapes; `exact.py` has them at hard points."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.agreements.words import Case, on, same, within

torch = peers.torch()
T = torch.special

ANY = on("nm", -3, 3)
POSITIVE = on("nm", 0.2, 6)
PAIR = on("nm m", 0.3, 4)
PART = on("nm", 0.05, 0.95)


def unary(name: str, draw: object = ANY, theirs: str | None = "", **more: object) -> Case:
    """Return the case of a function that PyTorch has in `torch.special` unless `theirs` is None."""
    other = None if theirs is None else getattr(T, theirs or name)
    return same(f"special.{name}", draw, torch=other, **more)  # type: ignore[arg-type]  # a draw


def without_jax(*names: str, draw: object = ANY) -> list[Case]:
    """Return cases of functions that JAX lacks, and whose gradient PyTorch lacks."""
    return [same(f"special.{name}", draw, jax=False) for name in names]  # type: ignore[arg-type]


CASES: tuple[Case, ...] = (
    *(unary(name) for name in ("erf", "erfc", "expit", "exp2", "expm1", "sinc", "ndtr",
                               "log_ndtr", "i0", "i0e", "i1", "i1e")
),
    same("special.erfcx", ANY, torch=T.erfcx, jax=False),
    unary("log1p", POSITIVE), unary("digamma", POSITIVE), unary("psi", POSITIVE, None, jax=False),
    unary("gammaln", POSITIVE), unary("loggamma", POSITIVE, None, jax=False),
    unary("gamma", POSITIVE, None), unary("gamma", within((-2.9, -2.1), shapes="nm"), None,
                                          how="below 0"),
    unary("gammaln", within((-2.9, -2.1), shapes="nm"), how="below 0"),
    unary("digamma", within((-2.9, -2.1), shapes="nm"), how="below 0"),
    same("special.gammasgn", within((-2.9, -2.1), shapes="nm"), slopes=False),
    unary("rgamma", POSITIVE, None, jax=False),
    *(Case(f"special.polygamma, order {n}", lambda m, x, n=n: m.special.polygamma(n, x), POSITIVE,
           lambda x, n=n: T.polygamma(n, x)) for n in (0, 1, 2, 3)),
    Case("special.zeta", lambda m, q: m.special.zeta(2.5, q), POSITIVE, None),
    *(Case(f"special.multigammaln, {d}", lambda m, x, d=d: m.special.multigammaln(x, d),
           on("nm", 2.5, 6), lambda x, d=d: T.multigammaln(x, d)) for d in (1, 3)),
    unary("erfinv", on("nm", -0.95, 0.95)), unary("ndtri", PART), unary("logit", PART),
    same("special.erfcinv", on("nm", 0.1, 1.9), jax=False),
    unary("entr", POSITIVE), unary("exp1", POSITIVE, None), unary("expi", POSITIVE, None),
    *without_jax("j0", "j1", draw=on("nm", 0.2, 9)), *without_jax("y0", "y1", draw=on("nm", 0.2,
         9)),
    *without_jax("k0", "k1", "k0e", "k1e", draw=POSITIVE), *without_jax("exprel", "cosm1"),
    *without_jax("cosdg", "sindg", "tandg", draw=on("nm", -80, 80)),
    *without_jax("cbrt", "exp10", "log_expit", "softplus", "round"),
    *without_jax("inv_boxcox", "inv_boxcox1p", draw=within((0.2, 1.5), (0.3, 0.9))),
    *without_jax("lambertw", draw=POSITIVE),
    *without_jax("powm1", "boxcox", "boxcox1p", "binom", draw=PAIR),
    same("special.sici", POSITIVE, jax=lambda m, x: m.special.sici(x)),
    *(unary(name, PAIR) for name in ("xlogy", "xlog1py")),
    *(unary(name, PAIR, None) for name in ("rel_entr", "kl_div", "beta", "betaln", "poch")),
    Case("special.poch, in x", lambda m, x: m.special.poch(x, 2.3), POSITIVE),
    *(same(f"special.{name}", POSITIVE) for name in ("dawsn", "spence")),
    *without_jax("erfi", draw=on("nm", -2, 2)),
    *(Case(f"special.expn, order {n}", lambda m, x, n=n: m.special.expn(n, x), POSITIVE)
      for n in (0, 1, 2, 5)),
    Case("special.betainc", lambda m, x: m.special.betainc(1.7, 2.6, x), PART),
    Case("special.betaincc", lambda m, x: m.special.betaincc(1.7, 2.6, x), PART, jax=False),
    Case("special.gammainc", lambda m, x: m.special.gammainc(2.3, x), POSITIVE,
         lambda x: T.gammainc(torch.full_like(x, 2.3), x), single=False),
    Case("special.gammaincc", lambda m, x: m.special.gammaincc(2.3, x), POSITIVE,
         lambda x: T.gammaincc(torch.full_like(x, 2.3), x), single=False),
    Case("special.huber", lambda m, r: m.special.huber(1.2, r), ANY,
         lambda r: torch.nn.functional.huber_loss(r, torch.zeros_like(r), reduction="none",
                                                  delta=1.2), jax=False),
    Case("special.pseudo_huber", lambda m, r: m.special.pseudo_huber(1.2, r), ANY, jax=False),
    same("special.logsumexp", on("nm", -30, 30), axis=1, torch=lambda x: torch.logsumexp(x, 1)),
    Case("special.logsumexp, weights", lambda m, x, b: m.special.logsumexp(x, axis=0, b=b),
         PAIR, lambda x, b: torch.log((b * torch.exp(x)).sum(0))),
    same("special.logsumexp", on("bnm", -30, 30), torch=lambda x: torch.logsumexp(x, (0, 1, 2)),
         how="all"),
    *(same(f"special.{name}", on("nm", -30, 30), axis=1,
           torch=lambda x, name=name: getattr(torch, name)(x, 1), jax=lambda m, x, name=name:
           getattr(m.nn, name)(x, axis=1)) for name in ("softmax", "log_softmax")),
)  # fmt: skip
