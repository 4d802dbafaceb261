"""Run the command line as `python -m bpcompile`."""

from __future__ import annotations

import sys

from bpcompile.cli import main

if __name__ == "__main__":
    sys.exit(main())
