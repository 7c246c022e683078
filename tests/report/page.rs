//! A report as text, with what its script reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;
use serde_json::Value;

pub struct Page {
    pub html: String,
    pub directory: Value,
    /// The arrays of the block, without their types.
    pub arrays: BTreeMap<String, Vec<u8>>,
    /// The block, inflated.
    pub block: Vec<u8>,
}

impl Page {
    pub fn read(path: &Path) -> Self {
        Self::of(fs::read_to_string(path).unwrap())
    }

    pub fn of(html: String) -> Self {
        let directory: Value = serde_json::from_str(between(&html, "id=directory>", "</script>")).unwrap();
        let packed = BASE64_STANDARD.decode(between(&html, "id=block>", "</script>")).unwrap();
        let mut block = Vec::new();
        ZlibDecoder::new(&packed[..]).read_to_end(&mut block).unwrap();
        let arrays = directory["arrays"].as_object().unwrap().iter().map(|(name, place)| {
            let size = match place[0].as_str().unwrap() {
                "u8" => 1,
                "u16" | "i16" => 2,
                "f64" => 8,
                _ => 4,
            };
            let number = |at: usize| usize::try_from(place[at].as_u64().unwrap()).unwrap();
            (name.clone(), block[number(1)..number(1) + size * number(2)].to_vec())
        });
        let arrays = arrays.collect();
        Self { html, directory, arrays, block }
    }

    /// When the store was written, and by which version the page was made.
    pub fn state(&self) -> &str {
        between(&self.html, "<meta name=\"neuroalign:state\" content=\"", "\"")
    }

    /// What stands in a section.
    pub fn section(&self, id: &str) -> &str {
        between(&self.html, &format!("<section id={id} "), "</section>")
    }

    /// All that does not tell when the store was written and what its last run did: the page itself, then the lists and arrays of its script.
    pub fn but_for_the_run(&self) -> (String, Value, BTreeMap<String, Vec<u8>>) {
        let since = self.section("since").to_owned();
        let header = between(&self.html, "<header>", "</header>").to_owned();
        let data = between(&self.html, "id=directory>", "<script>").to_owned();
        let rest = [self.state(), &since, &data]
            .into_iter()
            .fold(self.html.clone(), |html, part| html.replacen(part, "", 1));
        let time =
            ["store of <time", "not exported yet"].into_iter().find_map(|start| header.find(start)).unwrap();
        let told = &header[time..time + header[time..].find(" · neuroalign").unwrap()];
        let mut directory = self.directory.clone();
        let mut arrays = self.arrays.clone();
        for run in ["lists", "arrays"] {
            directory.as_object_mut().unwrap().remove(run);
        }
        arrays.remove("lists");
        (rest.replacen(told, "", 1), directory, arrays)
    }
}

pub fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).unwrap_or_else(|| panic!("no {start}")) + start.len();
    &text[from..from + text[from..].find(end).unwrap_or_else(|| panic!("no {end}"))]
}
