"""List small models around the ops of matrices, single ones and a batch, of any length and none."""

from __future__ import annotations

from bpcompile.ir.build import Expr
from bpcompile.ir.op import OPS
from bpcompile.ops.index import Slice, whole
from bpcompile.ops.matrices import as_rows, identity
from bpcompile.ops.shape import broadcast_to, swapped

Given = dict[str, Expr]


def _positive(x: Expr) -> Expr:
    """Return positive definite matrices."""
    product = OPS["matmul"](x, swapped(x))
    return product * 0.1 + identity(product) * 2.0


def _regular(given: Given) -> tuple[Expr, Expr]:
    """Return regular matrices of run-time length, and a batch of small ones, not symmetric."""
    a, c = _positive(given["a"]), _positive(given["c"])
    u = given["u0"]
    return a + as_rows(u, a) * 0.3, c + broadcast_to(u, c.shape, (0,)) * 0.2


def factors(given: Given) -> list[Expr]:
    """Return Cholesky factors, and solutions with one triangle."""
    b, c, solve = given["b"], given["c"], OPS["triangular_solve"]
    rows = OPS["matmul"](b, swapped(b))
    found = [OPS["cholesky"](_positive(given["a"])), OPS["cholesky"](_positive(c))]
    for lower in (True, False):
        for turns in (True, False):
            found.append(solve(rows + 2.0, b, lower=lower, transposed=turns))
    return [*found, solve(_positive(c), c, lower=True, transposed=False)]


def systems(given: Given) -> list[Expr]:
    """Return solutions for vectors and columns, and inverses, of matrices and transposed ones."""
    one, many = _regular(given)
    a, c, u = given["a"], given["c"], given["u0"]
    vectors = broadcast_to(u, many.shape[:-1], (0,))
    solve, inv = OPS["solve"], OPS["inv"]
    return [
        solve(one, u),
        solve(many, c),
        inv(one),
        solve(many, vectors),
        solve(one, a),
        solve(swapped(one), u),
        solve(swapped(many), c),
        inv(swapped(many)),
    ]


def determinants(given: Given) -> list[Expr]:
    """Return determinants, their signs and logarithms, and cofactors, of singular matrices, too."""
    one, many = _regular(given)
    singular = broadcast_to(given["u0"], many.shape, (0,))
    found = [OPS["det"](singular), OPS["cofactors"](one), OPS["cofactors"](singular)]
    for x in (one, many, swapped(many)):
        found += [OPS["det"](x), OPS["signdet"](x), OPS["logabsdet"](x)]
    return found


def bases(given: Given) -> list[Expr]:
    """Return orthonormal columns and triangles, of wide and tall matrices and a batch."""
    d, many = given["d"], _regular(given)[1]
    wide, tall, square = (
        OPS["qr"](x, wide=is_wide).items()
        for x, is_wide in ((d, True), (swapped(d), False), (many, False))
    )
    return [*wide, *tall, *square]


def spectra(given: Given) -> list[Expr]:
    """Return eigenvalues, singular values, and what of their vectors has a sign."""
    d, c, a = given["d"], _positive(given["c"]), _positive(given["a"])
    found = []
    for x in (a, c):
        w, v = OPS["eigh"](x).items()
        found += [w, v * v]
    for x, is_wide in ((d, True), (swapped(d), False), (c, False)):
        u, s, vt = OPS["svd"](x, wide=is_wide).items()
        found += [s, u * u, vt * vt]
    return found


def least(given: Given) -> list[Expr]:
    """Return least squares, of wide and tall matrices and a batch."""
    d, c = given["d"], given["c"]
    cut = d.builder.const(1e-6, given["s0"].type)
    lstsq, many = OPS["lstsq"], _regular(given)[1]
    return [
        lstsq(d, d * 2.0 + 1.0, cut, wide=True),
        lstsq(swapped(d), swapped(d) * 2.0, cut, wide=False),
        lstsq(many, c, cut, wide=False),
    ]


def transforms(given: Given) -> list[Expr]:
    """Return Fourier transforms of a literal length and of one from 1 on, and their inverses."""
    b = given["b"]
    turned = swapped(b)
    count = b.shape[0] + 1
    longer = OPS["update"](
        b.builder.const(0.5, turned.type.with_shape((3, count))),
        turned,
        spec=(whole(3), Slice(0, 1, b.shape[0])),
    )
    found: list[Expr] = []
    for x, length, flag in ((b, 3, False), (longer, count, False), (longer, count, True)):
        re, im = OPS["rdft"](x, doubled=flag).items()
        found += [re, im, OPS["irdft"](re, im * 2.0, length=length, doubled=flag)]
        found += OPS["dft"](x, x * x, inverse=flag).items()
    return found
