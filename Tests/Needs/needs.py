"""Skips tests where a package or a program is missing; with MEDSEG_REQUIRE=1 in the environment, fails them."""

import os

import pytest


def needs(what, is_there):
    """A mark for tests that need a package or a program."""
    if not is_there and os.environ.get("MEDSEG_REQUIRE") == "1":
        raise RuntimeError(f"{what} is missing, and MEDSEG_REQUIRE=1 asks for it")
    return pytest.mark.skipif(not is_there, reason=f"{what} is missing")
