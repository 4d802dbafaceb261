"""Turn a model into a graph, by running it on values that stand for arrays.

Its rooms, from the call to the graph:

arguments    a call's arguments <-> leaves of known type
rewriting    the model's source, written so that names, calls and control flow come to us
tracing      the run: `session` holds the graph, `tracer` stands for an array, `calls` resolves
flow         branches and loops whose conditions or lengths are traced
functions    what NumPy's and SciPy's functions mean on traced values, a rule for each name
places       reads and writes at an index, and the memory that arrays share
lengths      what is true of lengths while a function is traced
complex      complex values inside a model, as pairs of real ones
custom       calls of functions with a derivative rule of their own
symbolic     SymPy's expressions -> the same graph, without tracing
"""
