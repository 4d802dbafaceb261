from __future__ import annotations

import gzip
import hashlib
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import bpcompile.data
from bpcompile.data import load_breast_cancer, load_digits
from bpcompile.errors import BpcompileError

SHIPPED = Path(bpcompile.data.__file__).parent


def test_digits_are_the_known_set():
    images, labels = load_digits()

    assert images.shape == (1797, 64)
    assert images.dtype == np.float64
    assert images.flags.c_contiguous
    assert labels.shape == (1797,)
    assert labels.dtype == np.int64
    assert images.min() == 0
    assert images.max() == 16
    # The counts per class that the set's own description gives for its test part.
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_agree_with_scikit_learn():
    reference = pytest.importorskip("sklearn.datasets").load_digits()
    images, labels = load_digits()

    np.testing.assert_array_equal(images, reference.data)
    np.testing.assert_array_equal(labels, reference.target)
    original = resources.files("sklearn.datasets").joinpath("data", "digits.csv.gz").read_bytes()
    assert original == (SHIPPED / "digits.csv.gz").read_bytes()


def test_breast_cancer_is_the_known_set():
    X, y, feature_names = load_breast_cancer()

    assert X.shape == (569, 30)
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    assert y.dtype == np.int64
    assert np.bincount(y).tolist() == [212, 357]
    assert np.isfinite(X).all()
    assert len(set(feature_names)) == 30
    assert all(name.isidentifier() for name in feature_names)


def test_breast_cancer_agrees_with_scikit_learn():
    reference = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    X, y, feature_names = load_breast_cancer()

    np.testing.assert_array_equal(X, reference.data)
    np.testing.assert_array_equal(y, reference.target)
    assert feature_names == tuple(n.replace(" ", "_") for n in reference.feature_names)


@pytest.mark.parametrize(
    ("name", "load"),
    [("digits.csv.gz", load_digits), ("breast_cancer.csv.gz", load_breast_cancer)],
)
def test_damaged_file_is_refused(name, load, tmp_path, monkeypatch):
    text = gzip.decompress((SHIPPED / name).read_bytes())
    (tmp_path / name).write_bytes(gzip.compress(text.replace(b"9", b"8", 1)))
    monkeypatch.setattr(resources, "files", lambda _package: tmp_path)

    with pytest.raises(BpcompileError, match=rf"{re.escape(name)} is damaged.*install bpcompile"):
        load()


def test_readme_states_hash_source_and_licence_of_each_file():
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    files = sorted(SHIPPED.glob("*.gz"))

    assert len(files) == 2
    for file in files:
        assert f"## {file.name}" in readme
        assert hashlib.sha256(file.read_bytes()).hexdigest() in readme
    assert "CC BY 4.0" in readme
    assert "10.24432/C50P49" in readme
    assert "10.24432/C5DW2B" in readme
