"""`python -m containers` and the console script `podkeeper`."""

import gc


def main() -> None:
    """Run the command line."""
    # Loading makes a hundred thousand objects and no garbage: looking for it costs a tenth of the time.
    gc.disable()
    from containers.cli.main import main as run  # noqa: PLC0415  (what was just said)

    gc.freeze()
    gc.enable()
    try:
        run()
    finally:
        gc.freeze()  # the interpreter looks for garbage once more as it ends: 40 ms for nothing


if __name__ == "__main__":
    main()
