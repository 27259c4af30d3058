"""error, retry and discard: by transport_maps, with and without a status, several recipients; defer_transports; a transport that does not exist."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.file("transport", "err.example error:5.7.1 go away\nplain.example error:no status here\nlater.example retry:4.7.1 not now\nlater2.example retry:somehow not\ndisc.example discard:silently\ndisc2.example discard:2.1.5 thrown away\nnone.example nosuch:there\n")
    t.main(transport_maps="texthash:/etc/postfix/transport", smtpd_reject_unlisted_recipient="no", smtpd_recipient_restrictions="permit_mynetworks, reject")
    t.start(); t.logs.clear()
    for to in (["u@err.example"], ["u@plain.example"], ["u@later.example"], ["u@later2.example"], ["u@disc.example", "v@disc.example"], ["u@disc2.example"], ["u@none.example", "v@none.example"]):
        waiting.inject(t, "alice@example.test", " ".join(to))
    t.drain(); t.log("status=", "nosuch"); t.showq(); t.mail("alice", headers={"subject"})
