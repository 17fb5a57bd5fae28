"""Reading and posting news: one article at once, or a session with groups, overviews and many articles."""

from .article import Article, Stat
from .client import Client
from .fetch import fetch
from .listing import Group, Overview

__all__ = ["Article", "Client", "Group", "Overview", "Stat", "fetch"]
