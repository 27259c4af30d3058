"""Mail through sqlite: tables: addresses rewritten, senders refused."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('sqlite',)



def run(t):
    sqlite()
    mail(t, "sqlite", None, "dbpath = /srv/mail.sqlite\nquery = SELECT goto FROM addresses WHERE address = '%s'\n", away=False)
