"""Read and write at places of arrays, which share memory as NumPy's do."""
