"""memcache: with memcached: keys, formats, a table behind it, limits, wrong settings."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('memcache',)




def run(t):
    memcached()
    say = lambda name, text, *keys: ask(t, "memcache", name, "memcache = inet:127.0.0.1:11211\nmax_try = 1\n" + text, *keys)
    say("usual", "", "alice@v.test", "ALICE@v.test", "none@v.test", "two words", "fat", "")
    say("format", "key_format = p-%s\n", "alice@v.test", "bob@v.test")
    say("parts", "key_format = %u@%d\n", "alice@v.test", "plain")
    say("backup", "backup = inline:{behind=value,other=more}\n", "behind", "alice@v.test", "none")
    say("remembered", "", "behind", "other")
    say("domain", "domain = v.test\n", "alice@v.test", "plain")
    say("size", "data_size_limit = 30000\n", "alice@v.test")
    t.title("not there"); t.sh("postmap -q x memcache:/w/none.cf")
    ask(t, "memcache", "no-server", "memcache = inet:127.0.0.1:1\nmax_try = 1\n", "x")
    ask(t, "memcache", "bad-server", "memcache = somewhere\n", "x")
