"""postsuper -r: the message goes through cleanup again, with the tables of today."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.file("virtual", ""); t.main(virtual_alias_maps="texthash:/etc/postfix/virtual")
    t.start()
    t.send("carol@example.test", "u@far.example"); t.drain(); i = waiting.ids(t)[0]
    t.file("virtual", "u@far.example alice@example.test\n"); t.reload(); t.logs.clear()
    t.sh(f"postsuper -r {i}"); t.sh("postqueue -f"); t.drain()
    t.log("postsuper", "orig_id", "status=", "removed"); t.showq(); t.mail("alice", headers={"subject", "x-original-to", "delivered-to", "return-path"})
