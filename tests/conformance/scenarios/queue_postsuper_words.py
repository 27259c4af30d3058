"""postsuper: usage, wrong queue names, not the superuser, relative -c, options that check the structure."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.start()
    for c in ("", "-p", "-s", "-S", "-ps", "-x", "-d", "-d ALL bogus", "-c etc -p", "-c /nosuch -p", "-d 'a b'", "-r ALL", "-e ALL", "-f ALL", "-h ALL corrupt"): t.sh(f"postsuper {c}")
    t.sh("postsuper -d ALL", user="bob"); t.sh("postcat -q ABCDEF"); t.sh("postcat -q 'a b'"); t.sh("postcat -x")
    t.log("postsuper")
