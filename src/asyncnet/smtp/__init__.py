"""Sending mail: compose a message, send it over STARTTLS with a login, or many through a pool."""

from .client import Client, send
from .compose import compose
from .envelope import DSN
from .extensions import Extensions
from .pool import Pool
from .report import SendReport

__all__ = ["DSN", "Client", "Extensions", "Pool", "SendReport", "compose", "send"]
