"""Turn SymPy expressions into graphs.

In: expressions and the symbols that are arguments. Out: a model that is traced like any other, in
`model`; the rest is read in the order `survey` (the nodes), `forms` and `extents` (lengths),
`arguments`, `values`, `walk`, the rules `scalars`, `sums` and `matrices`, their table `rules`, and
`results`. SymPy is imported when the first expression comes, never before. Nothing here reads text,
prints code, or asks SymPy for what it works out by recursion.
"""

from bpcompile.frontend.symbolic.model import SymbolicModel as SymbolicModel
from bpcompile.frontend.symbolic.model import lower as lower
