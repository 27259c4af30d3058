"""ldap: groups: members by special_result_attribute, URLs in entries, leaf and terminal attributes, loops and depths."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('ldap',)



BASE = "server_host = ldap://127.0.0.1\nsearch_base = dc=test\nversion = 3\nbind = no\nquery_filter = (cn=%s)\n"


def group(cn, *members, **more):
    lines = [f"dn: cn={cn},ou=groups,dc=test", "objectClass: groupOfNames", "objectClass: extensibleObject", f"cn: {cn}", *(f"member: {m}" for m in members), *(f"{n}: {v}" for n, v in more.items())]
    return "\n".join(lines) + "\n\n"


def run(t):
    p = lambda i: f"uid=p{i},ou=people,dc=test"
    ldap(group("team", p(0), p(1), "cn=inner,ou=groups,dc=test", description="group@example.test") + group("inner", p(2)) + group("loop", "cn=loop,ou=groups,dc=test", p(0)) + group("gone", "uid=none,ou=people,dc=test")
         + group("stop", p(0), info="stop@example.test", description="own@example.test") + group("url", "cn=x", labeledURI="ldap:///ou=people,dc=test??one?(|(uid=p0)(uid=p2))") + group("empty", "cn=root")
         + group("half", "uid=none,ou=people,dc=test", p(0)) + group("odd", "cn=x", labeledURI="ldap:///ou=people,dc=test??one?(|(uid=p0") + group("other", "cn=x", labeledURI="ldap:///ou=people,dc=test?sn?one?(uid=p0)"))
    say = lambda name, text, *keys: ask(t, "ldap", name, BASE + text, *keys)
    say("members", "result_attribute = description\nspecial_result_attribute = member\n", "team", "inner", "loop", "gone", "half", "empty", "none")
    say("leaf", "result_attribute =\nleaf_result_attribute = description\nspecial_result_attribute = member\n", "team", "inner")
    say("terminal", "result_attribute = description\nterminal_result_attribute = info\nspecial_result_attribute = member\n", "stop", "team")
    say("url", "result_attribute = description\nspecial_result_attribute = labeledURI\n", "url", "odd", "other")
    say("depth", "result_attribute = description\nspecial_result_attribute = member\nrecursion_limit = 1\n", "team", "inner")
    say("limit", "result_attribute = description\nspecial_result_attribute = member\nexpansion_limit = 3\n", "team", "inner")
