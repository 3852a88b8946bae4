"""`python -m imgsearch` is `imgsearch`."""

from imgsearch.cli import main

if __name__ == "__main__":
    main()
