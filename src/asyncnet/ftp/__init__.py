"""Files from and to FTP servers: list, fetch, store, download and upload with resume, TLS."""

from .client import Client
from .listing import Entry
from .one_shots import download, upload
from .transfer import Transfer

__all__ = ["Client", "Entry", "Transfer", "download", "upload"]
