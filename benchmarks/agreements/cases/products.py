"""List products, polynomials and contractions."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.agreements.words import Case, Words, alike, matrices, on, same

torch = peers.torch()

EINSUM = {
    "ij,jk->ik": "nm mk", "ij,jk": "nm mk", "bij,bjk->bik": "bnm bmk", "ijk,kj->ik": "nmk km",
    "ii->i": "nn", "ii": "nn", "ij->ji": "nm", "i,j->ij": "n m", "ij,ij->": "nm nm",
    "...ij,jk->...ik": "bnm mk", "ij,jk,kl->il": "nm mk kn", "ijj->i": "nmm", "bij->bj": "bnm",
    "i,ij,j->": "n nm m", "bq,bk,bqk->b": "bn bm bnm",
}  # fmt: skip


def matmul(name: str, shapes: str) -> Case:
    """Return the case of a product of matrices of these shapes."""
    return Case(f"matmul, {name}", lambda m, x, y: x @ y + m.matmul(x, y), on(shapes),
                lambda x, y: 2 * (x @ y))  # fmt: skip


def einsum(text: str, shapes: str) -> Case:
    """Return the case of a sum over indices."""

    def call(m: Words, *xs: object) -> object:
        return m.einsum(text, *xs)

    return Case(f"einsum, {text}", call, on(shapes), lambda *xs: torch.einsum(text, *xs))


CASES: tuple[Case, ...] = (
    *(matmul(*pair) for pair in (("matrices", "nm mk"), ("vectors", "n n"), ("a row", "n nm"),
                                 ("a column", "nm m"), ("stacks", "bnm bmk"),
                                 ("a stack and a matrix", "bnm mk"), ("a stack and a vector",
                                      "bnm m"),
                                 ("broadcast stacks", "b1nm cmk"))),
    *(einsum(*pair) for pair in EINSUM.items()),
    same("dot", on("nm mk"), torch=lambda x, y: x @ y), same("dot", on("n n"), torch="",
         how="vectors"),
    same("dot", on("bnm mk"), torch=lambda x, y: x @ y, how="a stack"),
    same("vdot", on("n n"), torch=""), same("vdot", on("nm nm"), how="matrices"),
    *alike("inner", on("nm km")), *alike("outer", on("n m")),
    same("outer", on("nm k"), how="of a matrix", torch=lambda x, y: torch.outer(x.ravel(), y)),
    same("vecdot", on("bnm nm"), torch="linalg.vecdot"),
    same("matvec", on("bnm m"), torch=lambda x, y: x @ y),
    same("vecmat", on("n bnm"), torch=lambda x, y: (x[None, None] @ y)[:, 0]),
    same("tensordot", on("bnm nmk"), 2, torch=""), same("tensordot", on("n m"), 0, torch="",
         how="outer"),
    same("tensordot", on("bnm kbn"), torch=lambda x, y: torch.tensordot(x, y, ([0, 1], [1, 2])),
         axes=([0, 1], [1, 2]), how="axes"),
    *alike("kron", on("nm kl")), *alike("kron", on("n km"), how="ranks", torch=False),
    same("cross", on("n3 3"), torch=lambda x, y: torch.linalg.cross(x, y[None])),
    same("cross", on("3n 3n"), axis=0, torch=lambda x, y: torch.linalg.cross(x, y, dim=0),
         how="axis"),
    *alike("linalg.cross linalg.vecdot", on("n3 n3")),
    same("linalg.matmul", on("bnm mk"), torch=""), same("linalg.outer", on("n m"), torch="outer"),
    same("linalg.tensordot", on("bnm nmk"), torch="tensordot"),
    same("linalg.diagonal", on("bnm"), torch=""),
    same("linalg.trace", on("bnn"), torch=lambda x: x.diagonal(dim1=-2, dim2=-1).sum(-1)),
    same("linalg.matrix_transpose", on("bnm"), torch=lambda x: x.mT),
    Case("linalg.multi_dot", lambda m, x, y, z: m.linalg.multi_dot([x, y, z]), on("nm mk kn"),
         lambda x, y, z: torch.linalg.multi_dot([x, y, z])),
    same("polyval", on("4 nm", -1.5, 1.5)),
    *alike("polyadd polysub polymul", on("3 5"), torch=False),
    same("polyder", on("5"), torch=None), same("polyint", on("5")),
    same("polyder", on("5"), 2, how="twice"), same("polyint", on("5"), 2, how="twice"),
    Case("polydiv", lambda m, x, y: m.polydiv(x, y), on("5 3", 0.5, 2.0), single=False),
    Case("polyfit", lambda m, x, y: m.polyfit(x, y, 2), matrices("8 8"), jax=lambda m, x,
         y: m.polyfit(
        x, y, 2, rcond=1e-14), single=False),
)  # fmt: skip
