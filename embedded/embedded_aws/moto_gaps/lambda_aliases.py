"""AWS Lambda: aliases. moto takes stale revisions and any weight.

https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html
"""

import json
import threading
import uuid
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ValidationException,
)
from moto.awslambda.models import LambdaAlias, LambdaBackend
from moto.awslambda.responses import LambdaResponse

from embedded_aws.patches import Replacement


def replacements() -> list[Replacement]:
    respond, create, change = LambdaResponse.update_alias, LambdaBackend.create_alias, LambdaAlias.update
    # Of two updates with one revision, the second must see what the first made of it.
    one_at_a_time = threading.Lock()

    def update_alias(response: LambdaResponse) -> Any:
        given = json.loads(response.body)
        _check_weights(given.get("RoutingConfig"))
        *_, function, _aliases, name = response.path.split("/")
        with one_at_a_time:
            alias = response.backend.get_alias(name=unquote(name), function_name=unquote(function))
            if given.get("RevisionId") not in (None, alias.revision_id):
                raise PreconditionFailedException(
                    "The RevisionId provided does not match the latest RevisionId. Call the GetAlias API to "
                    "retrieve the latest RevisionId for your resource."
                )
            return respond(response)

    def create_alias(backend: LambdaBackend, *args: Any, **given: Any) -> LambdaAlias:
        _check_weights(given.get("routing_config"))
        return create(backend, *args, **given)

    def update(alias: LambdaAlias, *args: Any, **given: Any) -> None:
        change(alias, *args, **given)
        alias.revision_id = str(uuid.uuid4())

    return [
        (LambdaResponse, "update_alias", update_alias),
        (LambdaBackend, "create_alias", create_alias),
        (LambdaAlias, "update", update),
    ]


def _check_weights(routing: Any) -> None:
    """Weights are 0 to 1, and an alias points to two versions at most.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    weights = (routing or {}).get("AdditionalVersionWeights") or {}
    if any(not 0 <= float(weight) <= 1 for weight in weights.values()):
        said = ", ".join(f"{version}={weight}" for version, weight in weights.items())
        raise ValidationException(
            f"{{{said}}}",
            "routingConfig.additionalVersionWeights",
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member "
            "must have value greater than or equal to 0.0]",
        )
    if len(weights) > 1:
        raise InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
