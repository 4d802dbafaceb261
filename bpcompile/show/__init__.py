"""Show the work: the ledger of backpropagation, the gradient check, and what a call costs.

In: the graphs of a compiled function and the values of one call. Out: records that print as plain
text and as HTML. Everything here works on graphs and arrays; how arguments are nested is the
business of the compiled function, which calls these. The numbers come from the interpreter, never
from the compiled code that they are held against.
"""
