//! `neuroalign-preprocess`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuroalign::preprocess::main(std::env::args_os()).into()
}
