//! The `mynah` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    mynah::main()
}
