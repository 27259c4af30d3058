"""memcache: the records of the table behind it, and what is said where there is none or the server is away."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('memcache',)


def run(t):
    memcached()
    t.file("/w/backup", "behind value\nother b\n"); t.sh("postmap hash:/w/backup", quiet=True)
    server, away = "memcache = inet:127.0.0.1:11211\n", "memcache = inet:127.0.0.1:1\nmax_try = 1\n"
    for name, text in {"alone": server, "both": server + "backup = hash:/w/backup\n", "text": server + "backup = inline:{behind=there}\n", "down": away + "backup = hash:/w/backup\n",
                       "nested": server + "backup = memcache:/w/both.cf\n"}.items():
        t.title(name); t.file(f"/w/{name}.cf", text)
        t.sh(f"postmap -s memcache:/w/{name}.cf; echo $?"); t.sh(f"postmap -q behind memcache:/w/{name}.cf {PLAIN}")
