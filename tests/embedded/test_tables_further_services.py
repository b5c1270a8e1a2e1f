"""Each row of the further services against moto: its whole life, its ids, and drift."""

from collections.abc import Iterator

import pytest
from botocore.model import OperationModel

from embedded_aws.provider.calls import Calls
from embedded_aws.provider.recorded import Records
from embedded_aws.provider.rows import Recorded, Row
from embedded_aws.provider.schema import schema_of
from embedded_aws.tables import all_rows
from tests.embedded import further_containers, further_events, further_network
from tests.embedded.further_services import Example, calls_of, client, differing, moto_cloud

EXAMPLES = (*further_containers.EXAMPLES, *further_network.EXAMPLES, *further_events.EXAMPLES)
ROWS = [row for row in all_rows().values() if isinstance(row, Row)]
pytestmark = pytest.mark.filterwarnings("ignore:.* has been deprecated in favor of:DeprecationWarning")
"""Some modules of `pulumi_aws` warn as soon as they are imported."""
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.token.rsplit(":", 1)[1])


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with moto_cloud():
        yield


@each_example
def test_a_resource_is_made_read_changed_and_deleted(example: Example) -> None:
    calls, said = calls_of(example.token), example.given()
    assert calls.mistakes(said) == []

    resource_id, state = calls.create(said)
    read = calls.read(resource_id, state)
    assert read is not None
    assert differing(example.token, said, read) == []
    assert [name for name in example.outputs if read.get(name) in (None, "")] == []

    new = {**said, **example.change}
    changed = calls.update(resource_id, read, said, new, frozenset(example.change))
    assert differing(example.token, new, changed) == []
    assert differing(example.token, new, calls.read(resource_id, changed) or {}) == []
    assert {name: calls.forces_replacement(name) for name in example.change} == dict.fromkeys(
        example.change, False
    )

    calls.delete(resource_id, changed)
    assert (calls.read(resource_id, changed) is None) is not example.stays
    calls.delete(resource_id, changed)


@each_example
def test_an_id_is_the_one_of_the_official_provider_and_imports_find_it(example: Example) -> None:
    calls, said = calls_of(example.token), example.given()
    resource_id, state = calls.create(said)
    if example.id is not None:
        assert resource_id == example.id(state)
    imported_id = example.imported(resource_id, state)
    if example.token == "aws:appautoscaling/scheduledAction:ScheduledAction":
        pytest.skip("the official provider imports none")
    adopted = calls.adopt(imported_id)
    assert adopted is not None
    assert adopted[0] == resource_id
    assert all(adopted[1].get(name) not in (None, "") for name in example.outputs)


@each_example
def test_a_resource_of_a_cloud_that_has_started_anew_is_gone(example: Example) -> None:
    """The cloud holds its resources in memory, while Pulumi's state outlives it. Another region stands for
    it: nothing lies there."""
    calls = calls_of(example.token)
    resource_id, state = calls.create(example.given())
    elsewhere = Calls(calls.row, client(calls.row.service, region="eu-north-1"))
    assert elsewhere.read(resource_id, state) is None
    elsewhere.delete(resource_id, state)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.token)
def test_a_row_names_operations_that_botocore_knows(row: Row) -> None:
    model = client(row.service).meta.service_model
    named = [name for name in (row.create, row.read, row.update, row.delete) if isinstance(name, str)]
    operations = [model.operation_model(name) for name in named]
    assert all(isinstance(operation, OperationModel) for operation in operations)
    for name in filter(None, (row.read, row.delete)):
        members = model.operation_model(name).input_shape.members
        assert row.key.keys() & members.keys(), f"{name} takes none of {sorted(row.key)}"


@pytest.mark.parametrize("row", all_rows().values(), ids=lambda row: row.token)
def test_a_row_names_properties_that_pulumi_knows(row: Row | Recorded) -> None:
    schema = schema_of(row.token)
    named = set(row.replaces)
    if isinstance(row, Row):
        named |= {*row.prepared, *row.attributes, *row.updates, *row.owned, *row.secrets, *row.volatile}
        named |= {*row.defaults, *row.recorded, *(p for s in row.settings for p in s.properties)}
    if row.name is not None:
        named.add(row.name.property)
    unknown = named - schema.inputs.keys() - schema.outputs.keys()
    assert sorted(unknown - _OF_EVERY_BUCKET_SETTING) == []


_OF_EVERY_BUCKET_SETTING = {"expectedBucketOwner", "skipDestroy", "mfa", "blockedEncryptionTypes"}
"""One function makes the rows of all settings of a bucket, some of which lack these."""


@pytest.mark.parametrize(
    "row", [r for r in all_rows().values() if isinstance(r, Recorded)], ids=lambda r: r.token
)
def test_a_recorded_resource_has_outputs_that_pulumi_knows_and_ends(row: Recorded) -> None:
    schema, records = schema_of(row.token), Records()
    said = {name: f"arn:aws:iam::1:role/{name}" for name in schema.inputs if name not in ("tags", "region")}
    resource_id, state = records.create(row, said)
    assert sorted(state.keys() - schema.outputs.keys()) == []
    assert records.read(resource_id) == state
    records.delete(resource_id)
    assert records.read(resource_id) is None
