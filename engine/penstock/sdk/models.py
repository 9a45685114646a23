"""pydantic's models as values, for users who write them (`pip install 'penstock[pydantic]'`).

Rule: nothing here loads pydantic. Who has a model has loaded it; for all others no class is one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

if TYPE_CHECKING:
    from pydantic import BaseModel

FAULTS_TOLD_MAX: Final = 5


def model_of(kind: object) -> type[BaseModel] | None:
    """The class, if it is a model."""
    main: Any = sys.modules.get("pydantic.main")
    if main is None or not isinstance(kind, type) or not issubclass(kind, main.BaseModel):
        return None
    return cast("type[BaseModel]", kind)


def root_hint(kind: object) -> Any:
    """The hint of what a RootModel is in JSON; None if the class is no such model."""
    model = model_of(kind)
    if model is None or not model.__pydantic_root_model__:
        return None
    return model.model_fields["root"].annotation


def names_in_json(model: type[BaseModel]) -> dict[str, str]:
    """How JSON names the fields of a model."""
    fields = model.model_fields
    return {name: field.serialization_alias or name for name, field in fields.items()}


def made_of(kind: type[Any], plain: Any) -> Any:
    """Plain data as a model, or ValueError: the hook with which msgspec decodes what it does not
    know.
    """
    model = model_of(kind)
    if model is None:
        if isinstance(plain, kind):
            return plain
        raise TypeError(f"Expected `{kind.__name__}`, got `{type(plain).__name__}`")
    from pydantic import ValidationError

    try:  # as JSON: a strict model takes a date that is text from nothing else
        return model.model_validate_json(msgspec.json.encode(plain))
    except ValidationError as error:
        raise ValueError(_told(error)) from None


def plain_of(value: Any) -> Any:
    """A model as plain data of which it can be made again: the hook with which msgspec encodes what
    it does not know.
    """
    if model_of(cast("type[Any]", type(value))) is None:
        raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")
    return cast("BaseModel", value).model_dump(mode="json", by_alias=True, round_trip=True)


def _told(error: Any) -> str:
    """The mistakes in a line, without the values: some may be masked."""
    faults: list[dict[str, Any]] = error.errors(
        include_url=False, include_context=False, include_input=False
    )
    told = [
        f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}"
        for fault in faults[:FAULTS_TOLD_MAX]
    ]
    more = len(faults) - len(told)
    return f"{error.title}: {'; '.join(told)}{f'; and {more} more' if more else ''}"
