"""What the event feed and the webhooks refuse."""

from core.errors import Conflict, NotFound, Unprocessable


class EventsGone(NotFound):
    """Events after the position were removed for their age. `extra`: after, the position to go on from."""

    code = "events_gone"
    title = "Some of these events are no longer kept"


class PositionNotGiven(Conflict):
    """The reader has come further than the feed: the database was restored from a backup. `extra`: last."""

    code = "position_not_given"
    title = "The feed has not come to this position"


class EndpointNotFound(NotFound):
    """No such endpoint."""

    code = "webhook_endpoint_not_found"
    title = "No such webhook endpoint"


class EventNotKept(NotFound):
    """No such event, or it was removed for its age."""

    code = "event_not_found"
    title = "No such event"


class EndpointInactive(Conflict):
    """Nothing is sent to an endpoint that is switched off."""

    code = "webhook_endpoint_inactive"
    title = "The webhook endpoint is switched off"


class TooManyEndpoints(Conflict):
    """The shop has as many endpoints as it may have. `extra`: limit."""

    code = "too_many_webhook_endpoints"
    title = "There are too many webhook endpoints"


class TooManyEvents(Unprocessable):
    """The range holds more events than one request may send again. `extra`: limit."""

    code = "too_many_events"
    title = "The range holds too many events"
