//! The only set-gid program: postdrop(1), and postqueue(1) and postlog(1) by their names, which
//! reach the sockets and the maildrop of group postdrop.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    use postfix_rs::commands;
    let mut arguments = std::env::args_os();
    let started_as = arguments.next().unwrap_or_default();
    let arguments = arguments.collect();
    match Path::new(&started_as).file_name().and_then(|name| name.to_str()) {
        Some("postqueue") => commands::postqueue::main(arguments),
        Some("postlog") => commands::postlog::main(arguments),
        _ => commands::postdrop::main(arguments),
    }
}
