"""Declare the vocabulary: every operation once, each beside its transpose.

In: nothing but the forms of `bpcompile.ir`. Out: the entries of `ir.op.OPS`. Importing this
package declares all of them. An op module must not know of tracing, schedules or targets beyond
the text patterns that it declares.
"""

from bpcompile.ops import (  # the order of declaration is the order of the op table
    contraction as contraction,
    elementwise as elementwise,
    index as index,
    leaf as leaf,
    reduce as reduce,
    region as region,
    shape as shape,
)
