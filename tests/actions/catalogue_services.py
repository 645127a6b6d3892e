"""Actions wired for a test over a real catalogue."""

from contextlib import asynccontextmanager

from accounts.model import NOBODY, Principal, Role, User
from accounts.rights import Right, Rights
from actions.catalogue_sync import CatalogueSync
from actions.curation import Curation
from tests.actions.conftest import ActionServices, NameAsTitle
from tests.support.catalogue import open_catalogue

EVERYTHING_ANONYMOUS = frozenset(Right)


def principal(number, role=Role.USER):
    return Principal(User(number, f"user{number}", role, True, 0, None))


OWNER, USER, MODERATOR, ADMIN = (
    principal(1),
    principal(2),
    principal(3, Role.MODERATOR),
    principal(4, Role.ADMIN),
)
ROLES = {"nobody": NOBODY, "user": USER, "owner": OWNER, "moderator": MODERATOR, "admin": ADMIN}


class CatalogueServices(ActionServices):
    """The actions over a real catalogue."""

    def __init__(self, library, anonymous=frozenset({Right.READ, Right.DOWNLOAD}), **stores):
        super().__init__(catalogue=library.catalogue, **stores)
        self.library = library
        self.curation = Curation(library.catalogue, lambda: self.uploads, self.takedowns, Rights(anonymous))
        self.catalogue_sync = CatalogueSync(
            self.cache, library.catalogue, self.takedowns, NameAsTitle(), reader=self.uploads.reader
        )


@asynccontextmanager
async def open_services(path, **given):
    async with open_catalogue(path) as library:
        await library.account(4)
        yield CatalogueServices(library, **given)
