//! `neuroalign-export-cache`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuroalign::export_cache::main(std::env::args_os()).into()
}
