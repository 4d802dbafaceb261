"""Answer the functions of NumPy and SciPy on traced values; each module enters its rules."""
