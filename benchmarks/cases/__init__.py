"""The cases, one file each: `CASE` is what the worker measures.

A case writes the model once in plain NumPy style for bpcompile, the same function with its
gradient by hand in Numba, and the same model as a practised user of each peer writes it.
"""
