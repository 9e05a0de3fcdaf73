"""Every operation of the API's own description, with what schemathesis makes of it: no answer but the intended ones."""

import os
import warnings

import hypothesis
import schemathesis

from harness import running

# Not implemented, no room on the disk, and more than the server reads at once.
INTENDED = {501, 503, 507}
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "10"))


def attempt(operation):
    """Tries one operation; the answers that came, by status."""
    statuses = {}

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=operation.as_strategy())
    def call(case):
        answer = case.call(timeout=60)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        name = f"{case.method} {case.path}"
        assert answer.status_code < 500 or answer.status_code in INTENDED, f"{name}: {answer.status_code} {answer.content[:200]}"
        if answer.status_code >= 400 and case.method.upper() != "HEAD":
            assert len(answer.json()["detail"]) > 10, f"{name}: {answer.content[:200]}"

    call()
    return statuses


def test_every_operation(inputs):
    warnings.simplefilter("ignore")
    with running(inputs) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        operations = [result.ok() for result in schema.get_all_operations()]
        tried = {f"{operation.method} {operation.path}": attempt(operation) for operation in operations}
        print(f"\n{len(tried)} operations, {sum(sum(statuses.values()) for statuses in tried.values())} requests")
        assert len(tried) > 60
        assert server.process.poll() is None
        assert "request failed" not in server.log, server.log[-500:]
