"""From JSON to the body of a spec, or a refusal of what has not its form, or is too large."""

from __future__ import annotations

from typing import NoReturn

import msgspec

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.faults import Faults
from penstock.core.definitions.wf_spec import SpecBody
from penstock.core.errors import Code, refuse
from penstock.core.limits import SPEC_BYTES_MAX
from penstock.core.registration.form import form_fault
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, encode_value


def body_of(spec: Value) -> SpecBody:
    """The body; refused if it can be none."""
    try:
        size = len(encode_value(spec))
        if size > SPEC_BYTES_MAX:
            refuse(Code.TOO_LARGE, f"the spec has {size} bytes; it may have {SPEC_BYTES_MAX}")
        return msgspec.convert(spec, SpecBody)
    except ValueProblem as problem:
        _refuse_form(str(problem))
    except msgspec.ValidationError:  # its text is another in another release
        _refuse_form(form_fault(spec, SpecBody))


def _refuse_form(problem: str) -> NoReturn:
    faults = Faults()
    faults.add(FaultKind.BAD_FORM, f"the spec has not the right form: {problem}")
    refuse(Code.BAD_SPEC, str(faults), faults.found)
