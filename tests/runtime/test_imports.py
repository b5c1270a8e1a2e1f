import os
import subprocess
import sys

import agent_runtime

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AGENT_NAME": "answers",
    "AGENT_ENVIRONMENT": "dev",
    "AGENT_CHECKPOINT_TABLE": "checkpoints",
    "AGENT_CHECKPOINT_BUCKET": "blobs",
    "AGENT_CONTROL_TABLE": "control",
    "AGENT_QUEUES": '{"b1": "https://sqs.eu-west-1.amazonaws.com/123456789012/runs"}',
}
TWO_CLIENTS = (
    "import boto3, pydantic; from botocore.config import Config; "
    "pydantic.create_model('Limited', number=(int, pydantic.Field(ge=1))); "
    "clients = [boto3.session.Session().client(n, config=Config()) for n in ('dynamodb', 'sqs')]"
)
NOTED = (
    "import botocore.session as s; create = s.Session.create_client; made = []; "
    "s.Session.create_client = lambda self, name, *a, **k: made.append(name) or create(self, name, *a, **k); "
)
AFTER = "print('\\n'.join(name for name in sys.modules))"


def modules_after(statement: str) -> set[str]:
    """Modules of a fresh process that has run `statement`."""
    code = f"import sys; {statement}; {AFTER}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


def packages(modules: set[str]) -> set[str]:
    """Packages that come neither with Python nor with the runtime."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"agent_runtime"}


def test_the_data_models_cost_pydantic_and_nothing_of_aws() -> None:
    loaded = modules_after("import agent_runtime.bundle")
    assert "pydantic" in loaded
    assert not loaded & {"boto3", "botocore", "yaml", "agent_runtime.run", "agent_runtime.checkpoints"}


def test_the_brake_function_loads_neither_pydantic_nor_boto3() -> None:
    loaded = modules_after("import agent_runtime.brake")
    assert not loaded & {"pydantic", "boto3", "botocore"}
    assert {name for name in loaded if name.startswith("agent_runtime")} == {
        "agent_runtime",
        "agent_runtime.brake",
    }


def test_the_lambda_handler_loads_nothing_it_may_not_need() -> None:
    loaded = modules_after("import agent_runtime.hosts.lambda_, agent_runtime.hosts.start")
    assert not loaded & {"boto3", "yaml", "pydantic_settings", "pulumi", "moto", "urllib3.contrib.socks"}


def test_the_submit_function_loads_boto3_with_two_clients_and_pydantic_and_no_more() -> None:
    loaded = modules_after("import agent_runtime.hosts.submit as host; host._start()")
    assert packages(loaded) <= packages(modules_after(TWO_CLIENTS))
    not_needed = ("run", "runner", "models", "progress", "gather", "retries", "secrets", "reaper", "people")
    assert not {n for n in loaded if n.startswith(tuple(f"agent_runtime.{name}" for name in not_needed))}
    assert not loaded & {"tenacity", "langgraph", "pulumi", "yaml", "agent_runtime.hosts.worker"}


def test_the_submit_function_makes_no_client_but_its_two() -> None:
    made = modules_after(f"{NOTED} import agent_runtime.hosts.submit as h; h._start(); print('made', *made)")
    assert made & {"dynamodb", "sqs", "s3", "secretsmanager"} == {"dynamodb", "sqs"}


def test_the_status_and_reaper_functions_load_no_runner_either() -> None:
    for host in ("status", "reaper"):
        loaded = modules_after(f"import agent_runtime.hosts.{host} as host; host._start()")
        assert not loaded & {"agent_runtime.run", "agent_runtime.runner", "agent_runtime.models", "tenacity"}
        assert packages(loaded) <= packages(modules_after(TWO_CLIENTS))


def test_what_the_server_host_needs_is_loaded_by_no_other() -> None:
    others = ("lambda_", "submit", "status", "reaper", "start", "work")
    loaded = modules_after("import " + ", ".join(f"agent_runtime.hosts.{host}" for host in others))
    assert not loaded & {"waitress", "joserfc", "cryptography", "agent_runtime.hosts.listening"}
    assert {"waitress", "joserfc"} <= modules_after("import agent_runtime.hosts.serve")


def test_no_host_loads_the_libraries_of_traces_unless_an_agent_declares_where_they_go() -> None:
    hosts = ("lambda_", "submit", "status", "reaper", "start", "work", "serve")
    loaded = modules_after("import " + ", ".join(f"agent_runtime.hosts.{host}" for host in hosts))
    assert not {name for name in loaded if name.startswith("opentelemetry")}
    assert "opentelemetry.sdk.trace" in modules_after("import agent_runtime.telemetry.exporting")


def test_a_worker_that_never_retries_does_not_load_what_retries() -> None:
    assert "tenacity" not in modules_after("import agent_runtime.hosts.worker, agent_runtime.run")


def test_the_public_names_are_sorted_and_exist() -> None:
    assert agent_runtime.__all__ == sorted(agent_runtime.__all__)
    assert all(getattr(agent_runtime, name) is not None for name in agent_runtime.__all__)
