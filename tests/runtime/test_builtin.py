"""What builtin functions read of Python's and NumPy's memory, held to what these say of it."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import numpy as np

from bpcompile.runtime import builtin


def word(address, offset):
    return ctypes.c_ssize_t.from_address(address + offset).value


def test_objects_lie_as_they_are_read():
    pair, values = (1.0, 2.0), [1.0, 2.0, 3.0]
    assert word(id(pair), builtin._WORD) == id(tuple)
    assert word(id(pair), builtin._HEAD) == 2
    assert word(id(pair), builtin._ITEMS + builtin._WORD) == id(pair[1])
    assert word(id(values), builtin._HEAD) == 3
    assert word(word(id(values), builtin._ITEMS), 2 * builtin._WORD) == id(values[2])
    number = ctypes.c_double.from_address(id(pair[0]) + builtin._HEAD)
    assert number.value == 1.0
    single = np.float32(0.5)
    assert ctypes.c_float.from_address(id(single) + builtin._HEAD).value == 0.5


def test_arrays_lie_as_they_are_read():
    x = np.arange(6.0).reshape(2, 3)
    fields = builtin._FIELDS
    assert word(id(x), fields["data"]) == x.ctypes.data
    assert ctypes.c_int.from_address(id(x) + fields["rank"]).value == 2
    lengths = word(id(x), fields["lengths"])
    assert [word(lengths, 0), word(lengths, builtin._WORD)] == [2, 3]
    assert word(id(x), fields["dtype"]) == id(x.dtype)

    def flags(array):
        return ctypes.c_int.from_address(id(array) + fields["flags"]).value

    assert bool(flags(x) & builtin._CONTIGUOUS)
    assert not flags(x.T) & builtin._CONTIGUOUS
    assert bool(flags(x) & builtin._ALIGNED)
    frozen = x.copy()
    frozen.flags.writeable = False
    assert not flags(frozen) & builtin._WRITEABLE


def test_dtypes_lie_as_they_are_read():
    for name in ("f8", ">f8", "f4", "i8", ">i8", "?"):
        dtype = np.dtype(name)
        order = ctypes.c_char.from_address(id(dtype) + builtin._ORDER).value
        assert order.decode() == dtype.byteorder
        assert ctypes.c_int.from_address(id(dtype) + builtin._NUMBER).value == dtype.num


def test_numpys_functions_have_their_places_in_its_table():
    header = Path(np.get_include()) / "numpy" / "__multiarray_api.h"
    text = header.read_text(encoding="utf-8")
    for name, place in (("PyArray_Empty", builtin._EMPTY), ("PyArray_Scalar", builtin._SCALAR)):
        found = re.search(rf"#define {name} .*?PyArray_API\[(\d+)\]", text, re.DOTALL)
        assert found is not None
        assert int(found[1]) == place
