"""Bind the arguments of a call, take them apart into leaves, and put results together."""
