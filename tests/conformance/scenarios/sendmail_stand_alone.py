"""sendmail -bs: a session on standard input and output, as an ordinary user, with the mail system up and down; what such a session does not do."""
import re


def run(t):
    old = t.norm; t.norm = lambda s: re.sub(r"\b(?=[0-9A-F]*[0-9])[0-9A-F]{7,12}\b|\bQ\d+\b", "Q", re.sub(r"\bsize=\d+", "size=N", old(s)))
    t.start()
    t.sh("printf 'EHLO here\\r\\nMAIL FROM:<alice@example.test> SIZE=100 BODY=8BITMIME\\r\\nRCPT TO:<bob@example.test> NOTIFY=SUCCESS\\r\\nRCPT TO:<nobody@z.example>\\r\\nDATA\\r\\nSubject: x\\r\\n\\r\\nhello\\r\\n..dot\\r\\n.\\r\\nQUIT\\r\\n' | sendmail -bs", user="alice")
    t.drain(); t.log(".*"); t.mail("bob"); t.logs.clear()
    t.sh("printf 'EHLO here\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<bob>\\r\\nRSET\\r\\nVRFY bob\\r\\nETRN x.example\\r\\nNOOP\\r\\nXCLIENT NAME=x\\r\\nAUTH PLAIN\\r\\nSTARTTLS\\r\\nHELP\\r\\nFOO\\r\\nMAIL FROM:<x>\\r\\nRCPT TO:<bob>\\r\\nBDAT 5 LAST\\r\\na: b\\n\\r\\nQUIT\\r\\n' | sendmail -bs", user="alice")
    t.drain(); t.log(".*"); t.logs.clear()
    t.sh("printf 'EHLO here\\nMAIL FROM:<>\\nRCPT TO:<bob>\\nDATA\\nx\\n.\\n' | sendmail -bs", user="bob"); t.drain(); t.log(".*"); t.logs.clear()
    t.sh("sendmail -bs x </dev/null; sendmail -bs </dev/null", user="bob"); t.log(".*"); t.logs.clear()
    t.main(authorized_submit_users="!alice, static:anyone"); t.sh("printf 'QUIT\\r\\n' | sendmail -bs", user="alice"); t.log(".*")
    t.main(authorized_submit_users="static:anyone"); t.stop(); t.sh("printf 'HELO x\\r\\nMAIL FROM:<x>\\r\\nRCPT TO:<bob>\\r\\nDATA\\r\\nx\\r\\n.\\r\\n' | sendmail -bs; ls /var/spool/postfix/maildrop | wc -l", user="bob"); t.log(".*")
