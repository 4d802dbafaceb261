"""Stand in for complex values by pairs of real ones, and answer NumPy's functions of them."""
