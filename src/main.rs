//! The program `postfix`: every command and every daemon, by the name it is called by.

use std::process::ExitCode;

fn main() -> ExitCode {
    postfix_rs::multicall::main(std::env::args_os())
}
