"""pgsql: with PostgreSQL: keys, templates, limits, old settings, wrong ones."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('pgsql',)



QUERY = "query = SELECT goto FROM addresses WHERE address = '%s'\n"
KEYS = ("alice@v.test", "ALICE@V.TEST", "many@v.test", "none@v.test", "it's@v.test", "empty@v.test", "' OR '1'='1", "back\\\\slash", "plain", "")


def run(t):
    pgsql()
    login = f"hosts = 127.0.0.1\nuser = reader\npassword = {PASSWORD}\ndbname = mail\n"
    say = lambda name, text, *keys: ask(t, "pgsql", name, login + text, *keys)
    say("usual", QUERY, *KEYS)
    say("parts", "query = SELECT goto FROM addresses WHERE address = '%u@%d'\nresult_format = %u+%s+%d+%U+%S+%D+%1+%2+%%\n", "alice@v.test", "many@v.test", "it's@v.test", "plain", "@v.test", "alice@")
    say("labels", "query = SELECT '%2.%1 %3' FROM addresses WHERE address = 'plain'\n", "a@b.c.d", "a@b.c", "a")
    say("domain", QUERY + "domain = v.test, !other.test\n", "alice@v.test", "plain", "x@other.test")
    say("domain-table", QUERY + "domain = inline:{v.test=x}\n", "alice@v.test", "x@other.test")
    say("limit", QUERY + "expansion_limit = 1\n", "alice@v.test", "many@v.test")
    say("old-style", "table = addresses\nselect_field = goto\nwhere_field = address\nadditional_conditions = AND goto <> 'bob@example.test'\n", "many@v.test")
    say("several-columns", "query = SELECT address, goto FROM addresses WHERE address = '%s'\n", "many@v.test")
    say("null", "query = SELECT NULL\n", "x")
    say("format", QUERY + "result_format = [%d]\n", "alice@v.test", "it's@v.test")
    t.title("not there"); t.sh("postmap -q x pgsql:/w/none.cf; postmap -s pgsql:/w/usual.cf; postmap -d x pgsql:/w/usual.cf")
    t.title("several keys"); t.sh("printf 'alice@v.test\\nnone\\nmany@v.test\\n' | postmap -q - pgsql:/w/usual.cf")
    t.title("in main.cf"); t.main(**{"try_" + n: v for n, v in (l.split(" = ", 1) for l in (login + QUERY).strip().splitlines())}); t.sh("postmap -q alice@v.test pgsql:try")
    say("function", "select_function = find_address\n", "alice@v.test", "many@v.test")
    say("bad-query", "query = SELECT nonsense FROM addresses WHERE address = '%s'\n", "x")
    say("bad-syntax", "query = SELECT FROM WHERE '%s' = = 1\n", "x")
    say("bad-template", "query = SELECT '%z'\n", "x")
    say("bad-format", QUERY + "result_format = %q\n", "x")
    say("bad-number", QUERY + "expansion_limit = many\n", "x")
    say("no-query", "", "x")
    say("half-a-query", "table = addresses\nselect_field = goto\n", "x")
    ask(t, "pgsql", "bad-password", login.replace(PASSWORD, "wrong") + QUERY, "x")
    ask(t, "pgsql", "bad-database", login.replace("= mail", "= post") + QUERY, "x")
