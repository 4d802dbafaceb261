"""List NumPy's elementwise functions: values and partials on random, broadcast shapes."""

from __future__ import annotations

import numpy as np

from benchmarks import peers
from benchmarks.agreements.words import Case, Draw, alike, apart, on, same, within

torch = peers.torch()

ANY = on("bnm", -3, 3)
POSITIVE = on("nm", 0.1, 5)
INSIDE = on("nm", -0.95, 0.95)
PAIR = on("bnm m", -3, 3)
TURNED = on("n1 m", -3, 3)
BOTH_POSITIVE = on("bnm 1m", 0.2, 4)


def integers(shapes: str, low: int = 0, high: int = 60) -> Draw:
    """Return a draw of whole numbers."""
    return lambda rng: [x.astype(np.int64) for x in on(shapes, low, high)(rng)]


def truths(shapes: str) -> Draw:
    """Return a draw of truth values."""
    return lambda rng: [x > 0 for x in on(shapes, -1, 1)(rng)]


def odd(rng: np.random.Generator) -> list[np.ndarray]:
    """Return numbers among which are NaN, infinities and zeros of both signs."""
    x = rng.normal(size=(4, 5))
    x.flat[rng.permutation(20)[:8]] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 3.0]
    return [x]


def wholes(rng: np.random.Generator) -> list[np.ndarray]:
    """Return two arrays of small whole numbers as floats, so that many are equal."""
    return [rng.integers(-2, 3, (4, 5)).astype(float), rng.integers(-2, 3, 5).astype(float)]


CASES: tuple[Case, ...] = (
    *alike(
        "abs absolute negative positive square exp exp2 expm1 sin cos tan sinh cosh tanh arctan "
        "atan arcsinh asinh sinc deg2rad rad2deg sign floor ceil trunc nan_to_num i0 "
        "conj real",
        ANY,
    ),
    same("fix", ANY, torch="", jax=lambda m, x: m.trunc(x)),
    *alike("cbrt rint fabs conjugate radians degrees imag", ANY, torch=False),
    *alike("sqrt log log2 log10 log1p reciprocal", POSITIVE),
    *alike("arcsin asin arccos acos arctanh atanh", INSIDE),
    *alike("arccosh acosh", on("nm", 1.05, 6)),
    *alike("round", ANY), *alike("around", ANY, torch=False),
    same("round", ANY, decimals=2, torch="", how="decimals"),
    *alike("add subtract multiply maximum minimum fmax fmin hypot arctan2 logaddexp copysign "
           "divide true_divide float_power", BOTH_POSITIVE),
    *alike("add subtract multiply maximum minimum fmax fmin hypot logaddexp logaddexp2 copysign",
           TURNED, how="columns and rows"),
    *alike("logaddexp2", PAIR),
    *alike("atan2 power pow", BOTH_POSITIVE, torch=False),
    same("power", BOTH_POSITIVE, torch="pow", how="PyTorch's pow"),
    *(Case(f"power, of order {k}", lambda m, x, k=k: m.power(x, k), ANY,
           lambda x, k=k: torch.pow(x, k)) for k in (2, 3, -1, -2)),
    Case("power, an operator", lambda m, x, y: x**y + 2.0**y, BOTH_POSITIVE,
         lambda x, y: x**y + 2.0**y),
    Case("divide, signs", lambda m, x, y: x / (y + m.copysign(0.5, y)), PAIR,
         lambda x, y: x / (y + torch.copysign(torch.full_like(y, 0.5), y))),
    *alike("fmod remainder", within((0.3, 9.0), (2.0, 3.0))),
    *alike("mod", within((0.3, 9.0), (2.0, 3.0)), torch=False),
    *alike("fmod remainder", within((-9.0, -0.3), (2.0, 3.0)), how="below 0"),
    same("floor_divide", within((0.3, 9.0), (2.0, 3.0)), torch=""),
    same("divmod", within((-9.0, 9.0), (2.0, 3.0))),
    Case("heaviside", lambda m, x: m.heaviside(x, 0.5), ANY,
         lambda x: torch.heaviside(x, torch.tensor(0.5, dtype=x.dtype)), slopes=False),
    same("modf", apart("nm")), same("frexp", apart("nm")),
    Case("ldexp", lambda m, x: m.ldexp(x, 3), ANY, lambda x: torch.ldexp(x, torch.tensor(3))),
    Case("clip", lambda m, x: m.clip(x, -0.5, 1.0), ANY, lambda x: torch.clip(x, -0.5, 1.0)),
    Case("clip, by arrays", lambda m, x, a, b: m.clip(x, a - 1.0, b + 1.0), on("nm m n1", -1, 1),
         lambda x, a, b: torch.clip(x, a - 1.0, b + 1.0)),
    Case("clip, one side", lambda m, x: m.clip(x, 0.3, None), ANY, lambda x: torch.clip(x, 0.3)),
    same("angle", ANY, torch="", slopes=False),
    same("real_if_close", ANY, jax=False),
    Case("unwrap", lambda m, x: m.unwrap(x, axis=0), on("nm", -9, 9)),
    Case("where", lambda m, x, y: m.where(x > y, x * y, y), PAIR,
         lambda x, y: torch.where(x > y, x * y, y)),
    Case("select", lambda m, x, y: m.select([x > 1.0, x > y], [x * x, y * m.ones_like(x)], 0.5),
         PAIR),
    Case("piecewise", lambda m, x: m.piecewise(
        x, [x < -1, x > 1], [lambda v: v * v, lambda v: m.exp(v), lambda v: 3 * v]), ANY),
    Case("choose", lambda m, x, y: m.choose(np.array([0, 1, 1, 0]), [x, y]), on("4 4"), None,
         lambda m, x, y: m.choose(np.array([0, 1, 1, 0]), [x, y], mode="clip")),
    # Questions and steps
    *alike("isfinite isinf isnan isneginf isposinf signbit", odd, slopes=False),
    *alike("nan_to_num", odd, how="of what is not finite", slopes=False, single=False),
    *alike("isreal isrealobj iscomplex iscomplexobj", odd, slopes=False, torch=False),
    *alike("greater greater_equal less less_equal not_equal", wholes, slopes=False),
    same("equal", wholes, torch="eq", slopes=False),
    *alike("logical_and logical_or logical_xor", truths("nm m"), slopes=False),
    same("logical_not", truths("nm"), torch="", slopes=False),
    *alike("isclose", wholes, slopes=False), *alike("allclose", wholes, slopes=False),
    *alike("array_equal array_equiv", wholes, slopes=False, torch=False),
    same("nextafter", PAIR, torch="", slopes=False), same("spacing", ANY, slopes=False),
    # Whole numbers
    *alike("bitwise_and bitwise_or bitwise_xor gcd lcm", integers("nm m"), slopes=False),
    *alike("bitwise_left_shift bitwise_right_shift", integers("nm m", 0, 9), slopes=False),
    *alike("left_shift right_shift", integers("nm m", 0, 9), slopes=False, torch=False),
    same("invert", integers("nm", -9, 9), torch="bitwise_not", slopes=False),
    *alike("bitwise_not", integers("nm", -9, 9), slopes=False),
    *alike("bitwise_invert bitwise_count", integers("nm", -9, 9), slopes=False, torch=False),
    *alike("add subtract multiply floor_divide remainder", integers("nm m", 1, 9), slopes=False,
           how="whole numbers"),
    Case("astype", lambda m, x: m.astype(x * 3, np.int64), ANY,
         lambda x: (x * 3).to(torch.int64), slopes=False),
)  # fmt: skip
