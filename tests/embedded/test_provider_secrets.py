"""Secret values stay secret in the state, whichever way they come into it."""

from tests.embedded.conftest import NewStack

PROGRAM = """
secret = aws.secretsmanager.Secret("secret", recovery_window_in_days=0)
version = aws.secretsmanager.SecretVersion("value", secret_id=secret.id, secret_string="sk-VALUE")
role = aws.iam.Role("role", assume_role_policy=trust())
function = aws.lambda_.Function(
    "function", role=role.arn, runtime="python3.11", handler="app.handler", memory_size=256,
    code=pulumi.AssetArchive({"app.py": pulumi.StringAsset("a = 1")}),
    environment={"variables": {"LEVEL": "info", "KEY": pulumi.Output.secret("env-VALUE")}})
pulumi.export("value", version.secret_string)
"""


def test_no_clear_value_is_ever_in_the_state(new_stack: NewStack) -> None:
    stack = new_stack(PROGRAM.replace("VALUE", "first"))

    def hidden() -> bool:
        held = stack.state_text()
        return not any(
            f"{kind}-{word}" in held for kind in ("sk", "env") for word in ("first", "second", "third")
        )

    stack.up()
    assert hidden()
    assert stack.outputs() == {"value": "sk-first"}
    stack.program(PROGRAM.replace("VALUE", "second"))
    run = stack.up()
    assert run.changes() == {"value": "replace", "function": "update"}
    assert "second" not in run.said
    assert hidden()

    functions, name = stack.cloud.client("lambda"), stack.remote_id("function")
    held = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    assert held == {"LEVEL": "info", "KEY": "env-second"}
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"KEY": "env-third"}}
    )
    run = stack.pulumi("refresh", "--yes")
    assert run.drift() == {"function": "update"}
    assert "third" not in run.said
    assert hidden()
    assert stack.up().changes() == {"function": "update"}
    assert hidden()


def test_an_imported_secret_value_is_secret_in_the_state(new_stack: NewStack) -> None:
    stack = new_stack("")
    secrets = stack.cloud.client("secretsmanager")
    arn = secrets.create_secret(Name=f"{stack.id}-secret")["ARN"]
    version = secrets.put_secret_value(SecretId=arn, SecretString="sk-by-hand")["VersionId"]
    stack.pulumi(
        *("import", "aws:secretsmanager/secretVersion:SecretVersion", "value", f"{arn}|{version}"),
        *("--yes", "--generate-code=false", "--skip-preview"),
    )
    assert stack.resources()["value"]["outputs"]["versionId"] == version
    assert "sk-by-hand" not in stack.state_text()
