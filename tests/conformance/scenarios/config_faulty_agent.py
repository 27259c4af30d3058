"""Values that do not fit for agents: local's, smtp's and lmtp's without mail for them, cleanup's, those of programs that do not run."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from odd import *


def run(t):
    each(t, ("local: -o", "", lambda m: m.replace("n  n  -  -  local", "n  n  -  -  local -o biff=maybe")), ("local: number", "mailbox_size_limit = big", ""), ("local: words", "allow_mail_to_files = alias, everything", ""),
         ("smtp, lmtp: nobody asks", "smtp_connect_timeout = soon\nlmtp_host_lookup = stars\nsmtp_bind_address = nowhere", ""), ("programs that do not run", "postscreen_greet_wait = never\nqmqpd_timeout = long", ""),
         ("anvil", "anvil_rate_time_unit = eternity", ""), ("pipe without user", "", "p unix - n n - - pipe argv=/bin/true"))
