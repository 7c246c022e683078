//! What of all inputs a run asks for.

use std::collections::BTreeMap;
use std::path::Path;

use na_model::{Modality, SourceRoot, TableKind, TableName};

use crate::config::Config;
use crate::files::roots::Roots;
use crate::inputs::{cat12, qsiparc};

impl Config {
    /// The modalities that the settings ask for, in the store's order.
    pub(crate) fn modalities(&self) -> Vec<Modality> {
        let asked = |modality: &Modality| match modality {
            Modality::Anatomical => cat12::is_asked_for(self),
            Modality::Diffusion => qsiparc::is_asked_for(self),
        };
        Modality::ALL.into_iter().filter(asked).collect()
    }

    /// The tissues and workflows that are asked for, as words.
    pub(crate) fn asked(&self) -> Vec<String> {
        [cat12::asked(self), qsiparc::asked(self)].concat()
    }

    /// The roots that are given.
    pub(crate) fn roots(&self) -> impl Iterator<Item = (SourceRoot, &Path)> {
        cat12::settings(self).into_iter().chain([qsiparc::setting(self)]).flatten()
    }

    /// Whether the run looks for a table: its root is given, and it is chosen.
    pub(crate) fn looks_for(&self, table: &TableName) -> bool {
        match table.modality() {
            Modality::Anatomical => cat12::looks_for(self, table),
            Modality::Diffusion => qsiparc::looks_for(self, table),
        }
    }
}

/// The tables that a run may write.
pub(crate) fn tables(config: &Config, roots: &Roots) -> BTreeMap<TableName, TableKind> {
    let tables = cat12::tables(config).chain(qsiparc::tables(config, roots));
    tables.map(|table| (table.clone(), TableKind::of_parcellate(&table))).collect()
}

/// Whether units of a modality have a total intracranial volume.
pub(crate) fn has_volume(modality: Modality) -> bool {
    modality == cat12::MODALITY
}
