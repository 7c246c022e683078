//! How a run was called, for whoever looks at a store later.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use crate::named::Names;

/// What stands for a text that is not told.
pub const UNTOLD: &str = "…";

/// How a run was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// When it began.
    pub started: SystemTime,
    /// The program, as the user calls it.
    pub command: String,
    /// Its arguments, without labels of subjects and sessions.
    pub arguments: Vec<String>,
    /// The settings that counted, by name.
    pub settings: BTreeMap<String, Setting>,
}

impl Invocation {
    /// Leaves arguments and settings untold that may name somebody who withdrew.
    pub fn leave_untold(&mut self, names: &Names) {
        let given = self.settings.values_mut().flat_map(|setting| [&mut setting.value, &mut setting.origin]);
        let told = self.arguments.iter_mut().chain(given);
        told.filter(|text| names.may_be_in_call(text)).for_each(|text| UNTOLD.clone_into(text));
    }
}

/// A setting that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// As it was given.
    pub value: String,
    /// Where it was given: `command line`, `environment`, `default`, or the path of a settings file.
    pub origin: String,
}
