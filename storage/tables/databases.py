"""What each database holds: the collections that its tables are of."""

from sqlalchemy import MetaData

PEERAGE = MetaData()
SWARMS = MetaData()
TITLES = MetaData()
