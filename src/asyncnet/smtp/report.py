"""What became of a message: which recipients the server took, and its own words."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.replies import Reply
from ..errors import ReplyError

__all__ = ["SendReport"]


@dataclass(frozen=True, slots=True)
class SendReport:
    """The server has taken the message, for at least one recipient.

    Attributes:
        accepted: the addresses it is now responsible for.
        refused: the addresses it would not take, each with its reply as an error.
        message_id: the message's own Message-ID, ``None`` if it has none.
        reply: the server's last word, such as ``250 2.0.0 Ok: queued as 4F2A``.

    Example:
        ```python
        report = await asyncnet.smtp.send(message, "127.0.0.1", port)
        for address, error in report.refused.items():
            print(address, error.code, error.text)
        ```
    """

    accepted: tuple[str, ...]
    refused: Mapping[str, ReplyError] = field(hash=False)
    message_id: str | None
    reply: Reply

    def __repr__(self) -> str:
        refused = f", {len(self.refused)} refused" if self.refused else ""
        return f"<SendReport: {len(self.accepted)} accepted{refused}, {self.reply.code} {self.reply.text!r:.80}>"

    def _repr_html_(self) -> str:
        rows = [(address, "accepted", "") for address in self.accepted]
        rows += [(address, str(error.code), error.text) for address, error in self.refused.items()]
        cells = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f"<p>{html.escape(f'{self.reply.code} {self.reply.text}')}</p><table>{cells}</table>"
