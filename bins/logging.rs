//! Where messages go: stderr, above the progress bar where there is one, and a file if one is asked for.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use indicatif::MultiProgress;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The crates whose messages are the program's own.
const OWN: [&str; 5] = ["neuroalign", "na_pipeline", "na_store", "na_cache", "na_model"];

/// Starts logging. With a bar, only what matters is shown beside it.
pub(crate) fn start(verbose: bool, bars: &MultiProgress, file: Option<&Path>) -> io::Result<()> {
    let level = match (verbose, bars.is_hidden()) {
        (true, _) => LevelFilter::DEBUG,
        (false, true) => LevelFilter::INFO,
        (false, false) => LevelFilter::WARN,
    };
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_target(false)
        .without_time()
        .with_ansi(false)
        .with_writer(AboveBars(bars.clone()))
        .with_filter(own(level));
    let to_file = match file {
        Some(path) => {
            let writer = std::sync::Mutex::new(File::options().create(true).append(true).open(path)?);
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
            Some(layer.with_filter(own(if verbose { LevelFilter::DEBUG } else { LevelFilter::INFO })))
        }
        None => None,
    };
    // A front end that starts several commands in one process has logging already.
    let _ = tracing_subscriber::registry().with(to_stderr).with(to_file).try_init();
    Ok(())
}

fn own(level: LevelFilter) -> Targets {
    OWN.iter().fold(Targets::new(), |targets, name| targets.with_target(*name, level))
}

struct AboveBars(MultiProgress);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self(self.0.clone())
    }
}

impl Write for AboveBars {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
