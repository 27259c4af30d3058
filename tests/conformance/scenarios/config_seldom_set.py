"""Parameters that are seldom set: process_id_directory moves no file of master; daemon_table_open_error_is_fatal for tables of smtpd."""
import socket, time


def run(t):
    t.sh("mkdir /var/spool/postfix/run", quiet=True); t.main(process_id_directory="run"); t.start()
    t.sh("ls /var/spool/postfix/run /var/spool/postfix/pid | grep master; postfix status; postconf -h process_id_directory")
    t.main(daemon_table_open_error_is_fatal="yes")
    for name, value in (("smtpd_recipient_restrictions", "check_recipient_access hash:/no/such, permit"), ("mynetworks", "hash:/no/such, 127.0.0.1"), ("virtual_alias_maps", "hash:/no/such"), ("smtpd_discard_ehlo_keyword_address_maps", "hash:/no/such")):
        t.stop(); t.main(transport_maps="", smtpd_recipient_restrictions="permit", mynetworks="127.0.0.1", virtual_alias_maps=""); t.main(**{name: value}); t.logs.clear(); t.sh("postfix start", quiet=True); t.title(name); time.sleep(0.5)
        s = socket.create_connection(("127.0.0.1", 25), 5); s.settimeout(1)
        try: s.recv(100)
        except OSError: pass
        s.close(); time.sleep(0.6); t.note(sorted({l.split(": ", 1)[1] for l in t.logs if "smtpd" in l and "fatal: open" in l}))
