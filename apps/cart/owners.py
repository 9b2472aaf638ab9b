"""Whose cart it is: an account's, or a guest's who holds a token."""

import dataclasses
import uuid


@dataclasses.dataclass(frozen=True, slots=True)
class CartOwner:
    """A signed-in user (`user_id`) or a guest (`token_hash`, see core.ids.hash_token): exactly one of them.

    Raises ValueError for neither or both, so that a missing owner can never mean "every guest".
    """

    user_id: uuid.UUID | None = None
    token_hash: str | None = None

    def __post_init__(self) -> None:
        if (self.user_id is None) == (not self.token_hash):
            raise ValueError("a cart has one owner: a user or the holder of a token")

    @property
    def is_guest(self) -> bool:
        return self.user_id is None
