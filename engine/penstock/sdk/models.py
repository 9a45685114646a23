"""pydantic's models as values, for users who write them (the extra `pydantic`).

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
    """How JSON names the fields of a model, or ModelProblem: what a model writes it must read, for
    between two of us its values are JSON.
    """
    names: dict[str, str] = {}
    for name, field in model.model_fields.items():
        written, read = field.serialization_alias or name, _read_as(model, name)
        if written not in read and not field.exclude:
            raise ModelProblem(
                f"model {model.__name__}: field {name!r} is written as {written!r} and read as"
                f" {' or '.join(map(repr, read))}, so nobody can read what another has written;"
                " give it one `alias` for both, or have its `validation_alias` take both"
            )
        names[name] = written
    return names


class ModelProblem(TypeError):
    """A model that can not be made of its own JSON."""


def _read_as(model: type[BaseModel], name: str) -> tuple[str, ...]:
    """The keys of which a field is read: of a path into others there is none."""
    from pydantic import AliasChoices

    config, alias = model.model_config, model.model_fields[name].validation_alias
    aliases = alias.choices if isinstance(alias, AliasChoices) else [alias]
    read = [one for one in aliases if isinstance(one, str)]
    if alias is not None and not config.get("validate_by_alias", True):
        read = []
    by_name = config.get("validate_by_name") or config.get("populate_by_name")
    return (*read, *([name] if alias is None or by_name else []))


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
