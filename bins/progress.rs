//! Shows a run's progress to its user.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use na_cache::Cancel;
use na_pipeline::{Event, Observer, PlanSummary};
use na_store::ExportStep;

use crate::logging::FOR_THE_LOG;
use crate::signals::Signals;
use crate::summary::{counted, what_is_read_again};

/// Between two progress lines in the log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Notes that are shown. More go to the log file and to `--verbose` only.
const NOTES_SHOWN: usize = 20;

/// Shows events as a bar or as log lines, and passes signals on.
pub(crate) struct Progress {
    bars: MultiProgress,
    bar: Mutex<Option<ProgressBar>>,
    signals: Signals,
    committed: AtomicUsize,
    to_load: AtomicUsize,
    notes: AtomicUsize,
    last_line: Mutex<Instant>,
}

/// Draws bars on stderr if they are wanted and it is a terminal.
pub(crate) fn bars(wanted: bool) -> MultiProgress {
    let visible = wanted && std::io::stderr().is_terminal();
    MultiProgress::with_draw_target(if visible {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    })
}

/// Under 70 columns: a terminal that is narrower would show each step on a line of its own.
const BAR: &str = "{prefix:>9} [{bar:10}] {pos}/{len} {elapsed}, {eta} left {msg:20!}";

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("=> "))
}

impl Progress {
    pub(crate) fn new(bars: MultiProgress, signals: Signals) -> Self {
        Self {
            bars,
            bar: Mutex::default(),
            signals,
            committed: AtomicUsize::new(0),
            to_load: AtomicUsize::new(0),
            notes: AtomicUsize::new(0),
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// Removes the bar before the summary is printed, and says how many notes were not shown.
    pub(crate) fn finish(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
        let hidden = self.notes.load(Ordering::Relaxed).saturating_sub(NOTES_SHOWN);
        match hidden {
            0 => {}
            1 => tracing::warn!("1 more warning: --verbose shows it, --log-file keeps it"),
            more => tracing::warn!("{more} more warnings: --verbose shows them, --log-file keeps them"),
        }
    }

    pub(crate) fn step(&self, step: &ExportStep) {
        let (text, done) = match step {
            ExportStep::LongTable { table, index, total } => {
                (format!("writing {table}"), Some((index.saturating_sub(1), *total)))
            }
            ExportStep::Features { table, n_features, index, total } => {
                (format!("writing {n_features} features of {table}"), Some((index.saturating_sub(1), *total)))
            }
            ExportStep::ReadBack => ("reading the tables back".to_owned(), None),
            _ => ("verifying what was written".to_owned(), None),
        };
        tracing::info!("{text}");
        let (position, length) = done.unwrap_or((0, 0));
        self.show("exporting", length, position, &text);
    }

    fn show(&self, what: &str, length: usize, position: usize, message: &str) {
        let mut slot = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = slot.get_or_insert_with(|| self.bars.add(new_bar()));
        bar.set_prefix(what.to_owned());
        bar.set_length(u64::try_from(length).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(position).unwrap_or(u64::MAX));
        bar.set_message(message.to_owned());
    }

    fn planned(&self, plan: PlanSummary) {
        self.to_load.store(plan.to_load, Ordering::Relaxed);
        tracing::info!(
            "{}: {} to load ({}), {} there already, {} missing, {} failed, each modality by itself",
            counted(plan.sessions, "session"),
            plan.to_load,
            what_is_read_again(&plan),
            plan.skipped,
            plan.missing,
            plan.failed
        );
        if plan.to_load > 0 {
            self.show("loading", plan.to_load, 0, "");
        }
    }

    fn committed(&self, unit: &na_model::Unit) {
        let committed = self.committed.fetch_add(1, Ordering::Relaxed) + 1;
        let to_load = self.to_load.load(Ordering::Relaxed);
        tracing::debug!("{unit} is committed");
        self.show("loading", to_load, committed, &unit.session.to_string());
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= LINE_EVERY || committed == to_load {
            *last = Instant::now();
            tracing::info!("{committed} of {to_load} are committed");
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        match event {
            Event::Note(note) => {
                if self.notes.fetch_add(1, Ordering::Relaxed) < NOTES_SHOWN {
                    tracing::warn!("{note}");
                } else {
                    tracing::warn!(target: FOR_THE_LOG, "{note}");
                }
            }
            Event::Offer(offer) => tracing::info!("{offer}"),
            Event::Planned(plan) => self.planned(plan),
            Event::Committed(unit) => self.committed(&unit),
            Event::Failed(outcome) => tracing::warn!("{}: {}", outcome.unit, outcome.reason),
            Event::Export(step) => self.step(&step),
            _ => {}
        }
    }

    fn should_stop(&self) -> bool {
        self.signals.came().is_some()
    }

    fn cancel(&self) -> Cancel {
        let signals = self.signals.clone();
        Cancel::when(move || signals.came().is_some())
    }
}

impl na_store::ExportObserver for Progress {
    fn step(&self, step: &ExportStep) {
        Self::step(self, step);
    }

    fn should_stop(&self) -> bool {
        self.signals.came().is_some()
    }

    fn cancel(&self) -> Cancel {
        let signals = self.signals.clone();
        Cancel::when(move || signals.came().is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a run says of so many notes, a line each, with the module that says it.
    fn said(notes: usize) -> Vec<String> {
        let lines = Lines::default();
        let to_lines = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(move || to_lines.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let progress = Progress::new(bars(false), Signals::default());
            (0..notes).for_each(|n| progress.event(Event::Note(format!("note {n}"))));
            progress.finish();
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// A terminal that keeps what is drawn.
    #[derive(Debug, Default, Clone)]
    struct Terminal(Arc<Mutex<String>>);

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            200
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bar_of_a_large_cohort_has_under_70_columns() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bars = MultiProgress::with_draw_target(target);
        let progress = Progress::new(bars, Signals::default());
        progress.show("exporting", 16_000, 15_999, "writing 12 features of diffusion_AMICONODDI");
        progress.bar.lock().unwrap().as_ref().unwrap().force_draw();
        let drawn = terminal.0.lock().unwrap().trim_end().to_owned();
        let last = drawn.rsplit("exporting").next().unwrap();
        assert!(
            last.contains("[=========>] 15999/16000 ") && last.ends_with("left writing 12 features"),
            "{drawn:?}"
        );
        assert!("exporting".len() + last.chars().count() < 70, "{drawn:?}");
    }

    #[test]
    fn notes_beyond_the_first_are_counted_and_never_as_none() {
        assert_eq!(said(0).len(), 0);
        assert_eq!(said(NOTES_SHOWN).len(), NOTES_SHOWN);
        let one_more = said(NOTES_SHOWN + 1);
        assert!(one_more.iter().filter(|line| !line.contains(FOR_THE_LOG)).count() == NOTES_SHOWN + 1);
        assert!(one_more.last().unwrap().contains(" 1 more warning: "), "{one_more:?}");
        assert!(said(NOTES_SHOWN + 5).last().unwrap().contains(" 5 more warnings: "));
    }
}
