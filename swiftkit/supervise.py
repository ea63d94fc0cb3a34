"""A rerun.sh of an older swiftkit starts `python -m swiftkit.supervise`; see
swiftkit.training.supervise."""

import sys

from swiftkit.training.supervise import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
