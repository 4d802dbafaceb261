"""Load the two real data sets that travel with the package.

What goes in: nothing. What comes out: NumPy arrays, made from gzipped CSV text whose SHA-256 is
checked first, so that a damaged installation is an error and never a wrong accuracy. The sources
and licences (CC BY 4.0) are in README.md beside this file. This package knows nothing of the
compiler.
"""

from __future__ import annotations

import gzip
import hashlib
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from bpcompile.errors import BpcompileError

__all__ = ["load_breast_cancer", "load_digits"]

_SHA256 = {
    "digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    "breast_cancer.csv.gz": "23b24575aa9cf4bd272e86a7a15e3a22ad4bc9d6c2913f86325b7125ba25a71f",
}


def load_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return images of handwritten digits and the digits that they show.

    The 1797 images are the test part of the UCI set "Optical Recognition of Handwritten Digits"
    (E. Alpaydin and C. Kaynak, doi:10.24432/C50P49). Each is 8 x 8 pixels in row order, with
    integral values from 0 (white) to 16.

    Returns:
        images: f64[1797, 64]
        labels: i64[1797], each from 0 to 9

    Raises:
        BpcompileError: if the data file is damaged.

    Example:
        >>> images, labels = load_digits()
        >>> images.shape, images.min(), images.max()
        ((1797, 64), np.float64(0.0), np.float64(16.0))
        >>> labels[:5]
        array([0, 1, 2, 3, 4])
    """
    rows = _read_lines("digits.csv.gz")
    table = np.loadtxt(rows, delimiter=",", dtype=np.float64)
    return np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64)


def load_breast_cancer() -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[str, ...]]:
    """Return measurements of cell nuclei, whether each tumour is benign, and the columns' names.

    The set is the UCI "Breast Cancer Wisconsin (Diagnostic)" (W. Wolberg, O. Mangasarian,
    N. Street and W. Street, doi:10.24432/C5DW2B): mean, standard error and worst value of ten
    measurements.

    Returns:
        X: f64[569, 30]
        y: i64[569], 1 for benign (357) and 0 for malignant (212)
        feature_names: 30 strings, such as "mean_radius"

    Raises:
        BpcompileError: if the data file is damaged.

    Example:
        >>> X, y, feature_names = load_breast_cancer()
        >>> X.shape, int(y.sum()), feature_names[0]
        ((569, 30), 357, 'mean_radius')
    """
    header, *rows = _read_lines("breast_cancer.csv.gz")
    table = np.loadtxt(rows, delimiter=",", dtype=np.float64)
    feature_names = tuple(header.split(",")[:-1])
    return np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64), feature_names


def _read_lines(name: str) -> list[str]:
    """Return the lines of a data file, after its SHA-256 was found right."""
    payload = resources.files("bpcompile.data").joinpath(name).read_bytes()
    found = hashlib.sha256(payload).hexdigest()
    if found != _SHA256[name]:
        raise BpcompileError(
            f"the data file {name} is damaged: its SHA-256 is {found}, expected {_SHA256[name]}; "
            "install bpcompile again"
        )
    return gzip.decompress(payload).decode("ascii").splitlines()
