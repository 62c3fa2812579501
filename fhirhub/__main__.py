"""`python -m fhirhub`: the same as the command `fhirhub`."""

import sys

from fhirhub.cli import main

if __name__ == "__main__":
    sys.exit(main())
