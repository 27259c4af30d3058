#!/usr/bin/env python3
"""Programs that read Postfix's log find the same in ours: pflogsumm, logwatch and fail2ban from Debian, the expressions of postfix_exporter, and
sessions and messages put together by process and queue ID as collate does.

The same traffic (log_tools/traffic.py) goes through real Postfix and through ours, each on a throw-away machine of the conformance suite. What
Postfix 3.12 words otherwise than Debian's 3.7 is put into 3.12's words first."""
import collections, os, pathlib, re, subprocess, sys, tempfile, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import main, skip, stage

HERE = pathlib.Path(__file__).resolve().parent
ORACLE = pathlib.Path(os.environ.get("ORACLE", HERE.parents[1] / ".." / "shared" / "oracle")).resolve()
REFERENCE = pathlib.Path(os.environ.get("REFERENCE", "/tmp/reference"))
TOOLS = pathlib.Path(os.environ.get("LOG_TOOLS", "/tmp/log-tools"))
PFLOGSUMM, LOGWATCH, FAIL2BAN = TOOLS / "usr/sbin/pflogsumm", TOOLS / "usr/share/logwatch/scripts/services/postfix", TOOLS / "usr/bin/fail2ban-regex"
for path in (ORACLE / "oracle.py", REFERENCE / "usr/sbin/postfix", PFLOGSUMM, LOGWATCH, FAIL2BAN):
    if not path.exists(): skip(f"{path} is not there")

# Since 3.12 the mechanism is named. What TLS libraries say of nonsense is theirs.
NEWER = [(re.compile(r"(SASL (\S+) authentication failed: Invalid authentication mechanism)(?=,)"), r"\1: '\2'"), (re.compile(r"(TLS library problem: ).*"), r"\1nonsense"), (re.compile(r"-- version [\d.]+"), "-- version N")]
BROKEN_OFF = re.compile(r"(.*smtpd\[(\d+)\]: )((?:lost connection|timeout|too many errors) after .*)")
OURS = NEWER[1:]
UNIMPORTANT = re.compile(r"postfix-script|master\[\d+\]: terminating|from localhost\[127\.0\.0\.1\]|statistics: max (?:cache size|connection count 1 )")


def traffic(root, found):
    env = dict(os.environ, ORACLE_SCENARIOS=str(HERE / "log_tools"))
    out = subprocess.run([sys.executable, ORACLE / "oracle.py", "run", root, "traffic"], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace").stdout
    trouble = [l for l in out.splitlines() if l.startswith("!!")]
    assert not trouble, out[-3000:]
    found.extend(l[4:] for l in out.splitlines() if l.startswith("LOG ") and not UNIMPORTANT.search(l))


def logs():
    """Both logs, in the same words, as files."""
    postfix, ours = [], []
    threads = [threading.Thread(target=traffic, args=a) for a in ((REFERENCE, postfix), (stage(), ours))]
    for t in threads: t.start()
    for t in threads: t.join()
    assert len(postfix) > 300 and len(ours) > 300, (len(postfix), len(ours))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="log-tools-"))
    for name, lines, changes in (("postfix", postfix, NEWER), ("ours", ours, OURS)):
        if name == "postfix": lines = list(with_queue_ids(lines))
        for pattern, to in changes: lines = [pattern.sub(to, l) for l in lines]
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder / "postfix", folder / "ours"


def with_queue_ids(lines):
    """Since 3.10 the queue ID, or NOQUEUE, stands where a session breaks off."""
    ids = {}
    for line in lines:
        if m := re.search(r"smtpd\[(\d+)\]: ([0-9A-F]{8,14}): client=", line): ids[m.group(1)] = m.group(2)
        if m := re.search(r"smtpd\[(\d+)\]: connect from", line): ids.pop(m.group(1), None)
        if m := BROKEN_OFF.match(line): line = f"{m.group(1)}{ids.get(m.group(2), 'NOQUEUE') if re.search(r'after (DATA|BDAT|RCPT|END)', line) else 'NOQUEUE'}: {m.group(3)}"
        yield line


def run(*words, stdin=None, **env):
    done = subprocess.run([str(w) for w in words], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=dict(os.environ, LC_ALL="C", **env), timeout=120)
    assert done.returncode == 0, (words, done.returncode, done.stderr[-2000:])
    return done.stdout


def same(what, one, two):
    """Compares lists of lines whose order does not matter."""
    a, b = collections.Counter(one), collections.Counter(two)
    assert a, f"{what}: nothing was found"
    differ = [f"  Postfix {a[l]}, ours {b[l]}: {l}" for l in sorted((a - b) | (b - a))]
    assert not differ, f"{what} differs:\n" + "\n".join(differ)


# Sizes and times differ by the length of queue IDs and by the hour; IDs themselves do too.
LOOSE = [(re.compile(r"\b(?=[0-9A-F]*[0-9])[0-9A-F]{8,14}\b"), "ID"), (re.compile(r"\bsize=\d+"), "size=N"), (re.compile(r"\d\d:\d\d:\d\d"), "TIME"), (re.compile(r"\bdelays?=[\d./]+"), "delay=N"), (re.compile(r"\[\d+\](?=:)"), "[0]"), (re.compile(r"<\d{14}\.ID"), "<ID"), (re.compile(r"with cipher .*"), "with cipher"), (re.compile(r", tls=[^,]+(?=, dsn=)"), "")]


def loose(text):
    for pattern, to in LOOSE: text = pattern.sub(to, text)
    return text


def pflogsumm(path):
    text = run("perl", PFLOGSUMM, "--problems-first", "--rej-add-from", "--verbose-msg-detail", path)
    text = re.sub(r"(?ms)^Per-(?:Hour|Day) .*?\n(?=\n\S|\n?\Z)", "", text)
    return [re.sub(r"^ *\d[\d.]*[km]? +(?=bytes )|^( *\d+ +)[\d.]+[km]?( +\d+ +[\d.]+ [smh] +[\d.]+ [smh]|(?= ))", r"\1", loose(l)) for l in text.splitlines() if not re.search(r"bytes|^ *\d+ +[\d.]+k? +\d+ +[\d.]+ s", l)]


def logwatch(path):
    with open(path) as f: text = run("perl", LOGWATCH, "--detail", "10", "--full", stdin=f)
    return [loose(l) for l in text.splitlines() if not re.search(r"[Bb]ytes|%ile|Before qmgr|In qmgr|Conn setup|Transmission|^ *Total +[\d.]+ +[\d.]+ ", l)]


def fail2ban(mode):
    def ips(path):
        return run("/usr/bin/python3", FAIL2BAN, "-c", TOOLS / "etc/fail2ban", "--usedns", "no", "-o", "ip", path, f"postfix[mode={mode}]", PYTHONPATH=str(TOOLS / "usr/lib/python3/dist-packages")).split()
    return ips


EXPORTER = [r"(?:cleanup)\[\d+\]: (.*: message-id=<)", r"lmtp|smtp\[\d+\].*, relay=(\S+), .*delays=[\d./]+, ", r"qmgr\[\d+\]:.*, size=\d+, nrcpt=(\d+) ", r", status=(expired|force-expired), returned to sender", r"(removed)$", r"smtp\[\d+\].*, status=(\w+) ", r"local\[\d+\].*, status=(\w+) ", r"(Verified|Untrusted|Trusted|Anonymous) TLS connection established (to|from) \S+ (\S+) with cipher",
            r"connect to (.*)\[(.*)\]:(\d+): (Connection timed out|Connection refused)$", r"(connect) from ", r"(disconnect) from ", r"warning: hostname \S+ (does not resolve) to address ", r": client=.*, sasl_method=(\S+)", r"NOQUEUE: reject: RCPT from \S+: ([0-9]+) ", r"lost connection after (\w+) from ", r"(too many errors after \w+) from", r": (sender non-delivery notification): ", r"SASL (\w+) authentication failed", r"pickup\[\d+\]: .*(uid=)", r"smtpd\[\d+\]: (?:NOQUEUE|\w+): (reject|hold|discard|filter|redirect|warn|reject_warning): (\w+) from"]


def exporter(path):
    """What each expression of postfix_exporter picks out of a line."""
    text = loose(path.read_text())
    return [f"{e}: {' '.join(g for g in m.groups() if g)}" for e in EXPORTER for m in re.finditer(e, text, re.M) if any(m.groups())]


def collate(path):
    """Sessions by process, messages by queue ID: each in one line, and none that has no beginning or no end."""
    sessions, open_, messages = [], {}, collections.defaultdict(list)
    for line in path.read_text().splitlines():
        m = re.match(r"\w{3} [ \d]\d [\d:]{8} \S+ (postfix\S*?)\[(\d+)\]: (.*)", line)
        if not m: continue
        program, pid, text = m.groups()
        if program.endswith("smtpd"):
            if text.startswith("connect from "):
                assert pid not in open_, f"two sessions at once by number {pid}: {line}"
                open_[pid] = []
            if pid in open_: open_[pid].append(loose(text))
            if text.startswith("disconnect from "):
                assert pid in open_, f"an end without a beginning: {line}"
                sessions.append(" / ".join(open_.pop(pid)))
            elif "client=" in text or "reject" in text: assert pid in open_, f"outside of a session: {line}"
        q = re.match(r"(?:warning: )?([0-9A-F]{8,14}): ", text)
        if q: messages[q.group(1)].append(f"{program}: {loose(text)}")
    assert not open_, f"sessions that do not end: {open_}"
    whole = []
    for lines in messages.values():
        # Only what is independent may come in another order.
        whole.append(" / ".join(sorted(lines)))
    return sessions + whole


POSTFIX, LOG = logs()


def pflogsumm_finds_the_same(): same("pflogsumm", pflogsumm(POSTFIX), pflogsumm(LOG))
def logwatch_finds_the_same(): same("logwatch", logwatch(POSTFIX), logwatch(LOG))
def postfix_exporter_finds_the_same(): same("postfix_exporter", exporter(POSTFIX), exporter(LOG))
def collate_finds_the_same(): same("collate", collate(POSTFIX), collate(LOG))


def fail2ban_finds_the_same():
    for mode in ("normal", "more", "auth", "ddos", "rbl", "extra", "aggressive"):
        same(f"fail2ban, mode {mode}", fail2ban(mode)(POSTFIX), fail2ban(mode)(LOG))


if __name__ == "__main__":
    main(pflogsumm_finds_the_same, logwatch_finds_the_same, fail2ban_finds_the_same, postfix_exporter_finds_the_same, collate_finds_the_same)
