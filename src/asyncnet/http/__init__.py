"""The web: pages, images, downloads, one or many at once."""

from .auth import Basic, Bearer, Digest
from .client import Client
from .connector import connector
from .download import Download
from .headers import Headers
from .image import Image
from .one_shots import download, download_many, fetch, fetch_image, fetch_many
from .page import Hop, Page
from .pool import PoolStats
from .response import Response

__all__ = [
    "Basic",
    "Bearer",
    "Client",
    "Digest",
    "Download",
    "Headers",
    "Hop",
    "Image",
    "Page",
    "PoolStats",
    "Response",
    "connector",
    "download",
    "download_many",
    "fetch",
    "fetch_image",
    "fetch_many",
]
