"""A value of the contract as one line of text, by the table in host/engine/src/conformance.rs. It goes by
the shapes that values of the contract have in Python, so it needs to know no type by name."""

from dataclasses import fields
from enum import Enum

from componentize_py_types import Err, Ok


def flatten(value: object) -> str:
    """Flattens any value of the contract."""
    match value:
        case None:  # An option without a value.
            return "-"
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case list() | bytes():
            return f"[{' '.join(map(flatten, value))}]"
        case Enum():
            return case_name(value)
        case Ok(inner):
            return f"ok:{flatten(inner)}"
        case Err(inner):
            return f"err:{flatten(inner)}"
    values = [flatten(getattr(value, field.name)) for field in fields(value)]
    if is_variant(value):
        return ":".join([case_name(value), *values])
    return f"({' '.join(values)})"


def is_variant(value: object) -> bool:
    """A variant's case is a class of its own, named `Variant_Case`; a record's class has no `_`."""
    return "_" in type(value).__name__


def case_name(value: object) -> str:
    """The case of an enum (`Role.ADMIN`) or variant (`Segment_MentionAll`) as the contract spells it."""
    if isinstance(value, Enum):
        return value.name.lower().replace("_", "-")
    case = type(value).__name__.partition("_")[2]
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in case).removeprefix("-")
