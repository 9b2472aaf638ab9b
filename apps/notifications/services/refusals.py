"""When a mail server's no is final."""

import smtplib

from apps.notifications.services.rendering import one_line

POLICY = b"5.7."  # RFC 3463: it is the sender who is not let through, not the address that is wrong
LENGTH = 200


def final_refusal(error: smtplib.SMTPRecipientsRefused) -> str:
    """Return the server's words if it will never take mail for the address, "550 no such user"; otherwise "".

    Codes from 500 are final (RFC 5321, 4.2.1), those below ask to try again. A refusal by policy is not taken for
    final: a shop that its mail server has locked out for an hour would take every customer's address for a wrong one.
    """
    answers = list(error.recipients.values())
    if not answers or not all(code >= 500 and not words.startswith(POLICY) for code, words in answers):
        return ""
    code, words = answers[0]
    return one_line(f"{code} {words.decode(errors='replace')}", length=LENGTH)
