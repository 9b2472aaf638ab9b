"""What happens away from the shop: the payer pays, the bank changes its mind, somebody uses the dashboard."""

from collections.abc import Callable

from tests.fakes.stripe_provider import charging, disputes, methods, refunds, setups
from tests.fakes.stripe_provider.books import Books, Json
from tests.fakes.stripe_provider.errors import StripeError


class Payer:
    """Methods of the fake. Each returns the object as it is afterwards, and raises StripeError when it cannot be."""

    books: Books

    def pay(self, pi_id: str, payment_method: str = "pm_card_visa") -> Json:
        """The payer confirms with a method. A decline is not raised: the intent tells."""
        return self._change("payment_intent", pi_id, lambda intent: self._confirm(intent, payment_method))

    def _confirm(self, intent: Json, payment_method: str) -> None:
        try:
            charging.confirm(self.books, intent, methods.take(self.books, payment_method))
        except StripeError as error:
            if error.status != 402:
                raise

    def decline(self, pi_id: str, payment_method: str = "pm_card_chargeDeclined") -> Json:
        """The payer's bank refuses; the intent waits for another method."""
        return self.pay(pi_id, payment_method)

    def require_action(self, pi_id: str) -> Json:
        """The payer's bank wants them to prove who they are."""
        return self.pay(pi_id, "pm_card_authenticationRequired")

    def authenticate(self, name: str) -> Json:
        """The payer of a payment or setup intent has proven who they are."""
        if name.startswith("seti_"):
            return self._change("setup_intent", name, lambda setup: setups.succeed(self.books, setup))
        return self._change("payment_intent", name, lambda intent: charging.authenticate(self.books, intent))

    def fail_authentication(self, pi_id: str) -> Json:
        """The payer could not prove who they are."""
        return self._change("payment_intent", pi_id, lambda intent: charging.fail_authentication(self.books, intent))

    def settle(self, pi_id: str) -> Json:
        """The slow bank has paid."""
        return self._change("payment_intent", pi_id, lambda intent: charging.settle(self.books, intent))

    def fail_settling(self, pi_id: str) -> Json:
        """The slow bank will not pay."""
        return self._change("payment_intent", pi_id, lambda intent: charging.fail_settling(self.books, intent))

    def cancel_at_dashboard(self, pi_id: str, reason: str = "abandoned") -> Json:
        """Somebody cancels the intent without the shop."""
        return self._change("payment_intent", pi_id, lambda intent: charging.cancel(self.books, intent, reason=reason))

    def capture_at_dashboard(self, pi_id: str, amount: int | None = None) -> Json:
        """Somebody captures held money without the shop."""
        return self._change("payment_intent", pi_id, lambda intent: charging.capture(self.books, intent, amount))

    def expire_authorisation(self, pi_id: str) -> Json:
        """Held money was not captured in time and is released."""
        return self._change(
            "payment_intent",
            pi_id,
            lambda intent: charging.cancel(self.books, intent, reason="automatic", is_expired=True),
        )

    def refund_at_dashboard(self, pi_id: str, amount: int | None = None) -> Json:
        """Somebody refunds without the shop: the refund has none of the shop's metadata."""
        with self.books.lock:
            return self.books.view(refunds.make(self.books, self._charge_of(pi_id), amount))

    def hold_refunds(self, times: int = 1) -> None:
        """Let the next refunds stay pending until `finish_refund` or `fail_refund`."""
        with self.books.lock:
            self.books.refunds_to_hold = times

    def finish_refund(self, re_id: str) -> Json:
        """The money of a pending refund has arrived."""
        return self._change("refund", re_id, lambda refund: refunds.finish(self.books, refund))

    def fail_refund(self, re_id: str, reason: str = "expired_or_canceled_card") -> Json:
        """The bank sends the money of a refund back."""
        return self._change("refund", re_id, lambda refund: refunds.fail(self.books, refund, reason=reason))

    def open_dispute(
        self, pi_id: str, amount: int | None = None, reason: str = "fraudulent", *, is_inquiry: bool = False
    ) -> Json:
        """The payer asks their bank for the money back; an inquiry only asks and takes nothing."""
        with self.books.lock:
            charge = self._charge_of(pi_id)
            made = disputes.begin(self.books, charge, amount=amount, reason=reason, is_inquiry=is_inquiry)
            return self.books.view(made)

    def answer_dispute(self, dp_id: str) -> Json:
        """Evidence was sent at the dashboard."""
        return self._change("dispute", dp_id, lambda dispute: disputes.answer(self.books, dispute))

    def close_dispute(self, dp_id: str, *, won: bool) -> Json:
        """The bank has decided."""
        return self._change("dispute", dp_id, lambda dispute: disputes.close(self.books, dispute, is_won=won))

    def confirm_setup(self, seti_id: str, payment_method: str = "pm_card_visa") -> Json:
        """The payer gives a method to save. A decline is not raised: the intent tells."""
        with self.books.lock:
            try:
                setups.confirm(self.books, {"payment_method": payment_method}, seti_id)
            except StripeError as error:
                if error.status != 402:
                    raise
            return self.books.view(self.books.get("setup_intent", seti_id))

    def detach_at_dashboard(self, pm_id: str) -> Json:
        """Somebody takes a saved method away without the shop."""
        with self.books.lock:
            return self.books.view(methods.detach(self.books, {}, pm_id))

    def _charge_of(self, pi_id: str) -> Json:
        return self.books.get("charge", self.books.get("payment_intent", pi_id)["latest_charge"] or "")

    def _change(self, kind: str, name: str, change: Callable[[Json], object]) -> Json:
        with self.books.lock:
            item = self.books.get(kind, name)
            change(item)
            return self.books.view(item)
