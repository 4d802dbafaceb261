"""Find the peers in this environment, and hold each to one thread.

A peer that is missing is a fact of the report (`installed` gives it the version None), never an
omission. Modules are imported by name, so that a case file loads where its peers are absent.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Peer:
    """A peer: the module to import and the name to print."""

    module: str
    title: str


PEERS = (
    Peer("jax", "JAX"),
    Peer("torch", "PyTorch"),
    Peer("autograd", "autograd"),
    Peer("casadi", "CasADi"),
    Peer("pytensor", "PyTensor"),
)


class PeerMissingError(ImportError):
    """The peer that an implementation needs is not installed."""


def installed() -> dict[str, str | None]:
    """Return the version of each peer by module name; None where it is not installed."""
    return {peer.module: version(peer.module) for peer in PEERS}


def version(module: str) -> str | None:
    """Return the installed version of `module`, or None."""
    if importlib.util.find_spec(module) is None:
        return None
    try:
        return importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def title(module: str) -> str:
    """Return the printed name of a peer, or the module's own name."""
    return next((peer.title for peer in PEERS if peer.module == module), module)


def require(module: str) -> None:
    """Raise PeerMissingError unless the peer is installed."""
    if importlib.util.find_spec(module) is None:
        raise PeerMissingError(f"{title(module)} is not installed")


def jax(*, double: bool = True) -> tuple[Any, Any]:
    """Return `jax` and `jax.numpy`, in float64 if `double`.

    It reads its one-thread settings from the environment that the worker starts in. By default it
    hands a computation to another thread; where there is one core, that only costs it a switch of
    threads, so here it computes in the calling one (measured: up to 10 % faster, and steadier).
    """
    module: Any = importlib.import_module("jax")
    module.config.update("jax_cpu_enable_async_dispatch", False)
    module.config.update("jax_enable_x64", double)
    return module, importlib.import_module("jax.numpy")


def torch() -> Any:
    """Return `torch`, held to one thread."""
    module: Any = importlib.import_module("torch")
    module.set_num_threads(1)
    return module


def autograd() -> tuple[Any, Any]:
    """Return `autograd` and `autograd.numpy`."""
    return importlib.import_module("autograd"), importlib.import_module("autograd.numpy")


def casadi() -> Any:
    """Return `casadi`."""
    return importlib.import_module("casadi")


def casadi_buffers(function: Any, inputs: list[Any], outputs: list[Any]) -> Callable[[], None]:
    """Return CasADi's fastest call: it reads and fills arrays that were registered once."""
    buffer, evaluate = function.buffer()
    for i, array in enumerate(inputs):
        buffer.set_arg(i, memoryview(array))
    for i, array in enumerate(outputs):
        buffer.set_res(i, memoryview(array))
    _REGISTERED.append((function, buffer, inputs, outputs))
    return evaluate  # type: ignore[no-any-return]  # CasADi is not typed


_REGISTERED: list[Any] = []
"""What CasADi's buffers point into: it holds plain addresses, so these must stay alive."""


def pytensor() -> tuple[Any, Any]:
    """Return `pytensor` and `pytensor.tensor`."""
    return importlib.import_module("pytensor"), importlib.import_module("pytensor.tensor")
