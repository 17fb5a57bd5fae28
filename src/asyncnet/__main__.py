"""``python -m asyncnet``: the commands are in the room of that name."""

import sys

from .commands import main

if __name__ == "__main__":
    sys.exit(main())
