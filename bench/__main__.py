#!/usr/bin/env python3
"""Run the measurements: `python bench`, as `./dev bench` does."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).with_name("run.py")), run_name="__main__")
