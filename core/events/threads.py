"""Loops that apps want to have running wherever background work is done: in every worker and in every relay."""

from collections.abc import Callable

from core.events.looping import Loop

LoopFactory = Callable[[], Loop]
_factories: dict[str, LoopFactory] = {}


def background(name: str) -> Callable[[LoopFactory], LoopFactory]:
    """Register what makes a loop ("webhooks.dispatcher"). Several processes may run it at once.

    Raises ValueError when the name is taken by another function.
    """

    def register(factory: LoopFactory) -> LoopFactory:
        if _factories.setdefault(name, factory) is not factory:
            raise ValueError(f"two loops are called {name}")
        return factory

    return register


def background_loops() -> list[Loop]:
    """Make one loop of each kind, by name."""
    return [factory() for _, factory in sorted(_factories.items())]
