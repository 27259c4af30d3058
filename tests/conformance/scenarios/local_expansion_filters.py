"""execution_directory_expansion_filter, forward_expansion_filter, command_expansion_filter: what addresses may bring into folders, file names and commands."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import agents


def run(t):
    agents.plain(t); t.main(recipient_delimiter="+", local_recipient_maps="")
    agents.script(t, "/usr/local/bin/where", 'cat >/dev/null; echo "$(pwd) [$EXTENSION] [$SENDER] [$ORIGINAL_RECIPIENT]" >>/tmp/where; chmod 666 /tmp/where')
    agents.services(t, "local", {
        "dir": {"mailbox_command": "/usr/local/bin/where", "command_execution_directory": "/home/$user/$extension"}, "dirx": {"mailbox_command": "/usr/local/bin/where", "command_execution_directory": "/home/$user/$extension", "execution_directory_expansion_filter": "abx/"},
        "home": {"mailbox_command": "/usr/local/bin/where", "command_execution_directory": "$home"}, "gone": {"mailbox_command": "/usr/local/bin/where", "command_execution_directory": "/nowhere"}, "locked": {"mailbox_command": "/usr/local/bin/where", "command_execution_directory": "/root/locked"},
        "fwd": {"forward_path": "$home/.forward${recipient_delimiter}${extension}, $home/.forward", "forward_expansion_filter": "abfghinorwdelmpt./+_"}, "fwdall": {"forward_path": "$home/.forward${recipient_delimiter}${extension}, $home/.forward"},
        "cmd": {"mailbox_command": "/usr/local/bin/where $extension \"$sender\"", "command_expansion_filter": "abc@.exmplt"}})
    for d in ("ab", "xy", "a_b"): pathlib.Path(f"/home/alice/{d}").mkdir(); __import__("os").chown(f"/home/alice/{d}", 2001, 100)
    pathlib.Path("/root/locked").mkdir(mode=0o700, exist_ok=True)
    for name in (".forward+one", ".forward+t_o", ".forward"): agents.home(t, "alice", name, f"/home/alice/box{name.replace('.', '_')}\n")
    t.start()
    agents.each(t, "s;x@example.org", "alice+ab@dir.v.test", "alice+xy@dir.v.test", "alice+a/b@dir.v.test", "alice@dir.v.test", "alice+xy@dirx.v.test", "alice@home.v.test", "alice@gone.v.test", "alice@locked.v.test", "alice+one@fwd.v.test", "alice+t2o@fwd.v.test", "alice+two@fwdall.v.test", "alice+t|o@fwdall.v.test", "alice+ab;c@cmd.v.test", "alice+$x@cmd.v.test")
    agents.cat(t, "/tmp/where", keep="."); agents.status(t); agents.tree(t, "/home/alice"); t.showq()
