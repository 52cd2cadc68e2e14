"""syslog-ng: a source, and a file for each ident."""

from __future__ import annotations

import re

from . import Recipe

__all__ = ["syslog_ng"]

_HEAD = """\
# syslog-ng: what Celery's workers send, in {folder}/IDENT.log
# Save as /etc/syslog-ng/conf.d/celery.conf, test with `syslog-ng -s`, then reload syslog-ng.
"""

_FILTER = """
filter f_celery {{ program("^{pattern}") }};
"""

_RULES = """{parser}
destination d_celery {{
  file("{folder}/$(sanitize $PROGRAM).log" create-dirs(yes) perm(0640)
    template("{template}\\n"));
}};
log {{
  source({source});{filter}{parse}
  destination(d_celery);
  flags(final);
}};
"""

_TEXT = "$ISODATE $HOST $MSGHDR$LEVEL [$SDATA] $MSG"
_JSON = "$(format-json --scope none host=$HOST --key .celery.* --shift-levels 2)"

_PARSER = """
# JSON fields become ${{.celery.task_id}}, ${{.celery.event}} and so on; before syslog-ng 4
# all of them are text.
parser p_celery {{ json-parser(prefix(".celery."){marker}); }};
"""

_TLS = """
    transport("tls") tls(
      cert-file("{cert}") key-file("{key}")
      peer-verify({verify})
    )"""


def syslog_ng(recipe: Recipe) -> str:
    """Return a file for /etc/syslog-ng/conf.d."""
    structured = recipe.form != "text"
    marker = ' marker("@cee:")' if recipe.form == "cee" else ""
    parts = [_HEAD.format(folder=recipe.folder)]
    if recipe.local:
        whole = recipe.prefix == recipe.ident
        parts.append(
            _FILTER.format(pattern=re.escape(recipe.prefix).replace("\\-", "-") + ("$" if whole else ""))
        )
    else:
        parts.append(_source(recipe))
    parts.append(
        _RULES.format(
            folder=recipe.folder,
            source="s_src" if recipe.local else "s_celery",
            filter=" filter(f_celery);" if recipe.local else "",
            parser=_PARSER.format(marker=marker) if structured else "",
            parse=" parser(p_celery);" if structured else "",
            template=_JSON if structured else _TEXT,
        )
    )
    return "".join(parts)


def _source(recipe: Recipe) -> str:
    address = recipe.address
    size = f"log-msg-size({max(recipe.kibibytes, 64)}K)"
    place = f'ip("{recipe.listen}") port({address.port})'
    if address.scheme == "unix":
        driver = f'unix-dgram("{address.path}" {size})'
    elif address.scheme == "udp":
        driver = f'network({place} transport("udp") flags(syslog-protocol) {size})'
    elif address.scheme == "tls":
        verify = "required-trusted" if recipe.ca else "optional-untrusted"
        ca = f'\n      ca-file("{recipe.ca}")' if recipe.ca else ""
        tls = _TLS.format(cert=recipe.cert, key=recipe.key, verify=verify).replace("\n    )", f"{ca}\n    )")
        driver = f"syslog({place} {size} keep-hostname(yes){tls})"
    elif dict(address.options).get("framing") == "lf":
        driver = f'network({place} transport("tcp") flags(syslog-protocol) {size} keep-hostname(yes))'
    else:
        driver = f'syslog({place} transport("tcp") {size} keep-hostname(yes))'
    return f"\nsource s_celery {{\n  {driver};\n}};\n"
