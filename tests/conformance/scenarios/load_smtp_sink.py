"""smtp-sink: dialogues with all of its options; what it logs, and when it ends."""
import socket, subprocess, time


def run(t):
    def begin(options, user="-u nobody"):
        p = subprocess.Popen(f"exec smtp-sink {user} {options} 127.0.0.1:2525 20", shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(100):
            try: socket.create_connection(("127.0.0.1", 2525), 1).close(); break
            except OSError: time.sleep(0.05)
        time.sleep(0.1); t.title(f"smtp-sink {options}"); return p
    def end(p, show=True):
        p.terminate(); out = p.communicate()[0]
        if show:
            for l in out.splitlines():
                # What only matters to whoever looks for mistakes in smtp-sink.
                if not any(w in l for w in ("name_mask", "vstream_", "fd=", "smtp_stream_", "trying...")): t.note("  " + l)
    ALL = ("EHLO x", "HELO y", "LHLO z", "XCLIENT NAME=a", "XFORWARD NAME=a", "AUTH PLAIN x", "NOOP", "VRFY a", "RCPT TO:<a>", "DATA", "MAIL FROM:<a>", "mail from:<b>", "DATA", "RCPT TO:<a>", "RCPT TO:<b>", "RSET", "", "  ", "what is this", ".", "QUIT now")
    for o in ("", "-8", "-a", "-C", "-e", "-E", "-F", "-N", "-p", "-P", "-L", "-h my.example", "-f mail,rcpt", "-r 'EHLO . quit'", "-b '451 soft' -r helo -B '599 hard' -f ehlo", "-f ehlo -r ehlo", "-f connect"):
        p = begin(o); s = t.smtp(port=2525)
        for c in ALL: s.cmd(c)
        s.close(); end(p, False)
    for o in ("-q mail", "-Q mail", "-q connect", "-Q connect", "-Q ."):
        p = begin(o); s = t.smtp(port=2525)
        for c in ("EHLO x", "MAIL FROM:<a>", "RCPT TO:<b>"): s.cmd(c)
        s.close(); end(p, False)
    for o in ("-A 0", "-A 1", "-w 1", "-W data:1", "-W mail:1:0", "-H 1", "-L", "-f .", "-L -f .", "-L -r .", "-m 1"):
        p = begin(o); s = t.smtp(port=2525); s.cmd("LHLO x" if "-L" in o else "HELO x"); s.cmd("MAIL FROM:<a>"); s.cmd("RCPT TO:<b>"); r = s.cmd("DATA")
        if r.startswith("354") and "-A" not in o: s.data("Subject: x\n\n.dot\n"); s.cmd("NOOP"); s.cmd("QUIT")
        s.close(); end(p, False)
    p = begin("-s mail,data,connect -v"); s = t.smtp(port=2525); s.cmd("EHLO x"); s.cmd("MAIL FROM:<a" + "b" * 150 + ">"); s.cmd("DATA"); s.cmd("QUIT"); s.close(); time.sleep(0.3); end(p); t.log("smtp-sink")
    p = begin("-t 1"); s = t.smtp(port=2525); time.sleep(1.6); s.cmd("NOOP"); s.close(); end(p)
