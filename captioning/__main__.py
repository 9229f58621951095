"""``python -m captioning PHOTO`` is ``inwords caption PHOTO``."""

import sys

from common.cli import main

sys.exit(main(["caption", *sys.argv[1:]]))
