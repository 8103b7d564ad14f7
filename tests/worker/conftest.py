"""Tiny versions for all tests of the worker, exported once."""

import pytest

from tests.worker import tiny


@pytest.fixture(scope="session")
def versions(tmp_path_factory) -> tiny.Tiny:
    """A classifier and a generator on disk, with their ONNX graphs."""
    return tiny.make(tmp_path_factory.mktemp("versions"))
