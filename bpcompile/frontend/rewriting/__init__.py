"""Rewrite the source of a model before it is traced: its syntax, names, control flow and exits."""
