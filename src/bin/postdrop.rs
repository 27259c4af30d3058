//! postdrop(1): the only set-gid program. Puts one message into the maildrop queue.

use std::process::ExitCode;

fn main() -> ExitCode {
    postfix_rs::commands::postdrop::main(std::env::args_os().skip(1).collect())
}
