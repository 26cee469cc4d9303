//! Runs a conformance guest: `cargo run -p mynah-engine --example conformance -- FILE.wasm`.
//!
//! What such a guest does stands in [`mynah_engine::conformance`]. Prints a line for each thing that it was
//! asked and exits with 1 if one of them came out differently.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program for a terminal")]

use std::process::ExitCode;

use mynah_engine::conformance::check;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: conformance FILE.wasm");
        return ExitCode::from(2);
    };
    let checks = match std::fs::read(&path) {
        Ok(bytes) => check(&bytes),
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(2);
        }
    };
    let checks = match checks {
        Ok(checks) => checks,
        Err(refusal) => {
            eprintln!("{refusal}");
            if let Some(hint) = refusal.hint {
                eprintln!("\nhint: {hint}");
            }
            return ExitCode::FAILURE;
        }
    };
    let mut failed = 0;
    for check in &checks {
        println!("{:<18} {}", check.name, if check.passed() { "ok" } else { "DIFFERENT" });
        if !check.passed() {
            failed += 1;
            println!("  expected: {}\n  given:    {}", check.expected, check.given);
        }
    }
    println!("{} of {} as expected", checks.len() - failed, checks.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
