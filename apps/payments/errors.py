"""What the cash desk refuses."""

from core.errors import Conflict, InvalidInput, NotFound, Unavailable, Unprocessable


class PaymentNotFound(NotFound):
    """No such payment, or not the caller's."""

    code = "payment_not_found"
    title = "No such payment"


class PaymentMethodNotFound(NotFound):
    """No such payment method, or not the caller's; also for a provider's token that is somebody else's."""

    code = "payment_method_not_found"
    title = "No such payment method"


class TooManyPaymentMethods(Conflict):
    """The account has saved as many payment methods as it may."""

    code = "too_many_payment_methods"
    title = "Too many saved payment methods"


class ProviderUnknown(NotFound):
    """No such provider, or one that sends no webhooks."""

    code = "provider_unknown"
    title = "No such payment provider"


class ProviderNotOffered(InvalidInput):
    """The shop does not take payments by this provider."""

    code = "provider_not_offered"
    title = "The shop does not offer this provider"


class ProviderKeepsNoMethods(InvalidInput):
    """Nothing can be saved with this provider: each payment begins anew."""

    code = "provider_keeps_no_methods"
    title = "This provider saves no payment methods"


class OrderNotPayable(Conflict):
    """The order is paid or closed, or cannot be paid this way. `extra`: order_status, payment_status."""

    code = "order_not_payable"
    title = "The order cannot be paid"


class PaymentInProgress(Conflict):
    """Another attempt is open whose money may be on its way. `extra`: payment_id."""

    code = "payment_in_progress"
    title = "Another payment of this order is in progress"


class PaymentNotAuthorised(Conflict):
    """There is no money held for this payment that could be taken. `extra`: payment_status."""

    code = "payment_not_authorised"
    title = "No authorised money is waiting to be taken"


class RefundTooLarge(Unprocessable):
    """More than what was captured and has not gone back. `extra`: refundable, currency."""

    code = "refund_too_large"
    title = "The refund exceeds what was paid"


class ProviderRefused(Conflict):
    """The provider will not do this, whenever it is asked. `extra`: provider_code."""

    code = "provider_refused"
    title = "The payment provider refused"


class ProviderUnavailable(Unavailable):
    """The provider could not be reached or did not answer; the same request again has one effect."""

    code = "provider_unavailable"
    title = "The payment provider does not answer"


class ProviderContradiction(Unavailable):
    """The provider told another amount or currency than asked for: nothing of it was recorded."""

    code = "provider_contradiction"
    title = "The payment provider's answer does not fit the payment"


class WebhookRefused(InvalidInput):
    """The message does not prove its sender, is too old or too new, or cannot be read. Nothing of it was stored."""

    code = "webhook_refused"
    title = "The webhook was refused"
