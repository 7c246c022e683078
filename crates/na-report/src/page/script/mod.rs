//! The page's script: no library, and nothing but what this page needs.
//!
//! Knows the ids and classes of the templates, and the directory of `data`. Whatever a store is called stays text: nothing is made of
//! HTML here. Open `data.js` first, then `table.js`.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The parts in the order in which they need each other.
const PARTS: [&str; 8] = [
    include_str!("elements.js"),
    include_str!("data.js"),
    include_str!("save.js"),
    include_str!("table.js"),
    include_str!("panel.js"),
    include_str!("find.js"),
    include_str!("regions.js"),
    include_str!("ready.js"),
];

/// The script with the hash by which the page allows it, and no other.
pub(super) struct Script {
    pub(super) text: String,
    pub(super) hash: String,
}

/// The script as the page has it: without comments and indentation. A part that fails leaves the page as it is without a script.
pub(super) static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    let lines = PARTS.iter().flat_map(|part| part.lines()).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).collect();
    let text = format!(
        "\"use strict\";(async()=>{{try{{\n{}\n}}catch(error){{document.getElementById(\"damaged\").hidden=false;console.warn(String(error))}}}})();",
        lines.join("\n")
    );
    let hash = BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    Script { text, hash }
});
