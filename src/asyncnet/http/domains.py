"""Which domains are plainly somebody's own: what a cookie jar must know without a public suffix list.

The list that browsers carry has ten thousand entries and changes weekly.  These
rules know the common shapes; whatever they do not know counts as a suffix.
"""

from __future__ import annotations

__all__ = ["is_registrable"]

# Country domains directly below which anybody registers names; as of 2026.
_DIRECT_NAMES = """
    ac ag ai am at be bg by ca cc ch cl cm cn co cz de dk ee es eu fi fm fr gg gl gr hr hu ie im in io is it je la li lt
    lu lv ly me mx nl nu ph pl pt pw re ro rs ru se sh si sk so st su tf to tv tw ua us vc vn ws
"""
_GENERIC_NAMES = """
    com net org edu gov mil int info biz name pro mobi app dev page cloud online site shop xyz
"""
# Second levels that group names, such as co.uk, com.au, ac.jp.
_GROUP_NAMES = """
    ac ad asn asso co com ed edu firm gen go gob gouv gov gv id inf info kr lg ltd me mil mod ne net nhs nic nom or org
    plc police pro res sch school web
"""
# Domains below which strangers share a roof, of the kinds that the rules would take for somebody's own.
_SHARED_NAMES = """
    amazonaws.com appspot.com azurewebsites.net blogspot.com br.com cloudfront.net cn.com co.com de.com duckdns.org
    dyndns.org eu.com firebaseapp.com fly.dev gb.com gb.net github.io gitlab.io glitch.me googleapis.com herokuapp.com
    hu.com jpn.com netlify.app no-ip.org no.com onrender.com pages.dev readthedocs.io repl.co ru.com sa.com se.com
    se.net surge.sh trafficmanager.net uk.com uk.net us.com us.org vercel.app web.app windows.net wordpress.com
    workers.dev za.com
"""
_DIRECT = frozenset(_DIRECT_NAMES.split())
_GENERIC = frozenset(_GENERIC_NAMES.split())
_GROUPS = frozenset(_GROUP_NAMES.split())
_SHARED = frozenset(_SHARED_NAMES.split())


def is_registrable(domain: str) -> bool:
    """Whether a domain is plainly somebody's own, so that its hosts may share cookies.

    ``False`` means "cannot tell" as well as "no".
    """
    labels = domain.split(".")
    if len(labels) < 2 or not all(labels):
        return False
    last, second = labels[-1], labels[-2]
    own = 2  # how many labels the name that was registered has
    if last in _GENERIC:
        pass
    elif len(last) == 2 and second in _GROUPS:
        own = 3
    elif last not in _DIRECT:
        return False
    shared = {".".join(labels[-count:]) for count in range(2, len(labels) + 1)} & _SHARED
    if shared:
        own = max(own, 1 + max(name.count(".") + 1 for name in shared))
    return len(labels) >= own
