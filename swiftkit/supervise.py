"""The place of swiftkit.training.supervise to a rerun.sh that an older swiftkit has written."""

import sys

from swiftkit.training.supervise import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
