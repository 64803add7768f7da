"""Settings that every test shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# No deadline: the first call of a compiled kernel takes seconds. Derandomized: the same commit gives the
# same verdict everywhere; --hypothesis-profile=search looks further.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

# Tables as wide as where there is no terminal; processes that share the tests among them are told of 80 columns.
os.environ["COLUMNS"] = "120"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rtl-cases", type=int, metavar="N", help="random layers simulated as hardware, per engine")


def pytest_configure(config: pytest.Config) -> None:
    """Told by way of the environment, which is there before the tests are imported."""
    cases = config.getoption("--rtl-cases")
    if cases is not None:
        os.environ["PIMSIM_RTL_CASES"] = str(cases)
