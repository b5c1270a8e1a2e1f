"""What a table row says of a resource type. The tables hold nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.provider.values import Properties

Client = Any
"""A boto3 client: its methods are made at run time."""


class Unsettled(Exception):
    """The resource exists, but did not become what it should be; the text is what the user reads."""


@dataclass(frozen=True)
class Setting:
    """Properties that AWS takes in a call of their own, after the resource exists."""

    properties: tuple[str, ...]
    write: Callable[[Client, str, Properties], object]
    """Called with (client, id, all properties) when one of `properties` is set or has changed."""
    read: Callable[[Client, str, Properties], Properties] | None = None
    """Gives the properties as AWS holds them, so that drift shows. Called with (client, id, state)."""
    on_create: bool = True


@dataclass(frozen=True)
class AutoName:
    """Pulumi names a resource after its logical name and seven random hexadecimal digits."""

    property: str = "name"
    longest: int = 64
    suffix: str = ""


@dataclass(frozen=True)
class Row:
    """One resource type: which calls make it, and how its properties map onto theirs.

    Names of members that differ from the property's only in case need no rename. A property that the
    `create` call takes and neither `update` nor a setting does forces replacement.
    """

    token: str
    service: str
    """Name of the boto3 client."""
    create: str | Callable[[Properties], str]
    """Name of the operation, or how the properties choose it."""
    id: str | Callable[[Properties], str]
    """Template of the id over properties and answer, such as `{functionName}/{name}` or `{arn}`."""
    read: str | None = None
    update: str | None = None
    delete: str | None = None
    key: Mapping[str, str] = field(default_factory=dict[str, str])
    """Request member -> template over `{id}`, its parts and the state, for read, update and delete. Each
    takes those of the members that it knows; a member that is a list gets a list of one."""
    imported: str | Callable[[str], Properties] = ""
    """Template of the id that `pulumi import` takes, where it is another: `{apiId}/{id}`; or how it is taken
    apart, where no template tells its parts."""
    at: str = ""
    """JMESPath of the resource within the answer of `read`, with templates as `key` has them."""
    created_at: str | None = None
    """JMESPath of the resource within the answer of `create`; the same as `at` where None."""
    renames: Mapping[str, str] = field(default_factory=dict[str, str])
    constant: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members that each `create` carries."""
    prepare: Callable[[Properties], Properties] | None = None
    """Rearranges properties whose structure differs from the request's, before they are fitted."""
    prepared: frozenset[str] = frozenset()
    """The properties that `prepare` rearranges."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Property -> key in the request's `Attributes`, a map of strings, as SQS and SNS have it."""
    outputs: Callable[[Any], Properties] | None = None
    """Properties that only a computation over the answer of `read` gives."""
    settings: tuple[Setting, ...] = ()
    name: AutoName | None = None
    replaces: frozenset[str] = frozenset()
    """Force replacement although `update` takes them."""
    updates: frozenset[str] = frozenset()
    """Prepared properties that `update` takes."""
    sent_if_changed: frozenset[str] = frozenset()
    """An update leaves these out unless the program changed them: something else may set them meanwhile."""
    recorded: frozenset[str] = frozenset()
    """Held in Pulumi's state; this cloud does nothing with them."""
    volatile: frozenset[str] = frozenset()
    """Outputs that an update may change: unknown in its preview."""
    owned: frozenset[str] = frozenset()
    """Properties that AWS never sets by itself: one that appears without the program naming it is drift."""
    secrets: frozenset[str] = frozenset()
    """Outputs that are secret whatever the program says."""
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What AWS sets a property back to when the program no longer names it, and what a `key` holds of one
    that it never named."""
    derived: Callable[[Properties], Properties] | None = None
    """Inputs that the provider adds to the program's own, such as the hash of an archive. Called with those
    that are known."""
    settle: Callable[[Client, str, Properties], object] | None = None
    """Waits, after a create and an update, until the resource is what it should be; raises Unsettled where it
    does not become that. Called with (client, id, all properties)."""
    before_delete: Callable[[Client, str, Properties], object] | None = None
    find: Callable[[Client, str, Properties], Any] | None = None
    """Reads a resource for which AWS has no call of its own; None when it is gone. Instead of `read`.
    Called with (client, id, state)."""


@dataclass(frozen=True)
class Recorded:
    """A type that this cloud cannot hold: recorded and reported as such, and nothing more."""

    token: str
    id: str
    """Template over inputs and outputs."""
    name: AutoName | None = None
    outputs: Callable[[Properties], Properties] | None = None
    replaces: frozenset[str] = frozenset()


AnyRow = Row | Recorded
