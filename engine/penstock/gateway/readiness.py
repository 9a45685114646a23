"""Whether a node can answer: its own partitions are open, and it knows who has the others."""

from __future__ import annotations

from penstock.gateway.web import Gateway


async def unanswered(gateway: Gateway) -> list[int]:
    """The partitions of which nothing could be told through this node now."""
    processor, nodes = gateway.processor, gateway.forwarder.nodes
    numbers = range(gateway.log.partitions)
    here = {
        number
        for number in numbers
        if number in processor.stopped or processor.position(number) is not None
    }
    if nodes is None or len(here) == len(numbers):
        return [number for number in numbers if number not in here]
    assigned = await nodes.look()
    if nodes.here not in assigned.members:  # what the others have may change in a moment
        return list(numbers)
    elsewhere = {number for number, url in assigned.urls.items() if url != nodes.here}
    return [number for number in numbers if number not in here | elsewhere]
