"""Turn the text of an emitted module into callables; this package knows nothing of graphs.

From text to call, in order:

    keys      text -> code object and a key of what it computes: comments and docstrings left out
    private   a directory that nobody else can write to, or a reason why there is none
    store     bytes by name in that directory, authenticated, bounded in size
    numba_cache   Numba's compiled objects, kept in the store instead of Numba's own files
    load      text -> a module, executed once in a process for each key
    exact     a Numba dispatcher with one exact signature; all else goes to a slow path
    dispatch  types by name, and the call with its guard
    program   the entry points of a module for exact arguments, and its workspaces
    threads   helpers that share parts of loops; stages, the calls that are made of such parts
    calling   the closure of a hot call; binding, that of a bound one; buffers, arrays given by out
    lengths   the named dimensions of a call, and the guards
    native    dispatchers and machine code for the user; saving, a module that stands alone
"""
