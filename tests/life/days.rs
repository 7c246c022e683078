//! The days on which a lab runs the programs: with which options, and how they end.

use std::collections::BTreeSet;

use super::lab::{Part, Session};
use super::model::Model;
use super::program::Kill;
use super::runs::{Life, Run, words};

impl Life {
    /// A run with some options, which may be killed; then it is repeated or not. Whether there was anything to look for.
    pub fn run_of_today(&mut self) -> bool {
        if self.run_with_options() {
            return true;
        }
        let run = self.plain_run();
        self.finds_something(&run.look) && self.run(&run, None)
    }

    /// Whether there was anything to look for.
    fn run_with_options(&mut self) -> bool {
        let is_discovering = !self.is_unsettled && self.lab.is_plain() && self.one_in(8);
        let mut run = if is_discovering { self.discovering_run() } else { self.plain_run() };
        if is_discovering {
            self.met("discover");
        }
        let is_labelled = self.one_in(4);
        match self.random.below(4) {
            _ if is_labelled => self.label(&mut run),
            0 if !is_discovering => self.leave_out(&mut run),
            _ => {}
        }
        match self.random.below(10) {
            0..=2 => self.prune(&mut run),
            3 => run.arguments.push("--reload".to_owned()),
            4 if run.words.is_some() && run.look.sessions == self.named_today() => {
                self.prune_unlisted(&mut run)
            }
            _ => {}
        }
        self.write_so(&mut run);
        if is_discovering && run.look.prunes && !is_labelled {
            // Those, too, whose tables are nowhere any more.
            run.look.only_pruned = self.model.holds.keys().map(|(session, _)| session.clone()).collect();
        }
        if !self.finds_something(&run.look) {
            return false;
        }
        // Which metrics a store remembers of a run that was killed is not sure.
        let is_killed = run.metrics.is_none() && self.one_in(4);
        let kill = is_killed.then(|| Kill::some(&mut self.random));
        if kill.is_some() {
            self.met("killed");
        }
        let is_whole = self.run(&run, kill);
        if !is_whole && (run.prunes_unlisted || is_discovering || self.one_in(2)) {
            self.run(&run, None);
        }
        true
    }

    fn label(&mut self, run: &mut Run) {
        let sessions: Vec<_> = run.look.sessions.iter().cloned().collect();
        if sessions.is_empty() {
            return;
        }
        let chosen = sessions[self.random.below(sessions.len())].clone();
        if self.one_in(2) || chosen.1.is_empty() {
            run.arguments.extend(words(&["--participant-label", &chosen.0]));
            run.look.sessions.retain(|session| session.0 == chosen.0);
        } else {
            run.arguments.extend(words(&["--session-label", &chosen.1]));
            // A label means a code as the store writes it, or as the list does.
            let listed = |session: &Session| self.lab.listed(session).1.to_owned();
            let is_listed = |session: &Session| run.words.is_some() && listed(session) == chosen.1;
            run.look.sessions =
                sessions.iter().filter(|s| s.1 == chosen.1 || is_listed(s)).cloned().collect();
        }
        self.met("labels");
    }

    fn leave_out(&mut self, run: &mut Run) {
        // Where FreeSurfer's folders are given, or CAT12's own values, a session's row is also theirs.
        let is_shared = self.lab.has(Part::Aseg) || self.lab.has(Part::Rois) || self.lab.has_measures;
        let first = if is_shared { 3 } else { 0 };
        // QSIParc's files alone say which workflows there are.
        let n = if self.lab.has_diffmaps { 4 } else { 5 };
        let (options, parts): (&[&str], &[&str]) = match first + self.random.below(n - first) {
            0 => (&["--no-gm"], &["GM"]),
            1 => (&["--no-wm", "--no-ct"], &["WM", "CT"]),
            2 => (&["--no-anatomical"], &["anatomical"]),
            3 => (&["--no-diffusion"], &["diffusion"]),
            _ => (&["--workflows", "NODDI"], &["DSI", "RECON"]),
        };
        run.arguments.extend(words(options));
        run.look.without.extend(parts);
        self.met("left out");
    }

    fn prune(&mut self, run: &mut Run) {
        run.look.prunes = true;
        run.arguments.extend(words(&["--prune", "--yes"]));
        self.met("prune");
    }

    fn prune_unlisted(&mut self, run: &mut Run) {
        run.prunes_unlisted = true;
        run.arguments.extend(words(&["--prune-unlisted", "--yes"]));
        self.met("prune unlisted");
    }

    /// How the store is written.
    fn write_so(&mut self, run: &mut Run) {
        match self.random.below(6) {
            0 => run
                .arguments
                .extend(words(&["--compression", ["none", "snappy", "gzip"][self.random.below(3)]])),
            1 => {
                run.arguments.push("--keep-cache".to_owned());
                self.met("kept cache");
            }
            2 => {
                let metrics = ["mean", "mean,volume_mm3"][self.random.below(2)];
                run.arguments.extend(words(&["--wide-metrics", metrics]));
                run.metrics = Some(metrics);
            }
            _ => {}
        }
        run.arguments.extend(words(&["-j", ["1", "2"][self.random.below(2)]]));
    }

    pub fn look_and_export(&mut self) {
        match self.random.below(3) {
            0 => {
                let keeps: &[&str] = if self.one_in(2) { &["--keep-cache"] } else { &[] };
                self.export_by_hand(keeps);
            }
            _ => self.read(),
        }
    }

    pub fn something_rare(&mut self) {
        match self.random.below(4) {
            _ if self.is_unsettled => {}
            0 | 1 => self.withdraw(),
            _ => self.load_afresh(),
        }
    }

    /// A subject withdraws, if enough others stay.
    fn withdraw(&mut self) {
        let codes: BTreeSet<String> =
            self.lab.subjects.iter().map(|subject| subject.code.stored.clone()).collect();
        let left: Vec<&String> = codes.difference(&self.model.withdrawn).collect();
        if left.len() < 3 {
            return;
        }
        let code = left[self.random.below(left.len())].clone();
        self.met("withdrawn");
        let all: Vec<String> = self.model.withdrawn.iter().cloned().chain([code.clone()]).collect();
        self.lab.cohort.write("withdrawn.csv", &(all.join("\n") + "\n"));
        self.model.let_go(|session| session.0 == code);
        self.model.withdrawn.insert(code.clone());
        self.tell(format!("{code} withdraws"));
        let run = self.plain_run();
        let finds_something = self.finds_something(&run.look);
        if self.lab.cohort.store().exists() && (!finds_something || self.one_in(2)) {
            let kill = self.one_in(3).then(|| Kill::some(&mut self.random));
            let arguments = self.withdrawn();
            let ended = match self.export_cache(&arguments, kill) {
                killed if killed.code.is_none() => self.export_cache(&arguments, None),
                ended => ended,
            };
            assert_eq!(ended.code, Some(0), "{}", ended.said);
        }
        if finds_something {
            self.run(&run, None);
            self.compare();
        }
    }

    /// A load with `--force`, which may be killed, and then goes on as it was, or otherwise, or is let go.
    fn load_afresh(&mut self) {
        let mut run = self.plain_run();
        if let Some(metrics) = self.model.metrics {
            run.arguments.extend(words(&["--wide-metrics", metrics]));
            run.metrics = Some(metrics);
        }
        if !self.finds_today(&run) {
            return;
        }
        self.met("force");
        run.arguments.push("--yes".to_owned());
        let without = run.clone();
        run.arguments.push("--force".to_owned());
        let before = self.model.clone();
        self.model = Model {
            withdrawn: before.withdrawn.clone(),
            metrics: before.metrics,
            columns: before.columns.clone(),
            ..Model::default()
        };
        let kill = if self.one_in(4) { None } else { Some(Kill::some(&mut self.random)) };
        let mut is_whole = self.run(&run, kill);
        while !is_whole {
            self.met("fresh load killed");
            let is_pending = self.has_fresh_load();
            // What it had loaded is in the new store, also if its file is gone when it goes on.
            let begun = std::mem::replace(&mut self.model, before.clone());
            self.model.or(begun.clone());
            self.read();
            if is_pending && self.one_in(4) {
                self.discard();
                return;
            }
            if self.one_in(3) {
                self.change_files();
            }
            while !self.finds_today(&run) {
                self.change_files();
            }
            self.model = begun;
            if is_pending && self.one_in(3) {
                is_whole = self.run(&without, None);
            } else {
                let kill = if self.one_in(2) { None } else { Some(Kill::some(&mut self.random)) };
                is_whole = self.run(&run, kill);
            }
        }
    }

    /// Whether a fresh load would find a table.
    fn finds_today(&self, run: &Run) -> bool {
        self.lab.files.keys().any(|item| run.look.looks_for(item) && item.1 != Part::Volume)
    }

    fn has_fresh_load(&mut self) -> bool {
        let ran = self.lab.cohort.export_cache(&["--status", "--json"]);
        let is_fresh = ran.code == Some(0) && ran.json()["fresh_load"] == true;
        self.tell(format!("a fresh load is under way: {is_fresh}"));
        is_fresh
    }

    /// The store is the old one then, or the new one if its commit had begun.
    fn discard(&mut self) {
        let arguments = [words(&["--discard"]), self.withdrawn()].concat();
        let ended = self.export_cache(&arguments, None);
        let is_committed = ended.code == Some(1) && ended.said.contains("nothing was discarded");
        assert!(ended.code == Some(0) || is_committed, "{}", ended.said);
        self.is_unsettled = false;
        let plain = self.plain_run();
        if self.finds_something(&plain.look) {
            self.run(&plain, None);
        }
    }
}
