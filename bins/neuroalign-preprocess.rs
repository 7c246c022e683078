//! `neuroalign-preprocess`: see `--help`.
#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![deny(clippy::print_stdout)]

use std::process::ExitCode;

fn main() -> ExitCode {
    neuroalign::preprocess::main(std::env::args_os()).into()
}
