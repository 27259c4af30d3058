"""always_bcc, sender_bcc_maps, recipient_bcc_maps: keys, mapping of what they add, null sender, mail from sendmail, BCC duplicates."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("s", "joe@z.example joe-sent@archive.example\n@dom.example dom-sent\n<> nobody\n")
    t.file("r", "ann@z.example ann-got@archive.example\nlocal1 mapped@x.example\nann-got@archive.example never@archive.example\n@dom.example \"odd one\"@archive.example\n")
    t.file("v", "mapped@x.example final@x.example\nann@z.example ann2@z.example\n")
    hop = catch(t, always_bcc="all@archive.example", sender_bcc_maps="texthash:/etc/postfix/s", recipient_bcc_maps="texthash:/etc/postfix/r", virtual_alias_maps="texthash:/etc/postfix/v", recipient_delimiter="+"); t.start()
    for frm, to in (("joe@z.example", ["ann@z.example"]), ("joe+x@z.example", ["ann+y@z.example", "ann@z.example"]), ("x@dom.example", ["x@dom.example"]), ("", ["local1"]), ("no@z.example", ["all@archive.example", "no@z.example"])):
        t.title(f"<{frm}> to {to}"); t.send(frm, to, message(*FULL)); t.drain(); hop.note(messages=False); hop.sessions.clear()
    t.title("sendmail"); t.sendmail("-f joe@z.example ann@z.example", "Subject: x\n\nx\n"); t.drain(); hop.note(messages=False); hop.sessions.clear()
    t.main(receive_override_options="no_address_mappings", always_bcc="bob"); t.reload()
    t.title("no_address_mappings"); t.send("joe@z.example", ["ann@z.example", "local1"], message(*FULL)); t.drain(); hop.note(messages=False)
