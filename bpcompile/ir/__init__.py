"""Define what a program is, apart from the operations it is made of.

In: nothing. Out, in the order in which to read: `dims` and `types` (sizes, dtypes, shapes), `op`
(the form in which an operation is declared, and the table), `graph` (nodes, regions, guards),
`build` (writing graphs as arithmetic), `walk`, `verify` (the invariants), `text` and `parse` (the
printed form and its inverse, over `attributes` and `scan`), and `interpret` (what a graph means, in
NumPy). This package must not know any single operation beyond leaves and regions, and nothing of
models, derivatives, schedules or targets; ops are known by name and by what they declare.
"""
