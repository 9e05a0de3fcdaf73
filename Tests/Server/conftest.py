"""What every file of tests begins with."""

import pytest

from harness import Inputs


@pytest.fixture(scope="module")
def inputs():
    """Models and scans for the servers of a file of tests."""
    inputs = Inputs()
    yield inputs
    inputs.remove()
