"""The tables of the settings file, one class each."""

from peerage.sections.catalogue import (
    AccountsSection,
    CatalogueSection,
    CensusSection,
    LimitsSection,
    MirrorSection,
    TorrentApiSection,
)
from peerage.sections.cluster import ClusterSection
from peerage.sections.downloads import DownloadsSection, LookupsSection, QbittorrentSection
from peerage.sections.fairness import FairnessSection
from peerage.sections.ledger import LedgerSection
from peerage.sections.lists import ListsSection
from peerage.sections.mail import MailSection
from peerage.sections.section import Listens, Networks, Section
from peerage.sections.service import CacheSection, HttpSection, LogSection, MetricsSection, RetentionSection
from peerage.sections.site import SiteSection
from peerage.sections.tracker import TrackerSection
from peerage.sections.websocket import WebsocketSection

__all__ = [
    "AccountsSection",
    "CacheSection",
    "CatalogueSection",
    "CensusSection",
    "ClusterSection",
    "DownloadsSection",
    "FairnessSection",
    "HttpSection",
    "LedgerSection",
    "LimitsSection",
    "Listens",
    "ListsSection",
    "LogSection",
    "LookupsSection",
    "MailSection",
    "MetricsSection",
    "MirrorSection",
    "Networks",
    "QbittorrentSection",
    "RetentionSection",
    "Section",
    "SiteSection",
    "TorrentApiSection",
    "TrackerSection",
    "WebsocketSection",
]
