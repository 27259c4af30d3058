"""Mail through pgsql: tables: addresses rewritten, senders refused, a server that goes away."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('pgsql',)



def run(t):
    mail(t, "pgsql", pgsql(), f"hosts = 127.0.0.1\nuser = reader\npassword = {PASSWORD}\ndbname = mail\nquery = SELECT goto FROM addresses WHERE address = '%s'\n")
