"""Secrets: inputs that are known to workers alone. A task carries their names; they are filled in
here, and taken out again of all that is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from penstock.config import SECRET_PREFIX, secret_of
from penstock.core.values.forms import Secret
from penstock.core.values.masking import MASK
from penstock.core.values.types import ValueType
from penstock.sdk.hints import UNKNOWN
from penstock.sdk.proxy import Proxy, fault
from penstock.sdk.trace import current_thread

SecretProvider = Callable[[str], "str | None"]
"""Gives the secret of a name; None if it has none. It is asked before each attempt that wants it,
between other attempts of the worker: it should answer at once.
"""


class SecretMissing(Exception):
    """A secret can not be had; the message names it."""


def secret(name: str) -> Any:
    """In a workflow: a secret of the workers', as an input of a task. The engine never has it.

    >>> @task
    ... def mail(letter: str, key: str) -> None:
    ...     print(letter, key)
    >>> @workflow
    ... def mailing(letter: str) -> None:
    ...     mail(letter, secret("smtp_key"))  # PENSTOCK_SECRET_SMTP_KEY, where the worker is
    >>> mailing.tasks
    (<task mail(letter: STR, key: STR) -> JSON>,)
    """
    thread = current_thread()
    if thread is None:
        fault("secret() stands for an input of a task; it can be called in a workflow only")
    return Proxy(thread, Secret(name), ValueType.STR, UNKNOWN)


def from_environment(name: str) -> str | None:
    """The secret `smtp_key` is the environment variable PENSTOCK_SECRET_SMTP_KEY."""
    return secret_of(name)


class Secrets:
    """The secrets of one attempt: found once, and hidden in what is told of it."""

    def __init__(self, names: Mapping[str, str], provider: SecretProvider) -> None:
        self.values = {given: _found(name, provider) for given, name in names.items()}
        # The longest first: what is left of a text is searched for those within it.
        self._hidden = sorted({*self.values.values()}, key=lambda text: (-len(text), text))

    def hide(self, text: str) -> str:
        """A text with stars in place of each secret."""
        for hidden in self._hidden:
            text = text.replace(hidden, MASK)
        return text

    def hide_in(self, value: Any) -> Any:
        """The same of all texts in a value."""
        if not self._hidden:
            return value
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self.hide_in(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            parts = cast("dict[str, Any]", value)
            return {self.hide(key): self.hide_in(part) for key, part in parts.items()}
        return value


NO_SECRETS: Final = Secrets({}, from_environment)
"""Of an attempt that wants none."""


def _found(name: str, provider: SecretProvider) -> str:
    try:
        found = provider(name)
    except Exception as error:
        # What it says may hold the secret.
        raise SecretMissing(
            f"secret {name!r}: the provider raised {type(error).__name__}"
        ) from None
    if not isinstance(found, str) or not found:
        raise SecretMissing(
            f"secret {name!r} is not known to this worker; set {SECRET_PREFIX}{name.upper()}, or"
            " give the worker a provider that knows it"
        )
    return found
