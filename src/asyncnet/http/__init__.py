"""The web: pages, images, downloads, one or many at once."""

from .auth import Basic, Bearer, Digest
from .client import Client
from .headers import Headers
from .image import Image
from .one_shots import fetch, fetch_image
from .page import Hop, Page
from .pool import PoolStats
from .response import Response

__all__ = [
    "Basic",
    "Bearer",
    "Client",
    "Digest",
    "Headers",
    "Hop",
    "Image",
    "Page",
    "PoolStats",
    "Response",
    "fetch",
    "fetch_image",
]
