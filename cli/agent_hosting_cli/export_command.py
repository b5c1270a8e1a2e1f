"""`agent-hosting export-plan`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent_hosting_cli.progress import errors
from agent_hosting_cli.project import UserError, find_project


def export_plan(
    stack: Annotated[str, typer.Option(help="Stack to preview.")] = "local",
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Tell of what is deployed instead of a preview.")
    ] = False,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Read what `pulumi preview --json` or `pulumi stack export` printed; - is standard input.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the plan goes. Default: standard output.")
    ] = None,
) -> None:
    """Write a preview as the JSON of a Terraform plan, for Checkov, Trivy and OPA.

    Secrets are masked. Resources that Terraform has no type for are told of and left out.
    """
    from agent_hosting_cli import exporting
    from agent_hosting_cli.terraform.plan import left_out, plan_of  # Pulumi's packages take seconds to import

    told = (
        exporting.told_by_pulumi(find_project(Path.cwd()), stack, deployed=deployed)
        if from_file is None
        else exporting.told_in(from_file)
    )
    text = json.dumps(plan_of(told), indent=1) + "\n"
    for resource in left_out(told):
        errors.print(f"not in the plan, since Terraform has no type for it: {resource}", markup=False)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}") from None
