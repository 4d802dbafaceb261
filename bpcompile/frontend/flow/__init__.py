"""Run control flow while tracing: branches, loops, and what they carry."""
