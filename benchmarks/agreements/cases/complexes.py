"""List complex arithmetic inside a model: real operands in, real and imaginary parts out."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.agreements.words import Call, Case, on, parts

torch = peers.torch()

TWO = on("nm nm", 0.3, 2)


def of(name: str, call: Call, theirs: Call | None = None) -> Case:
    """Return the case of a function of a complex array, whose parts are the operands."""
    return Case(
        f"{name}, complex",
        lambda m, x, y: parts(call(m, x + 1j * y), m.stack),
        TWO,
        None if theirs is None else lambda x, y: parts(theirs(torch.complex(x, y)), torch.stack),
    )


ALIKE = [
    "exp",
    "sin",
    "cos",
    "sinh",
    "cosh",
    "tan",
    "tanh",
    "log",
    "log10",
    "log2",
    "sqrt",
    "square",
    "reciprocal",
    "expm1",
    "conj",
    "cumsum",
]

CASES: tuple[Case, ...] = (
    *(of(name, lambda m, z, name=name: getattr(m, name)(z), (
        (lambda z, name=name: getattr(torch, name)(z, 0)) if name == "cumsum" else
        (lambda z, name=name: getattr(torch, name)(z))))
      for name in ALIKE if name != "cumsum"),
    of("cumsum", lambda m, z: m.cumsum(z, axis=0), lambda z: torch.cumsum(z, 0)),
    of("multiply", lambda m, z: z * z[::-1] * (1 - 2j), lambda z: z * z.flip(0) * (1 - 2j)),
    of("divide", lambda m, z: z / (z[::-1] + 2j), lambda z: z / (z.flip(0) + 2j)),
    of("power", lambda m, z: z**3, lambda z: z**3),
    of("power, fractional", lambda m, z: m.power(z, 1.5), lambda z: torch.pow(z, 1.5)),
    of("matmul", lambda m, z: z @ z.T, lambda z: z @ z.mT),
    of("einsum", lambda m, z: m.einsum("ij,kj->ik", z, m.conj(z)),
       lambda z: torch.einsum("ij,kj->ik", z, z.conj().resolve_conj())),
    of("mean", lambda m, z: m.mean(z, axis=1), lambda z: z.mean(1)),
    of("concatenate", lambda m, z: m.concatenate([z, 2j * z]), lambda z: torch.cat([z, 2j * z])),
    of("where", lambda m, z: m.where(z.real > 1, z, z * z),
       lambda z: torch.where(z.real > 1, z, z * z)),
    of("linalg.solve", lambda m, z: m.linalg.solve(
        z @ m.conj(z).T + 2 * m.eye(z.shape[0]), z), lambda z: torch.linalg.solve(
            z @ z.conj().mT + 2 * torch.eye(z.shape[0], dtype=z.dtype), z)),
    *(Case(f"{name}, complex", lambda m, x, y, name=name: getattr(m, name)(x + 1j * y), TWO,
           lambda x, y, name=name: getattr(torch, name)(torch.complex(x, y)))
      for name in ("abs", "absolute", "angle", "real", "imag")),
    Case("linalg.norm, complex", lambda m, x, y: m.linalg.norm(x + 1j * y, axis=1), TWO,
         lambda x, y: torch.linalg.norm(torch.complex(x, y), dim=1)),
)  # fmt: skip
