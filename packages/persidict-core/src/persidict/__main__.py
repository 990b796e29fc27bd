"""`python -m persidict`: the command line."""

import sys

from persidict.core._cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
