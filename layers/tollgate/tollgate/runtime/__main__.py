"""The process itself: the only place of the runtime that touches the real environment."""

import os
import sys

from tollgate.runtime.start import start

if __name__ == "__main__":
    sys.exit(start(os.environ))
