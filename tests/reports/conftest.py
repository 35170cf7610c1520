"""One finished run for all tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from tests.reports.sample_run import PASSWORD, mixed_run


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = mixed_run(tmp_path_factory.mktemp("out") / "mixed")
    reports.write(directory, secrets=[PASSWORD])
    return directory
