import subprocess
import sys

import agent_runtime

AFTER = "print('\\n'.join(name for name in sys.modules))"


def modules_after(statement: str) -> set[str]:
    """Modules of a fresh process that has run `statement`."""
    code = f"import sys; {statement}; {AFTER}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


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


def test_the_public_names_are_sorted_and_exist() -> None:
    assert agent_runtime.__all__ == sorted(agent_runtime.__all__)
    assert all(getattr(agent_runtime, name) is not None for name in agent_runtime.__all__)
