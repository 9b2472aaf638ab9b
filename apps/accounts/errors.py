"""What the accounts refuse."""

from core.errors import Conflict, InvalidInput, NotAuthenticated, NotFound


class InvalidAccount(InvalidInput):
    """An account cannot be made or changed as asked; `errors` names the fields."""

    code = "invalid_account"
    title = "The account data is not valid"


class InvalidCredentials(NotAuthenticated):
    """Unknown name, wrong password or closed account: the caller cannot tell which."""

    code = "invalid_credentials"
    title = "The e-mail address or the password is wrong"


class InvalidToken(NotAuthenticated):
    """The token is forged, out of date, of another kind, or its sign-in has ended."""

    code = "invalid_token"
    title = "The token is not valid or has expired"


class InvalidLink(InvalidInput):
    """A one-time link is forged, used up, too old, for something else or for somebody else: the caller is not told."""

    code = "invalid_link"
    title = "The link is not valid any more"


class InvalidAddress(InvalidInput):
    """An address cannot be saved as given; `errors` names the fields."""

    code = "invalid_address"
    title = "The address is not valid"


class AddressNotFound(NotFound):
    """No such address, or it is somebody else's."""

    code = "address_not_found"
    title = "Address not found"


class TooManyAddresses(Conflict):
    """The account holds as many addresses as it may."""

    code = "too_many_addresses"
    title = "No further address can be saved"
