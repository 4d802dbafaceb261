"""Decide what is true of lengths while a function is traced."""
