"""rsyslog: an input, and a ruleset that writes a file for each ident."""

from __future__ import annotations

from . import Recipe

__all__ = ["rsyslog"]

_HEAD = """\
# rsyslog: what Celery's workers send, in {folder}/IDENT.log
# Save as /etc/rsyslog.d/20-celery.conf, test with `rsyslogd -N1`, then restart rsyslog.
"""

_SIZE = """
# Longer messages are cut. Must come before the inputs: move it to the top of rsyslog.conf if that
# loads an input (imuxsock, imtcp) before it includes this file.
global(maxMessageSize="{size}k")
"""

_RULES = """
# secpath-replace: no ident from the network can name a file elsewhere.
template(name="celery_file" type="string" string="{folder}/%programname:::secpath-replace%.log")
{line}
ruleset(name="celery") {{
{parse}  action(type="omfile" dynaFile="celery_file" template="celery_line" fileCreateMode="0640")
}}
"""

_TEXT = """template(name="celery_line" type="string" string="%timereported:::date-rfc3339% %HOSTNAME% \
%syslogtag% %syslogseverity-text% %structured-data% %msg:::drop-last-lf%\\n")
"""

# The whole object as it was parsed, with the host that rsyslog knows and the sender does not tell.
_JSON = """template(name="celery_line" type="string" string="%$!all-json-plain%\\n")
"""

_PARSE = """  action(type="mmjsonparse" cookie="{cookie}")
  set $!host = $hostname;
"""

_FILTER = """
# Only what is ours, from the socket that rsyslog reads anyway.
if {condition} then {{
  call celery
  stop
}}
"""

# Without an authority (--ca) every client is taken; the connection is encrypted all the same.
_TLS = (
    'streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="{auth}"\n'
    '  {ca}streamDriver.certFile="{cert}"\n  streamDriver.keyFile="{key}"'
)
_RELP_TLS = '\n  tls="on" {ca}tls.myCert="{cert}"\n  tls.myPrivKey="{key}"'


def rsyslog(recipe: Recipe) -> str:
    """Return a file for /etc/rsyslog.d."""
    parts = [_HEAD.format(folder=recipe.folder)]
    if recipe.kibibytes > 8:
        parts.append(_SIZE.format(size=recipe.kibibytes))
    if recipe.form != "text":
        parts.append('\nmodule(load="mmjsonparse")  # JSON fields become properties: $!task_id, $!event\n')
    if not recipe.local:
        parts.append(_input(recipe))
    parse = "" if recipe.form == "text" else _PARSE.format(cookie="@cee:" if recipe.form == "cee" else "")
    line = _TEXT if recipe.form == "text" else _JSON
    parts.append(_RULES.format(folder=recipe.folder, line=line, parse=parse))
    if recipe.local:
        parts.append(_FILTER.format(condition=_condition(recipe)))
    return "".join(parts)


def _condition(recipe: Recipe) -> str:
    if recipe.prefix == recipe.ident:
        return f'$programname == "{recipe.ident}"'
    return f'$programname startswith "{recipe.prefix}"'


def _input(recipe: Recipe) -> str:
    address = recipe.address
    place = f'address="{recipe.listen}" port="{address.port}" ruleset="celery"'
    tls = {"cert": recipe.cert, "key": recipe.key, "auth": "x509/certvalid" if recipe.ca else "anon"}
    if address.scheme == "unix":
        return (
            '\nmodule(load="imuxsock")\n'
            f'input(type="imuxsock" Socket="{address.path}" CreatePath="on" ruleset="celery"\n'
            '  RateLimit.Interval="0")  # a burst of a worker is no attack\n'
        )
    if address.scheme == "udp":
        return f'\nmodule(load="imudp")\ninput(type="imudp" {place} rateLimit.interval="0")\n'
    if address.scheme in ("relp", "relp+tls"):
        # A caCert alone lets everybody in.
        ca = f'tls.authMode="certvalid" tls.caCert="{recipe.ca}"\n  ' if recipe.ca else ""
        secure = _RELP_TLS.format(ca=ca, **tls) if recipe.secure else ""
        size = f'maxDataSize="{recipe.kibibytes}k"'
        library = (
            ' tls.tlslib="openssl"' if recipe.secure else ""
        )  # GnuTLS asks every client for a certificate
        return f'\nmodule(load="imrelp"{library})\ninput(type="imrelp" {place} {size}{secure})\n'
    if address.scheme == "tls":
        ca = f'streamDriver.caFile="{recipe.ca}"\n  ' if recipe.ca else ""
        driver = _TLS.format(ca=ca, **tls)
        return f'\nmodule(load="imtcp")\ninput(type="imtcp" {place}\n  {driver})\n'
    return f'\nmodule(load="imtcp")\ninput(type="imtcp" {place} rateLimit.interval="0")\n'
