"""Lets `python -m flowdrill` run the command line."""

import sys

from flowdrill.cli.main import main

sys.exit(main())
