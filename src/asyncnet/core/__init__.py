"""What every protocol stands on; knows no protocol itself.

Pure modules import neither asyncio, socket nor ssl: ``address``, ``lines``,
``replies``, ``outcome``, ``policy``.  The others do the I/O.
"""
