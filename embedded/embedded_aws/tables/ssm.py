"""AWS Systems Manager: parameters. Their values are secret outputs, as in the official provider."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT, REGION, or_none


def _prepare(given: Properties) -> Properties:
    """`insecureValue` is a value that Pulumi may show."""
    shown = given.pop("insecureValue", None)
    if shown is not None:
        given["value"] = shown
    return given


def _write(client: Client, name: str, properties: Properties) -> None:
    """An update overwrites; a creation does only where the program says so."""
    given = _prepare({k: properties[k] for k in _UPDATED if properties.get(k) not in (None, "")})
    client.put_parameter(Name=name, Overwrite=True, **{k[0].upper() + k[1:]: v for k, v in given.items()})


def _parameter(client: Client, name: str, _state: Properties) -> Any:
    found = or_none(lambda: client.get_parameter(Name=name, WithDecryption=True))
    if found is None:
        return None
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    described = client.describe_parameters(ParameterFilters=filters)["Parameters"]
    return {**(described[0] if described else {}), **found["Parameter"]}


def _outputs(found: Any) -> Properties:
    name = found["Name"]
    return {
        "name": name,
        "arn": found.get("ARN") or f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name.lstrip('/')}",
        "type": found["Type"],
        "value": found["Value"],
        "version": found["Version"],
        "dataType": found.get("DataType") or "text",
        "tier": found.get("Tier") or "Standard",
        "description": found.get("Description") or "",
        "allowedPattern": found.get("AllowedPattern") or "",
        "keyId": found.get("KeyId") or "",
    }


def _read_shown(client: Client, name: str, state: Properties) -> Properties:
    """`insecureValue` mirrors the value of a parameter that the program set by it."""
    if state.get("insecureValue") is None:
        return {}
    return {"insecureValue": client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]}


def _tags(client: Client, name: str, _state: Properties) -> Properties:
    said = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    tags = {t["Key"]: t["Value"] for t in said}
    return {"tags": tags, "tagsAll": tags}


def _write_tags(client: Client, name: str, properties: Properties) -> None:
    wanted, place = properties.get("tags") or {}, {"ResourceType": "Parameter", "ResourceId": name}
    gone = sorted(_tags(client, name, {})["tags"].keys() - wanted.keys())
    if gone:
        client.remove_tags_from_resource(**place, TagKeys=gone)
    if wanted:
        client.add_tags_to_resource(**place, Tags=[{"Key": k, "Value": v} for k, v in sorted(wanted.items())])


_UPDATED = ("value", "insecureValue", "type", "description", "allowedPattern", "dataType", "keyId", "tier")

ROWS = (
    Row(
        token="aws:ssm/parameter:Parameter",
        service="ssm",
        create="PutParameter",
        id="{name}",
        delete="DeleteParameter",
        key={"Name": "{id}"},
        find=_parameter,
        prepare=_prepare,
        prepared=frozenset({"insecureValue"}),
        outputs=_outputs,
        name=AutoName(longest=2048),
        replaces=frozenset({"name", "dataType"}),
        settings=(
            Setting((*_UPDATED, "overwrite"), _write, _read_shown, on_create=False),
            Setting(("tags",), _write_tags, _tags, on_create=False),
        ),
        secrets=frozenset({"value"}),
        volatile=frozenset({"version"}),
        recorded=frozenset({"arn"}),
        defaults={"tier": "Standard", "dataType": "text"},
    ),
)
