"""The contenders, one module for a library and a protocol; each function takes a job and does it.

A client marks the phases of its work; a server says when it listens and serves until it is killed.  Everybody gets
TCP_NODELAY, the same backlog and the way of writing that their own documentation shows.
"""
