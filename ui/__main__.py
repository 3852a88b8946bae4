"""Starts the page, as `imgsearch ui` does; Ctrl-C ends it also while its libraries load."""

import os
import signal

if __name__ == "__main__":
    # Before the imports, which take a second: an exception in one would leave tracebacks.
    signal.signal(signal.SIGINT, lambda signal_number, frame: os._exit(0))

    from ui.server import main

    main()
