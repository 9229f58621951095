"""``python -m translation --from de --to en TEXT`` is ``inwords translate --from de --to en TEXT``."""

import sys

from common.cli import main

sys.exit(main(["translate", *sys.argv[1:]]))
