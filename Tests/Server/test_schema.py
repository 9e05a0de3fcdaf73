"""Every operation of the API's own description, with what schemathesis makes of it: no answer but the intended ones."""

import os

import hypothesis
import pytest
import schemathesis

from harness import Inputs, running

# Not implemented, no room on the disk, and more than the server reads at once.
INTENDED = {501, 503, 507}
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "10"))


@pytest.fixture(scope="module")
def schema():
    inputs = Inputs()
    with running(inputs) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        yield schema
        assert server.process.poll() is None
        assert "request failed" not in server.log
    inputs.remove()


every = schemathesis.pytest.from_fixture("schema")


@every.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck))
def test_every_operation(case):
    answer = case.call(timeout=60)
    assert answer.status_code < 500 or answer.status_code in INTENDED, f"{answer.status_code} {answer.content[:200]}"
    if answer.status_code >= 400 and case.method.upper() != "HEAD":
        assert len(answer.json()["detail"]) > 10
