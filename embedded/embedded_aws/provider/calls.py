"""Turns a row and a resource's properties into AWS calls, and AWS's answers into properties."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from botocore.exceptions import ClientError
from botocore.model import ListShape, OperationModel, Shape, StructureShape

from embedded_aws.provider.errors import explain, is_gone
from embedded_aws.provider.fit import Mistakes, fit, missing, unfit_members, without_unknown
from embedded_aws.provider.protocol import PartlyCreated
from embedded_aws.provider.rows import Client, Row, Unsettled
from embedded_aws.provider.schema import schema_of, unwrap
from embedded_aws.provider.values import UNKNOWN, Properties, has_unknown, same


@dataclass(frozen=True)
class Calls:
    """The calls of one row against one region."""

    row: Row
    client: Client

    def mistakes(self, properties: Properties) -> Mistakes:
        """(property, reason) for all that botocore's model of the create call refuses."""
        operation, found = self._create_operation(properties), Mistakes()
        params = self._params(operation, properties, found)
        taken = set(params)
        unknown_now = has_unknown(properties)
        for member in missing(params, operation.input_shape):  # type: ignore[arg-type]
            if not unknown_now and member not in taken:
                found.append((self._property_for(member), "is required"))
        for name in properties:
            if not self._takes(operation, name) and name not in self._aside():
                found.append((name, f"the embedded AWS does not emulate this property of {self.row.token}"))
        return found

    def forces_replacement(self, name: str) -> bool:
        row = self.row
        if name in row.replaces:
            return True
        if name in row.updates or name in row.attributes or name in row.recorded:
            return False
        if any(name in setting.properties for setting in row.settings):
            return False
        if name in row.prepared or row.update is None:
            return True
        return not self._takes(self._operation(row.update), name)

    def create(self, properties: Properties) -> tuple[str, Properties]:
        row, operation = self.row, self._create_operation(properties)
        answer = self._call(operation, self._params(operation, properties, []))
        path = row.at if row.created_at is None else row.created_at
        raw = jmespath.search(path, answer) if path else answer
        made = self._properties(raw, operation, path)
        known = {**(raw if isinstance(raw, dict) else {}), **properties, **made}
        resource_id = self._id(known)
        try:
            for setting in row.settings:
                if setting.on_create and any(properties.get(p) is not None for p in setting.properties):
                    setting.write(self.client, resource_id, properties)
            self._settle(resource_id, {**made, **properties})
            state = self.read(resource_id, {**made, **properties}) or {**made, **properties}
        except (ClientError, Unsettled) as error:
            reason = explain(error) if isinstance(error, ClientError) else str(error)
            raise PartlyCreated(resource_id, {**made, **properties}, reason) from error
        return resource_id, state

    def update(
        self, resource_id: str, state: Properties, old: Properties, new: Properties, changed: frozenset[str]
    ) -> Properties:
        row = self.row
        wanted = dict(new)
        for name in old.keys() - new.keys():
            wanted[name] = row.defaults.get(name, _empty_like(old[name]))
        if row.update is not None:
            operation = self._operation(row.update)
            if any(self._takes(operation, name) or name in row.updates for name in changed):
                key = self._key(operation, resource_id, {**state, **new})
                kept_out = row.sent_if_changed - changed
                sent = {k: v for k, v in wanted.items() if k not in kept_out}
                params = self._params(operation, sent, []) | key
                self._call(operation, {k: v for k, v in params.items() if k not in row.constant})
        for setting in row.settings:
            if changed & set(setting.properties):
                setting.write(self.client, resource_id, {**state, **wanted})
        kept = {k: v for k, v in state.items() if k not in old or k in new}
        self._settle(resource_id, {**kept, **new})
        return self.read(resource_id, {**kept, **new}) or {**kept, **new}

    def read(self, resource_id: str, state: Properties) -> Properties | None:
        """The resource's properties as AWS holds them over those in `state`; None when it is gone."""
        row = self.row
        try:
            if row.find is not None:
                found = row.find(self.client, resource_id, state)
                operation = None
            elif row.read is not None:
                operation = self._operation(row.read)
                answer = self._call(operation, self._key(operation, resource_id, state))
                path = row.at.format_map(self._known(resource_id, state))
                found = jmespath.search(path, answer) if path else answer
            else:
                return state
            if found is None:
                return None
            actual = self._properties(found, operation)
            if row.outputs is not None:
                actual |= row.outputs(found)
            for setting in row.settings:
                if setting.read is not None:
                    actual |= setting.read(self.client, resource_id, {**state, **actual})
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        settled = {k: state[k] if k in state and same(state[k], v) else v for k, v in actual.items()}
        return {**{k: v for k, v in state.items() if v is not UNKNOWN}, **settled}

    def adopt(self, import_id: str) -> tuple[str, Properties] | None:
        """(id, properties) of a resource that Pulumi does not know yet, by the id that `pulumi import`
        takes."""
        template = self.row.imported or (self.row.id if isinstance(self.row.id, str) else "{id}")
        parts: Properties = (
            parse_id(template, import_id) if isinstance(template, str) else template(import_id)
        )
        computed = bool(self.row.imported) and "id" not in parts
        resource_id = parts.pop("id", import_id)
        found = self.read(resource_id, parts)
        if found is None:
            return None
        return (self._id(found) if computed else resource_id), found

    def delete(self, resource_id: str, state: Properties) -> None:
        row = self.row
        try:
            if row.before_delete is not None:
                row.before_delete(self.client, resource_id, state)
            if row.delete is not None:
                operation = self._operation(row.delete)
                self._call(operation, self._key(operation, resource_id, state))
        except ClientError as error:
            if not is_gone(error):
                raise

    def _settle(self, resource_id: str, properties: Properties) -> None:
        if self.row.settle is not None:
            self.row.settle(self.client, resource_id, properties)

    def _id(self, known: Properties) -> str:
        return self.row.id.format_map(known) if isinstance(self.row.id, str) else self.row.id(known)

    def _create_operation(self, properties: Properties) -> OperationModel:
        create = self.row.create
        return self._operation(create if isinstance(create, str) else create(properties))

    def _operation(self, name: str) -> OperationModel:
        return self.client.meta.service_model.operation_model(name)

    def _call(self, operation: OperationModel, params: Mapping[str, Any]) -> Any:
        method: Callable[..., Any] = getattr(self.client, _snake(self.client, operation.name))
        return method(**without_unknown(dict(params)))

    def _params(self, operation: OperationModel, properties: Properties, found: Mistakes) -> dict[str, Any]:
        row, shape = self.row, operation.input_shape
        given = row.prepare(dict(properties)) if row.prepare else properties
        given = {k: v for k, v in given.items() if k not in row.attributes and k not in row.recorded}
        params = fit(given, shape, "", row.renames, found) if isinstance(shape, StructureShape) else {}
        attributes = {
            key: _text(properties[p]) for p, key in row.attributes.items() if properties.get(p) is not None
        }
        if attributes and isinstance(shape, StructureShape) and "Attributes" in shape.members:
            params["Attributes"] = attributes
        return {**row.constant, **params}

    def _takes(self, operation: OperationModel, name: str) -> bool:
        shape, row = operation.input_shape, self.row
        if name in row.attributes:
            return isinstance(shape, StructureShape) and "Attributes" in shape.members
        if not isinstance(shape, StructureShape) or name in row.recorded or name in row.prepared:
            return False
        wanted = row.renames.get(name, name).lower()
        return any(member.lower() == wanted for member in shape.members)

    def _aside(self) -> frozenset[str]:
        row = self.row
        return row.recorded | row.prepared | {p for s in row.settings for p in s.properties} | {"region"}

    def _key(self, operation: OperationModel, resource_id: str, state: Properties) -> dict[str, Any]:
        known, shape = self._known(resource_id, state), operation.input_shape
        if not isinstance(shape, StructureShape):
            return {}
        key = {m: template.format_map(known) for m, template in self.row.key.items() if m in shape.members}
        return fit(key, shape, "", {}, [])

    def _known(self, resource_id: str, state: Properties) -> Properties:
        parts = parse_id(self.row.id, resource_id) if isinstance(self.row.id, str) else {}
        return {**self.row.defaults, **parts, **state, "id": resource_id}

    def _properties(
        self, found: Any, operation: OperationModel | None, path: str | None = None
    ) -> Properties:
        row, outputs = self.row, schema_of(self.row.token).outputs
        if not isinstance(found, dict):
            return {}
        shape = shape_at(operation.output_shape, row.at if path is None else path) if operation else None
        properties = (
            unfit_members(found, shape, outputs, row.renames) if isinstance(shape, StructureShape) else {}
        )
        attributes = found.get("Attributes", found) if row.attributes else {}
        for name, key in row.attributes.items():
            if attributes.get(key) not in (None, ""):
                properties[name] = _typed(attributes[key], outputs.get(name))
        kept_aside = row.prepared | row.recorded
        return {k: v for k, v in properties.items() if v is not None and k not in kept_aside}

    def _property_for(self, member: str) -> str:
        for name, renamed in self.row.renames.items():
            if renamed == member:
                return name
        names = {name.lower(): name for name in schema_of(self.row.token).inputs}
        return names.get(member.lower(), member)


def parse_id(template: str, resource_id: str) -> dict[str, str]:
    """The parts of an id: `{role}/{name}` and `a/b` give role a, name b. Raises ValueError when it does
    not fit."""
    names = re.findall(r"{(\w+)}", template)
    pattern = re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>.+?)", re.escape(template))
    match = re.fullmatch(pattern, resource_id)
    if match is None:
        raise ValueError(f"the id {resource_id!r} is not of the form {template}")
    return {name: match[name] for name in names}


def shape_at(shape: Shape | None, path: str) -> Shape | None:
    """The shape that a JMESPath of plain members and indexes reaches."""
    for part in filter(None, path.split(".")):
        if isinstance(shape, StructureShape):
            shape = shape.members.get(part.split("[")[0])
        if "[" in part and isinstance(shape, ListShape):
            shape = shape.member
    return shape


def _snake(client: Client, operation: str) -> str:
    names: Mapping[str, str] = client.meta.method_to_api_mapping
    return next(method for method, name in names.items() if name == operation)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is UNKNOWN else str(value)


def _typed(text: str, kind: Any) -> Any:
    kind = unwrap(kind)
    if kind is bool:
        return text == "true"
    return kind(text) if kind in (int, float) else text


def _empty_like(value: Any) -> Any:
    return type(value)() if isinstance(value, str | list | dict) else None
