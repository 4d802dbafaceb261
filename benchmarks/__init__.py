"""Measure bpcompile beside hand-written Numba and beside its peers, in one run.

`python benchmarks/run.py` is the way in. Flow, top to bottom:

    case.py      what a case is: contenders that do the same work, and the bars to reach
    peers.py     which peers this environment has, and how each is held to one thread
    cases/       one file per case
    models/      models with loops and branches in plain Python, each with JAX's forms beside it
    loops.py     the case of such a model
    measure.py   agreement first, then rounds A B C A B C ...
    worker.py    one case, in a process of its own that is pinned to one core
    report.py    JSON and Markdown
    run.py       the command: starts a worker per case and writes the report
    compare.py   the command that compares two reports by their ratios
    threads.py   a command of its own: one thread beside several, and beside `prange` by hand
    summary.py   the command that prints one row for each loop model of a report
"""
