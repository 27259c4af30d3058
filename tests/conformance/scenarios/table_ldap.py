"""ldap: with slapd: keys, filters, scopes, templates, limits, binds, wrong settings."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('ldap',)

USUAL = dict(server_host="ldap://127.0.0.1", search_base="dc=test", version=3, bind="no", query_filter="(mail=%s)", result_attribute="description")
ROOT = dict(bind="yes", bind_dn="cn=root,dc=test", bind_pw=PASSWORD)


def run(t):
    ldap("dn: uid=hidden,ou=secret,dc=test\nobjectClass: inetOrgPerson\nuid: hidden\ncn: x\nsn: x\nmail: hidden@v.test\ndescription: seen\n\n")
    text = lambda settings: "".join(f"{name} = {value}\n" for name, value in {**USUAL, **settings}.items())
    say = lambda name, *keys, **settings: ask(t, "ldap", name, text(settings), *keys)
    say("usual", "alice@v.test", "ALICE@V.TEST", "many@v.test", "none@v.test", "empty@v.test", "*", "*)(uid=*", "it's@v.test", "plain", "")
    say("attributes", "many@v.test", result_attribute="uid, description mail")
    say("parts", "alice@v.test", "plain", "it's@v.test", "@v.test", query_filter="(mail=%u@%d)", result_format="%u+%s+%d+%U+%S+%D+%1+%%")
    say("base", "a@people.test", "plain", "a@nowhere.test", query_filter="(mail=alice@v.test)", search_base="ou=%2,dc=%1", result_attribute="uid")
    say("dynamic-base", "people@test", "none@test", query_filter="(mail=alice@v.test)", search_base="ou=%u,dc=%d")
    for scope in ("sub", "base", "one", "all"): say(f"scope-{scope}", "alice@v.test", search_base="ou=people,dc=test", scope=scope)
    say("domain", "alice@v.test", "plain", "", domain="v.test")
    say("limit", "alice@v.test", "many@v.test", expansion_limit=1)
    say("size", "p1", "*", "p*", query_filter="(uid=%s)", result_attribute="mail", size_limit=2)
    say("many", "x", query_filter="(|(mail=%s)(objectClass=*))", result_attribute="uid", size_limit=2)
    say("bound", "hidden@v.test", **ROOT)
    say("anonymous", "hidden@v.test")
    say("bad-password", "alice@v.test", **{**ROOT, "bind_pw": "wrong"})
    say("bad-filter", "x", query_filter="(mail=%s")
    say("fixed-filter", "x", query_filter="(mail=plain)")
    say("bad-base", "x", search_base="dc=none")
    say("bad-bind", "x", bind="perhaps")
    say("bad-template", "x", query_filter="(mail=%z)")
    say("bad-format", "x", result_format="%z")
    say("bad-version", "plain", version=7)
    say("bad-dereference", "plain", dereference=9)
    say("no-server", "plain", server_host="ldap://127.0.0.1:1")
    say("second-server", "plain", server_host="ldap://127.0.0.1:1 ldap://127.0.0.1")
    t.title("not there"); t.sh("postmap -q x ldap:/w/none.cf; postmap -s ldap:/w/usual.cf; postmap -d x ldap:/w/usual.cf")
