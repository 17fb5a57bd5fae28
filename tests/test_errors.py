"""The error tree: one line, never empty, whole after pickle and copy."""

from __future__ import annotations

import copy
import errno
import pickle

import pytest

import asyncnet
from asyncnet import errors

CLASSES = [value for name in errors.__all__ if isinstance(value := getattr(errors, name), type)]
ERRORS = [cls for cls in CLASSES if issubclass(cls, errors.AsyncNetError)]

PARENTS = {
    "AsyncNetError": (Exception,),
    "ResolveError": (errors.AsyncNetError, OSError),
    "NameNotFound": (errors.ResolveError,),
    "NoData": (errors.ResolveError,),
    "ConnectError": (errors.AsyncNetError, ConnectionError),
    "ForbiddenAddress": (errors.ConnectError,),
    "TLSError": (errors.ConnectError,),
    "ConnectionLost": (errors.AsyncNetError, ConnectionError),
    "OperationTimeout": (errors.AsyncNetError, TimeoutError),
    "LimitExceeded": (errors.AsyncNetError,),
    "ProtocolError": (errors.AsyncNetError,),
    "ReplyError": (errors.AsyncNetError,),
    "AuthenticationError": (errors.ReplyError,),
    "StateError": (errors.AsyncNetError, RuntimeError),
}

ATTEMPTS = (
    errors.Attempt("192.0.2.1:25", "refused", errno.ECONNREFUSED, 0.1),
    errors.Attempt("192.0.2.2:25", "refused", errno.ECONNREFUSED, 0.2),
)

FIELDS = {
    "protocol": "smtp",
    "operation": "send",
    "peer": "mail.example.org:25",
    "phase": "connect",
    "attempts": ATTEMPTS,
    "elapsed": 1.25,
    "maybe_done": True,
}

every_error = pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)


def reply_fields(cls: type[errors.AsyncNetError]) -> dict[str, object]:
    return {"code": 550, "text": "no such user", "response": [1]} if issubclass(cls, errors.ReplyError) else {}


def test_the_tree_is_the_one_that_is_promised():
    assert {cls.__name__: cls.__bases__ for cls in ERRORS} == PARENTS


def test_all_are_at_the_root_too():
    for name in errors.__all__:
        assert getattr(asyncnet, name) is getattr(errors, name)
        assert name in asyncnet.__all__


@every_error
def test_without_arguments(cls):
    error = cls()
    assert str(error) == cls.__name__
    assert error.args == ("",)
    assert (error.protocol, error.operation, error.peer, error.phase, error.elapsed) == (None,) * 5
    assert error.attempts == ()
    assert error.maybe_done is False


@every_error
def test_with_everything(cls):
    error = cls("no way", **FIELDS, **reply_fields(cls))
    assert error.args == ("no way",)
    assert str(error) == "smtp send mail.example.org:25: no way (connect, after 1.25 s, 2 attempts)"
    for name, value in {**FIELDS, **reply_fields(cls)}.items():
        assert getattr(error, name) == value


@every_error
def test_fields_are_keyword_only(cls):
    with pytest.raises(TypeError):
        cls("message", "smtp")


@every_error
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_everything(cls, protocol):
    same(cls("no way", **FIELDS, **reply_fields(cls)), lambda error: pickle.loads(pickle.dumps(error, protocol)))


@every_error
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_copy_keeps_everything(cls, how):
    same(cls("no way", **FIELDS, **reply_fields(cls)), how)


def same(error, how):
    error.add_note("a note")
    again = how(error)
    assert type(again) is type(error)
    assert again is not error
    assert again.args == error.args
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert getattr(again, "errno", None) == getattr(error, "errno", None)


@every_error
def test_errno_is_set_when_all_attempts_agree(cls):
    error = cls("refused", attempts=ATTEMPTS)
    if issubclass(cls, OSError):
        assert error.errno == errno.ECONNREFUSED
    else:
        assert not hasattr(error, "errno")


@pytest.mark.parametrize(
    "attempts",
    [
        (),
        (errors.Attempt("a", "timed out", None),),
        (ATTEMPTS[0], errors.Attempt("b", "unreachable", errno.ENETUNREACH)),
        (ATTEMPTS[0], errors.Attempt("b", "timed out", None)),
    ],
)
def test_errno_is_not_set_when_they_do_not(attempts):
    error = errors.ConnectError("no", attempts=attempts)
    assert error.errno is None
    assert pickle.loads(pickle.dumps(error)).errno is None


def test_attempts_may_be_any_iterable():
    assert errors.ConnectError("no", attempts=list(ATTEMPTS)).attempts == ATTEMPTS


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "why"),
        ({"protocol": "dns"}, "dns: why"),
        ({"peer": "example.org"}, "example.org: why"),
        ({"phase": "tls"}, "why (tls)"),
        ({"elapsed": 0.0}, "why (after 0.00 s)"),
        ({"attempts": ATTEMPTS[:1]}, "why"),
        ({"attempts": ATTEMPTS}, "why (2 attempts)"),
    ],
)
def test_str_says_what_is_known(fields, expected):
    assert str(errors.AsyncNetError("why", **fields)) == expected


@pytest.mark.parametrize(
    "words", ["a\r\nb", "a\nb", "a\x00b", "a\x1b[31mb", "a\u2028b", "a\u202eb", "a\tb", "\ud800"]
)
def test_str_is_one_printable_line_whatever_the_peer_said(words):
    for error in (errors.ReplyError(words), errors.ReplyError("no", peer=words), errors.ReplyError("no", phase=words)):
        assert str(error).isprintable()
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("words", ["", " ", "\n", "\r\n"])
def test_str_is_never_empty(words):
    assert str(errors.ProtocolError(words)).strip()


def test_a_message_that_was_taken_away_does_not_break_str():
    error = errors.ProtocolError("words")
    error.args = ()
    assert str(error) == "ProtocolError"


def test_an_except_clause_of_the_standard_library_catches_them():
    with pytest.raises(TimeoutError):
        raise errors.OperationTimeout("late")
    with pytest.raises(OSError, match="gone"):
        raise errors.ConnectionLost("gone")
    with pytest.raises(RuntimeError):
        raise errors.StateError("closed")


def test_an_attempt_is_a_plain_frozen_record():
    attempt = errors.Attempt("[::1]:80")
    assert (attempt.error, attempt.errno, attempt.elapsed) == ("", None, 0.0)
    with pytest.raises(AttributeError):
        attempt.error = "changed"
    assert pickle.loads(pickle.dumps(attempt)) == attempt
