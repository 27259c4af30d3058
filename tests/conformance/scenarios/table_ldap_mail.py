"""Mail through ldap: tables: addresses rewritten, senders refused, a server that goes away."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('ldap',)



def run(t):
    mail(t, "ldap", ldap(), "server_host = ldap://127.0.0.1\nsearch_base = dc=test\nversion = 3\nbind = no\nquery_filter = (mail=%s)\nresult_attribute = description\n")
