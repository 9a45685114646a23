"""What a spec inherits, held against a version of its parent: when it is registered, when a run of
it is started, and when one is migrated.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.definitions.wf_spec import Access, SpecBody, WfSpec


def inheriting_faults(body: SpecBody, above: WfSpec) -> Iterator[str]:
    """What a version of the parent can not give; nothing if it fits. Variables that child runs may
    see stay within a major version, so a spec may ask for one.
    """
    if body.parent_major not in (None, above.major):
        wanted = f"major version {body.parent_major}"
        yield f"version {above.version} of {above.name!r} is not of {wanted}"
    entrypoint = above.body.threads[above.body.entrypoint]
    for variable in body.threads[body.entrypoint].variables:
        if not variable.is_inherited:
            continue
        given = entrypoint.variable(variable.name)
        if given is None or given.access is Access.PRIVATE_VAR:
            fault = f"is inherited, but {above.name!r} has none of this name that others may see"
        elif given.type != variable.type:
            fault = f"is inherited as {variable.type}, but is {given.type} in {above.name!r}"
        else:
            continue
        yield f"variable {variable.name!r} {fault}"
