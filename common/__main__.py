"""``python -m common`` is ``inwords``."""

import sys

from common.cli import main

sys.exit(main())
