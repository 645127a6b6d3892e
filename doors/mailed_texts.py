"""What is mailed to people, in the language of whoever asked for it."""

from collections.abc import Callable

from actions.mail import MailText
from doors.languages import Language, message

_LOST = message(
    "Somebody, most likely you, has lost the password of the account %(name)s at %(site)s. "
    "This link sets a new one, once, within an hour:"
)
_CONFIRM = message(
    "The account %(name)s at %(site)s was given this address. This link confirms it, within an hour:"
)
_OTHERWISE = message("If that was not you, do nothing: then nothing changes.")


def lost_password(language: Language, site: str) -> Callable[[str, str], MailText]:
    """Return what composes the mail with a link to a new password."""
    return _composed(language, site, message("A new password at %(site)s"), _LOST)


def confirmation(language: Language, site: str) -> Callable[[str, str], MailText]:
    """Return what composes the mail with the link that confirms an address."""
    return _composed(language, site, message("Your mail address at %(site)s"), _CONFIRM)


def _composed(language: Language, site: str, subject: str, said: str) -> Callable[[str, str], MailText]:
    shown = " ".join(site.split())

    def compose(name: str, link: str) -> MailText:
        body = f"{language.text(said, name=name, site=shown)}\n\n{link}\n\n{language.text(_OTHERWISE)}\n"
        return MailText(language.text(subject, site=shown), body)

    return compose
