"""Print statements as the text of a module: names, expressions, comments, layout.

In: the statements of a schedule and the graphs whose mathematics the comments show. Out: the text
of one module per target, checked against an allow-list of syntax and names before anyone compiles
it. Templates hold the layout and nothing else. It must not know of caches or of calls.
"""
