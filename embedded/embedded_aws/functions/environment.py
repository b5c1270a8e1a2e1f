"""The environment of a function's process: what AWS sets, what the function declares, and nothing of ours."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedded_aws.addresses import reachable
from embedded_aws.functions.versions import Version


def environment(
    version: Version,
    *,
    credentials: Mapping[str, str],
    endpoint_url: str,
    http_url: str,
    runtime_api: str,
    python: Path,
    task_root: Path,
    layer_roots: Sequence[Path],
    temporary: Path,
    log_stream: str,
) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, defined runtime variables."""
    declared = reachable(dict(version.variables), http_url)
    packages = [str(task_root), *(str(root / "python") for root in layer_roots)]
    if "PYTHONPATH" in declared:
        packages.append(declared["PYTHONPATH"])
    overridable = {
        "LANG": "en_US.UTF-8",
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(temporary),
        "TZ": ":UTC",
    }
    reserved = {
        "AWS_DEFAULT_REGION": version.region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": version.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": version.region,
        "LAMBDA_RUNTIME_DIR": str(python.parent),
        "LAMBDA_TASK_ROOT": str(task_root),
        "PYTHONPATH": ":".join(packages),
        "_HANDLER": version.handler,
        # Without HOME, boto3 finds the developer's own profile through the password database.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **credentials,
    }
    return {**overridable, **declared, **reserved}
