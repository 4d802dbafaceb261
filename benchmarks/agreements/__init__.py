"""Compare values and gradients with NumPy, JAX and PyTorch: what `benchmarks/agreement.py` runs.

Flow, top to bottom:

    words.py      one vocabulary for NumPy, bpcompile and JAX; a case, and the draws of its operands
    cases/        the cases, by subject; a function that a peer has and no case covers is reported
    exact.py      elementwise operations at hard points, where mpmath decides who is wrong
    functions.py  all functions on random shapes, each beside its peers, with the judge of a quarrel
    points.py     special points: what each gives where a convention or care is needed
    record.py     what was found, a line of JSON for each function, so that a run can be resumed
    page.py       the page of docs/ and what is not covered
"""
