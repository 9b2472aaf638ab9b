"""What the support desk refuses."""

from core.errors import Conflict, NotFound


class EscalationNotFound(NotFound):
    """No such escalation."""

    code = "escalation_not_found"
    title = "No such escalation"


class InvalidEscalationTransition(Conflict):
    """The state table has no such move from where the escalation is. `extra`: from, to, allowed."""

    code = "invalid_escalation_transition"
    title = "The escalation cannot move there"


class TooManyComplaints(Conflict):
    """The order has as many unresolved complaints as it may have. `extra`: limit."""

    code = "too_many_complaints"
    title = "The order has too many open complaints"
