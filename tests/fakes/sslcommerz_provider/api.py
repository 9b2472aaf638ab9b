"""The answers of the provider's addresses: a session, validation, query and refund. All of them are HTTP 200."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from tests.fakes.sslcommerz_provider.payments import Payments, Refund, Session
from tests.fakes.sslcommerz_provider.session_rules import find_fault

Form = Mapping[str, str]
SESSION = "/gwprocess/v4/api.php"
VALIDATION = "/validator/api/validationserverAPI.php"
MERCHANT = "/validator/api/merchantTransIDvalidationAPI.php"
_REFUND = ("bank_tran_id", "refund_trans_id", "refund_amount", "refund_remarks")


def start(payments: Payments, form: Form, *, is_known: bool, page_url: Callable[[str], str]) -> dict[str, object]:
    """Answer a request for a session."""
    fault = find_fault(form) if is_known else "Store Credential Error Or Store is De-active"
    if fault:
        return {"status": "FAILED", "failedreason": fault, "sessionkey": "", "GatewayPageURL": "", "desc": []}
    session = payments.open_session(form)
    return {
        "status": "SUCCESS",
        "failedreason": "",
        "sessionkey": session.key,
        "gw": {"visa": "dbbl_visa", "master": "dbbl_master", "mobilebanking": "bkash,nagad"},
        "redirectGatewayURL": page_url(session.key) + "?cardname=",
        "GatewayPageURL": page_url(session.key),
        "storeBanner": "",
        "storeLogo": "",
        "desc": [{"name": "VISA", "type": "visa", "logo": "", "gw": "visacard"}],
        "is_direct_pay_enable": "0",
    }


def validate(payments: Payments, form: Form) -> dict[str, object]:
    """Answer whether a payment is real; asked again it is VALIDATED instead of VALID."""
    if not form.get("val_id"):
        return {"APIConnect": "INVALID_REQUEST", "status": "INVALID_TRANSACTION"}
    session = next((each for each in payments.sessions.values() if each.val_id == form["val_id"]), None)
    if session is None:
        return {"APIConnect": "DONE", "status": "INVALID_TRANSACTION", "validated_on": payments.stamp()}
    told = {**_transaction(payments, session), "validated_on": payments.stamp(), "gw_version": ""}
    session.status = "VALIDATED" if session.is_paid else session.status
    return {**told, "APIConnect": "DONE"}


def ask_merchant(payments: Payments, form: Form) -> dict[str, object]:
    """Answer one of the four questions this address takes."""
    if form.get("refund_ref_id"):
        return _query_refund(payments, form["refund_ref_id"])
    if form.get("bank_tran_id"):
        return _refund(payments, form)
    if form.get("sessionkey"):
        return _query_session(payments, form["sessionkey"])
    if form.get("tran_id"):
        found = [_transaction(payments, session) for session in reversed(payments.of_tran(form["tran_id"]))]
        return {"APIConnect": "DONE", "no_of_trans_found": len(found), "element": found}
    return {"APIConnect": "INVALID_REQUEST"}


def _query_session(payments: Payments, key: str) -> dict[str, object]:
    session = payments.sessions.get(key)
    if session is None:
        return {"APIConnect": "INVALID_REQUEST"}
    return {**_transaction(payments, session), "sessionkey": key, "APIConnect": "DONE"}


def _transaction(payments: Payments, session: Session) -> dict[str, object]:
    told = {
        "status": session.status,
        "tran_date": session.tran_date or session.created_at,
        "tran_id": session.tran_id,
        "val_id": session.val_id,
        "bank_tran_id": session.bank_tran_id,
        "error": session.error,
        "emi_instalment": "0",
        "emi_amount": "0.00",
        **session.money(),
        **session.card(),
        **session.echoed(),
        **session.risk(),
    }
    return {**told, **payments.lies.get(session.tran_id, {})}


def _refund(payments: Payments, form: Form) -> dict[str, object]:
    if any(not form.get(name) for name in _REFUND) or len(form["refund_trans_id"]) > 30:
        return {"APIConnect": "INVALID_REQUEST"}
    session = next((each for each in payments.sessions.values() if each.bank_tran_id == form["bank_tran_id"]), None)
    if session is None or not session.val_id:
        return {"APIConnect": "DONE", "status": "failed", "errorReason": "Bank transaction is not found"}
    known = next((each for each in payments.refunds.values() if each.trans_id == form["refund_trans_id"]), None)
    fault = _refund_fault(payments, session, form, known)
    if fault:
        return _refund_answer(session, "", "failed", fault)
    refund = known or _open_refund(payments, session, form)
    status = {"refunded": "success", "cancelled": "failed"}.get(refund.status, "processing")
    return _refund_answer(session, refund.ref_id, status, "")


def _open_refund(payments: Payments, session: Session, form: Form) -> Refund:
    amount = Decimal(form["refund_amount"])
    return payments.open_refund(
        session, trans_id=form["refund_trans_id"], amount=amount, remarks=form["refund_remarks"]
    )


def _refund_fault(payments: Payments, session: Session, form: Form, known: Refund | None) -> str:
    if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,2})?", form["refund_amount"]) is None or not Decimal(form["refund_amount"]):
        return "Refund amount is not valid"
    amount = Decimal(form["refund_amount"])
    if known is not None:
        same = known.session is session and known.amount == amount
        return "" if same else "Refund transaction id was used for another refund"
    if len(form["refund_remarks"]) > 255:
        return "Refund remarks are too long"
    return "Refund amount is more than what is left" if amount > payments.left(session) else ""


def _refund_answer(session: Session, ref_id: str, status: str, error: str) -> dict[str, object]:
    return {
        "APIConnect": "DONE",
        "bank_tran_id": session.bank_tran_id,
        "trans_id": session.tran_id,
        "refund_ref_id": ref_id,
        "status": status,
        "errorReason": error,
    }


def _query_refund(payments: Payments, ref_id: str) -> dict[str, object]:
    refund = payments.refunds.get(ref_id)
    if refund is None:
        return {"APIConnect": "DONE", "status": "failed", "errorReason": "Refund is not found"}
    return {
        "APIConnect": "DONE",
        "bank_tran_id": refund.session.bank_tran_id,
        "tran_id": refund.session.tran_id,
        "refund_ref_id": ref_id,
        "initiated_on": refund.initiated_on,
        "refunded_on": refund.refunded_on,
        "status": refund.status,
        "errorReason": "",
    }
