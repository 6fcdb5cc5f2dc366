"""`python -m qsft` is the program `qsft`."""

import sys

from qsft.cli import main

sys.exit(main())
