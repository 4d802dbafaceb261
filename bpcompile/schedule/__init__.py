"""Plan how a graph runs: loop nests shared by many nodes, buffers, and the order of it all.

In: a lowered graph (no composite is left). Out: a `Plan`, a tree of statements over scalar
expressions, loops and matrix products, with every buffer listed. The path of a graph:

1. `reads` says where the element of a value comes from: views, slices and cheap arithmetic are
   looked through, so that nothing is computed or stored for them.
2. `nest` places every other node into a tree of loops. A node joins the first nest of its length
   that comes late enough; it reads what the same iteration made as a scalar. Forward and backward
   nodes meet in the same loops.
3. `lower` writes the tree as statements and gives a buffer to every value that is read outside of
   the iteration that makes it.
4. `regions` writes loops and branches, each region a block of its own between steps 1 and 3. A
   result lies where an operand did if nobody reads that any more (`ownership`, `block`), and
   `handover` and `settle` write how values take the place of others.
5. `arrange` changes a finished loop so that vector code may come of it, by what `accesses` proves
   of its steps (`parting`, `strands`), and `hoist` tests run-time indices before the loops that use
   them.
6. `sharing` lets loops that do the same, as the stages of a step in time, run one routine.
7. `cuts` cuts loops into parts for threads, where that is asked for.
8. `memory` lays the temporary buffers out in one workspace.

A schedule knows ops by their kind and by name for the few structural ones; it must not know of
text or targets.
"""
