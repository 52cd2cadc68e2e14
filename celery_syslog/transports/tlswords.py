"""What went wrong with TLS, in one line that says whose certificate it is and what was expected."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Mapping
from typing import Any

from ..errors import TransportError

__all__ = ["explain"]

#: What OpenSSL calls it, or a part of that -> what it means here. Alerts are the peer's words.
_REASONS = {
    "CERTIFICATE_REQUIRED": "it wants a certificate of ours",
    "BAD_CERTIFICATE": "it does not accept our certificate",
    "UNSUPPORTED_CERTIFICATE": "it does not accept our certificate",
    "CERTIFICATE_EXPIRED": "our certificate has expired",
    "CERTIFICATE_REVOKED": "our certificate was revoked",
    "CERTIFICATE_UNKNOWN": "it does not accept our certificate",
    "ALERT_UNKNOWN_CA": "it does not know the authority that signed our certificate",
    "ACCESS_DENIED": "it does not allow our certificate in",
    "WRONG_VERSION_NUMBER": "what answers does not speak TLS",
    "HTTP_REQUEST": "what answers does not speak TLS",
    "RECORD_LAYER_FAILURE": "what answers does not speak TLS",
    "PROTOCOL_VERSION": "it offers nothing newer than TLS 1.1, and TLS 1.2 is the least that is used",
    "UNSUPPORTED_PROTOCOL": "it offers nothing newer than TLS 1.1, and TLS 1.2 is the least that is used",
    "NO_CIPHERS": "no cipher of syslog_use_ssl['ciphers'] can be used",
    "HANDSHAKE_FAILURE": "it found no cipher in common, or wants a certificate of ours",
}


def explain(
    error: Exception, options: Mapping[str, Any], name: str, tls: ssl.SSLObject | None = None
) -> TransportError:
    """Return the error to be told for one met while connecting to ``name`` or talking to it."""
    if isinstance(error, TransportError):
        return error
    if tls is None:
        return TransportError(errno.EINVAL, _files(error, options))
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError(errno.EACCES, _verification(error, options, name, tls))
    own = _own(options)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        meaning = next((text for part, text in _REASONS.items() if part in reason), reason)
        about = f" ({own})" if "our" in meaning else ""
        return TransportError(errno.EPROTO, f"TLS was refused: {meaning}{about}")
    if isinstance(error, ConnectionError):
        what = "the collector closed the connection in the TLS handshake: does it want a certificate of ours"
        return TransportError(error.errno or errno.ECONNRESET, f"{what} ({own}), or not speak TLS?")
    return TransportError(errno.EINVAL, f"TLS failed: {error}")


def _own(options: Mapping[str, Any]) -> str:
    certfile = options.get("certfile")
    return f"certfile {certfile}" if certfile else "no certfile is set in syslog_use_ssl"


def _authorities(options: Mapping[str, Any]) -> str:
    ca_certs = options.get("ca_certs")
    return f"ca_certs {ca_certs}" if ca_certs else "the system's authorities"


def _files(error: Exception, options: Mapping[str, Any]) -> str:
    """Name the file that cannot be used; OpenSSL's errors do not."""
    for key in ("ca_certs", "certfile", "keyfile"):
        path = options.get(key)
        try:
            if path:
                with open(path, "rb"):
                    pass
        except OSError as problem:
            return f"syslog_use_ssl: {key} {path}: {problem.strerror}"
    return f"syslog_use_ssl: {_which(error, options)}: {getattr(error, 'reason', None) or error.args[-1]}"


def _which(error: Exception, options: Mapping[str, Any]) -> str:
    try:
        if options.get("ca_certs"):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(options["ca_certs"])
    except OSError:
        return f"ca_certs {options['ca_certs']}"
    if "cipher" in str(error).lower():
        return f"ciphers {options.get('ciphers')}"
    names = (f"{key} {options[key]}" for key in ("certfile", "keyfile") if options.get(key))
    return " with ".join(names)


def _verification(
    error: ssl.SSLCertVerificationError, options: Mapping[str, Any], name: str, tls: ssl.SSLObject
) -> str:
    shown = _presented(tls)
    expected = f"expected: one for {name}, signed by {_authorities(options)}"
    return f"the collector's certificate{shown} is refused: {error.verify_message.rstrip('.')}; {expected}"


def _presented(tls: ssl.SSLObject) -> str:
    """Describe the certificate the peer showed, as far as this Python lets us see it."""
    inner = getattr(tls, "_sslobj", None)
    try:
        found = inner.get_unverified_chain()[0].get_info()  # type: ignore[union-attr]
    except Exception:
        return ""
    subject = {key: value for part in found.get("subject", ()) for key, value in part}
    names = [value for _, value in found.get("subjectAltName", ())] or [subject.get("commonName", "?")]
    issuer = {key: value for part in found.get("issuer", ()) for key, value in part}
    by = issuer.get("commonName") or issuer.get("organizationName") or "?"
    return f" (for {', '.join(names[:3])}; signed by {by}; valid until {found.get('notAfter', '?')})"
