"""List convolutions and Fourier transforms; spectra are compared part by part."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.agreements.words import Case, alike, found, on, parts, same

torch = peers.torch()

ROW = on("n7")
FEW = on("5m4")
TO_COMPLEX = ("fft", "rfft", "ifft", "ihfft")
MODES = ("full", "same", "valid")


def spectrum(name: str, draw: object = ROW, **more: object) -> Case:
    """Return the case of a transform of real input to complex output."""
    theirs = {("dim" if key == "axis" else "dim" if key == "axes" else key): value
              for key, value in more.items()}  # fmt: skip
    what = ", ".join(f"{key} {value}" for key, value in more.items())
    if name.startswith("scipy") and "hfft" in name:
        theirs = {}
    return Case(
        f"{name}, {what}" if what else name,
        lambda m, x: parts(found(m, name)(x, **more), m.stack),
        draw,  # type: ignore[arg-type]  # a draw
        lambda x: parts(getattr(torch.fft, name.rpartition(".")[2])(x, **theirs), torch.stack),
    )


def back(name: str, draw: object = ROW, **more: object) -> Case:
    """Return the case of a transform of complex input to real output."""
    theirs = {("dim" if key == "axis" else "dim" if key == "axes" else key): value
              for key, value in more.items()}  # fmt: skip
    what = ", ".join(f"{key} {value}" for key, value in more.items())
    return Case(
        f"{name}, {what}" if what else name,
        lambda m, x: found(m, name)(x * (1.0 + 0.5j) + x**2 * 1j, **more),
        draw,  # type: ignore[arg-type]  # a draw
        lambda x: getattr(torch.fft, name.rpartition(".")[2])(
            torch.complex(x, 0.5 * x + x**2), **theirs),
    )  # fmt: skip


def there_and_back(module: str) -> list[Case]:
    """Return the cases of the transforms of a module."""
    listed = [spectrum(f"{module}.{name}") for name in TO_COMPLEX]
    listed += [spectrum(f"{module}.{name}", on("567")) for name in ("fft2", "ifft2", "rfft2")]
    listed += [spectrum(f"{module}.{name}", on("456")) for name in ("fftn", "ifftn", "rfftn")]
    listed += [back(f"{module}.{name}") for name in ("irfft", "hfft")]
    listed += [back(f"{module}.irfft2", on("45")), back(f"{module}.irfftn", on("345"))]
    return listed


CASES: tuple[Case, ...] = (
    *there_and_back("fft"),
    *(case._replace(jax=False) for case in there_and_back("scipy.fft")),
    *(spectrum(f"fft.{name}", FEW, axis=0, n=n) for name in ("fft", "rfft", "ifft") for n in (4,
         8)),
    *(spectrum(f"fft.{name}", FEW, norm=norm) for name in ("fft", "rfft") for norm in
      ("ortho", "forward")),
    *(back("fft.irfft", FEW, n=n, axis=0) for n in (6, 9)), back("fft.irfft", FEW, norm="ortho"),
    back("fft.hfft", FEW, n=7), spectrum("fft.fftn", on("345"), axes=(0, 2)),
    spectrum("fft.fft", on("37"), n=11),
    Case("fft.ifft, of a spectrum", lambda m, x: parts(m.fft.ifft(m.fft.fft(x) * (2 + 1j)),
         m.stack),
         ROW, lambda x: parts(torch.fft.ifft(torch.fft.fft(x) * (2 + 1j)), torch.stack)),
    Case("fft.rfft, power", lambda m, x: m.abs(m.fft.rfft(x)) ** 2, ROW,
         lambda x: torch.abs(torch.fft.rfft(x)) ** 2),
    *alike("fft.fftshift fft.ifftshift", ROW), same("fft.fftshift", ROW, 0, torch="",
         how="an axis"),
    *alike("scipy.fft.fftshift scipy.fft.ifftshift", ROW, torch=False, jax=False),
    Case("fft.fftfreq", lambda m, x: x * m.fft.fftfreq(7, 0.1), ROW,
         lambda x: x * torch.fft.fftfreq(7, 0.1, dtype=x.dtype)),
    Case("fft.rfftfreq", lambda m, x: x * m.fft.rfftfreq(12, 0.1), ROW,
         lambda x: x * torch.fft.rfftfreq(12, 0.1, dtype=x.dtype)),
    # Convolutions
    *(same(f, on("8 3"), mode, how=mode) for f in ("convolve", "correlate") for mode in MODES),
    *(same(f, on("3 8"), mode, how=f"{mode}, the shorter first") for f in ("convolve", "correlate")
      for mode in MODES),
    *(same(f"scipy.signal.{f}", on("67 32"), mode=mode, how=mode)
      for f in ("convolve", "correlate", "convolve2d", "fftconvolve") for mode in MODES),
    *(same(f"scipy.signal.{f}", on("456 223"), mode="same", how="three axes")
      for f in ("convolve", "correlate", "fftconvolve")),
    *(same("scipy.signal.oaconvolve", on("67 32"), mode=mode, jax=False,
         how=mode) for mode in MODES),
    same("scipy.signal.fftconvolve", on("67 63"), axes=1, how="an axis",
         jax=lambda m, x, y: m.scipy.signal.fftconvolve(x, y, axes=(1,))),
    *(same("scipy.signal.convolve2d", on("67 33"), boundary=kind, jax=False, how=kind)
      for kind in ("wrap", "symm", "fill")),
)  # fmt: skip
