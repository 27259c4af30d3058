"""mailbox_command, mailbox_command_maps, commands of aliases and forward files: their environment, folder, shell, output, and what the filters let through."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    script(t, "/usr/local/bin/env-of", 'n=$1; shift; { pwd; id -un; id -gn; printf "arg <%s>\\n" "$@"; env | grep -vE "^(_|SHLVL|OLDPWD|PWD)=" | sort; } >>/tmp/$n; cat >/dev/null')
    t.file("aliases", 'al "|/usr/local/bin/env-of envs alias"\n'); home(t, "bob", ".forward", '"|/usr/local/bin/env-of envs forward"\n')
    t.sh("touch /tmp/envs; chmod 666 /tmp/envs", quiet=True)
    a = dict(alias_maps="texthash:/etc/postfix/aliases", recipient_delimiter="+", export_environment="TZ LANG MAIL_CONFIG A=b")
    services(t, "local", {"cmd": dict(a, mailbox_command="/usr/local/bin/env-of envs $USER ${EXTENSION} \"$SENDER\" $LOCAL $HOME $SHELL $LOGNAME $RECIPIENT $DOMAIN"), "maps": dict(a, mailbox_command_maps="inline:{ {alice=/usr/local/bin/env-of envs by-map}, {carol=exit 75}, {dave=echo some words; echo more >&2; exit 77} }"),
        "dir": dict(a, mailbox_command="/usr/local/bin/env-of envs dir", command_execution_directory="$home"), "nodir": dict(a, mailbox_command="/usr/local/bin/env-of envs x", command_execution_directory="/no/such/$user"), "shell": dict(a, mailbox_command="/usr/local/bin/env-of envs {a b}", local_command_shell="/bin/sh -c"),
        "filter": dict(a, mailbox_command="/usr/local/bin/env-of envs $EXTENSION", command_expansion_filter="abc"), "empty": dict(a, mailbox_command="true"), "fail": dict(a, mailbox_command_maps="fail:x"), "badname": dict(a, mailbox_command="/usr/local/bin/env-of envs $user ${user} $nosuch ${x?y}")})
    t.start()
    for n in ("cmd", "maps", "dir", "nodir", "shell", "filter", "empty", "fail", "badname"):
        t.title(n); [each(t, "Some.One+x@client.example.org", f"{u}@{n}.v.test") for u in (("alice+ext`id`;", "al+y", "bob", "carol", "dave") if n in ("cmd", "maps") else ("alice+ext`id`;",))]
        status(t, drop=(r"to=<Some", r"postfix/bounce")); t.logs.clear(); cat(t, "/tmp/envs", "."); t.sh(": >/tmp/envs", quiet=True)
    t.showq()
