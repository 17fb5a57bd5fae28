"""Receiving mail: the newest messages at once, or a session with a maildrop."""

from .client import Client
from .fetch import fetch
from .message import Message
from .status import Item

__all__ = ["Client", "Item", "Message", "fetch"]
