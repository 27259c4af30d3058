"""mailbox_command and commands of aliases: environment, filter, shell, directory, output, every exit code, signals, programs that are not there."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    script(t, "/usr/local/bin/env-of", 'id -un; id -gn; pwd; umask; env | grep -vE "^(PWD|SHLVL|_|OLDPWD)=" | sort; echo "arg <$*>"')
    t.file("aliases", "env |/usr/local/bin/env-of>/tmp/d/env-alias\nenv2 \"|/usr/local/bin/env-of >/tmp/d/env-alias2\"\n" + "".join(f'x{n} "|exit {n}"\n' for n in (0, 1, 2, 64, 65, 67, 68, 70, 71, 73, 75, 76, 77, 78, 79, 100, 126, 127, 255))
           + """said "|echo some words; echo more >&2; exit 69"
dsn4 "|echo 4.2.2 mailbox is full; exit 1"
dsn5 "|echo 5.7.9 go away; exit 75"
dsn2 "|echo 2.0.0 fine; exit 75"
ok-said "|echo fine"
kill "|kill -TERM $$"
long "|head -c 6000 /dev/zero | tr '\\0' y; exit 1"
odd "|printf 'a\\tb\\001c\\nd'; exit 69"
absent "|/no/such/program with arguments"
absent2 "|no-such-program with arguments"
not-exec "|/etc/passwd"
noread "|exit 0 <&-"
""")
    t.sh("mkdir -m 1777 /tmp/d", quiet=True)
    c = dict(alias_maps="texthash:/etc/postfix/aliases", export_environment="TZ MAIL_CONFIG LANG FRUIT=apple")
    run_it = '/usr/local/bin/env-of a "b c" >/tmp/d/$LOCAL-mb'
    services(t, "local", {"std": c, "mbc": dict(c, mailbox_command='/usr/local/bin/env-of a "b c" >>/tmp/d/mbc', recipient_delimiter="+"), "dir": dict(c, mailbox_command="pwd >>/tmp/d/dir", command_execution_directory="$home"),
        "nodir": dict(c, mailbox_command="pwd", command_execution_directory="/no/such/folder"), "shell": dict(c, mailbox_command="some command line", local_command_shell="/bin/echo -n"), "baddir": dict(c, mailbox_command="pwd", command_execution_directory="$(home"),
        "map": dict(c, mailbox_command_maps="inline:{ {alice = cat >>/tmp/d/map} }"), "softb": dict(c, soft_bounce="yes", mailbox_command="exit 67"), "filter": dict(c, command_expansion_filter="abcdefghijklmnopqrstuvwxyz", mailbox_command="env | grep SENDER >>/tmp/d/filter")})
    t.start()
    each(t, "some'one@client.example.org", *(f"{a}@std.v.test" for a in ["env", "env2"] + [f"x{n}" for n in (0, 1, 2, 64, 65, 67, 68, 70, 71, 73, 75, 76, 77, 78, 79, 100, 126, 127, 255)] + ["said", "dsn4", "dsn5", "dsn2", "ok-said", "kill", "long", "odd", "absent", "absent2", "not-exec", "noread"]),
         "alice+ext@mbc.v.test", "alice@dir.v.test", "alice@nodir.v.test", "alice@shell.v.test", "alice@baddir.v.test", "alice@map.v.test", "bob@map.v.test", "alice@softb.v.test", "alice@filter.v.test")
    status(t, drop=(r"to=<some",))
    for f in ("env-alias", "env-alias2", "mbc", "dir", "map", "filter"): cat(t, f"/tmp/d/{f}")
