"""From a flow to a WfSpec, and the definitions beside it.

A task of the flow is a node of its name. What else a spec needs has a dot in its name, which no
task's may have: so whoever looks at a run can tell the two apart.
"""

from penstock.flows.compiler.compile import Compiled, compile_flow

__all__ = ["Compiled", "compile_flow"]
