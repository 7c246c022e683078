//! Days on which a lab loads on a cluster: processes beside each other publish segments, and a run or a merge takes them in.

use super::program::{Kill, ended};
use super::runs::Life;

impl Life {
    /// Some processes read today's list, a part each; some are killed, and files change before the segments are merged.
    pub fn by_segments(&mut self) {
        let run = self.plain_run();
        if !self.finds_something(&run.look) {
            return;
        }
        self.met("segments");
        let n_shards = 1 + self.random.below(3);
        for shard in 0..n_shards {
            if self.one_in(4) {
                self.change_files();
            }
            let kill = self.one_in(4).then(|| Kill::some(&mut self.random));
            let mut command = self.lab.cohort.command(&["--no-progress", "--segment"]);
            command.args(&run.arguments).args(["--shard", &format!("{shard}/{n_shards}")]);
            if kill.is_some() {
                command.arg("--verbose");
            }
            let ended = ended(command, kill);
            self.tell(format!("segment {shard}/{n_shards} {kill:?} -> {:?}", ended.code));
            assert!(ended.code == Some(0) || kill.is_some(), "{:?}: {}", ended.code, ended.said);
            self.model.may_hear(&run, &self.lab.files);
        }
        self.is_unsettled = true;
        if self.one_in(2) {
            self.export_by_hand(&["--sessions", self.lists[self.today].file]);
        }
        if self.one_in(2) {
            self.read();
        }
        if self.finds_something(&run.look) {
            self.run(&run, None);
        }
    }
}
