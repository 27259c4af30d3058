"""A throw-away copy of this machine for tests with other mail systems: an overlay, and namespaces without a network."""
import os, pathlib, re, shutil, socket, subprocess, sys, tempfile
sys.path.insert(0, os.path.dirname(__file__))
from common import skip

# Users that servers run as; Debian's packages would make them.
USERS = {"Debian-exim": 981, "opensmtpd": 982, "opensmtpq": 983, "box": 984, "postfix": 985, "postdrop": 986}
PKI = pathlib.Path("/etc/peers")


def run(command):
    subprocess.run(command, shell=True, check=True)


def enter(names, folders=(), programs=()):
    """Goes on in the copy, where NAMES are addresses of loopback and each of FOLDERS has been laid over /. The stage is bound to
    /stage. Skips the test where a program is missing."""
    if os.geteuid() != 0:
        skip("namespaces and mail servers need root")
    for program in programs:
        if not pathlib.Path(program).exists():
            skip(f"no {program}: see .ci/packages")
    if os.environ.get("THROW_AWAY_MACHINE") != "yes":
        words = ["unshare", "--mount", "--propagation", "private", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "sh", "-c", "\"$@\"; exit $?", "sh", sys.executable, *sys.argv]
        os.execvpe("unshare", words, dict(os.environ, THROW_AWAY_MACHINE="yes"))
    base = pathlib.Path(tempfile.mkdtemp(prefix="machine-"))
    run(f"mount -t tmpfs tmpfs {base}")
    upper, work, machine = (base / name for name in ("upper", "work", "machine"))
    for folder in (upper, work, machine):
        folder.mkdir()
    for entry in (entry for folder in folders for entry in folder.iterdir()):  # a merged /usr stays merged
        place = f"/{entry.name}"
        to = upper / (os.readlink(place).lstrip("/") if os.path.islink(place) else entry.name)
        to.mkdir(parents=True, exist_ok=True)
        run(f"cp -a {entry}/. {to}/")
    run(f"mount -t overlay overlay -o lowerdir=/,upperdir={upper},workdir={work} {machine}")
    run(f"mount -t proc proc {machine}/proc; mount --rbind /dev {machine}/dev; for d in run tmp; do mount -t tmpfs tmpfs {machine}/$d; done; chmod 1777 {machine}/tmp")
    (machine / "stage").mkdir()
    run(f"mount --bind {pathlib.Path(sys.argv[1]).resolve()} {machine}/stage")
    os.chroot(machine)
    os.chdir("/")
    sys.argv[1] = "/stage"
    run("ip link set lo up")
    socket.sethostname(names[0])
    pathlib.Path("/etc/hosts").write_text("127.0.0.1 localhost " + " ".join(names) + "\n")
    pathlib.Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    pathlib.Path("/etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n")
    for name, number in USERS.items():
        for file, line in (("/etc/group", f"{name}:x:{number}:\n"), ("/etc/passwd", f"{name}:x:{number}:{number}::/var/empty:/bin/false\n")):
            if not re.search(f"^{name}:", pathlib.Path(file).read_text(), re.M):
                with open(file, "a") as f:
                    f.write(line)
    certificates(names)


def certificates(names):
    """An authority (ca.pem), and a certificate that it gave all names (cert.pem, key.pem)."""
    PKI.mkdir(exist_ok=True)
    PKI.chmod(0o755)
    (PKI / "ext").write_text("basicConstraints=critical,CA:FALSE\nsubjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
    make = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    run(f"cd {PKI}; exec 2>/dev/null; {make} -x509 -keyout ca.key -out ca.pem -days 30 -subj /CN=authority -addext keyUsage=critical,keyCertSign,cRLSign"
        f" && {make} -keyout key.pem -out request.pem -subj /CN=peers"
        f" && openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out cert.pem && chmod 600 key.pem")
