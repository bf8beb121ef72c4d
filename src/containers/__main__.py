"""`python -m containers` and the console script `podkeeper`."""

from containers.cli.main import main

if __name__ == "__main__":
    main()
