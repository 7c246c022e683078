//! What a command prints of itself for those who install it: a completion script, a man page.

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

/// Options that print something of the command, and do nothing else.
#[derive(Debug, Args)]
pub(crate) struct ForShells {
    /// Print a completion script for this shell
    #[arg(long, value_name = "SHELL")]
    completions: Option<Shell>,
    /// Print the man page
    #[arg(long, hide = true)]
    man_page: bool,
}

impl ForShells {
    /// What is asked for. `None` if nothing is.
    pub(crate) fn text(&self, mut command: Command) -> Option<std::io::Result<String>> {
        let mut printed = Vec::new();
        if let Some(shell) = self.completions {
            let name = command.get_name().to_owned();
            clap_complete::generate(shell, &mut command, name, &mut printed);
        } else if self.man_page {
            if let Err(error) = Man::new(command).render(&mut printed) {
                return Some(Err(error));
            }
        } else {
            return None;
        }
        Some(Ok(String::from_utf8_lossy(&printed).into_owned()))
    }
}
