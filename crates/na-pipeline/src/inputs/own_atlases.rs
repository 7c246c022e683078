//! The atlases of inputs that have their own: as they are chosen, or as the store has them, or else each input's own default.

use na_model::{DEFAULT_ATLAS, InputName};
use na_store::TableInputs;

use crate::inputs::{cat12_rois, freesurfer};

/// The atlases that are chosen for inputs that have their own. `None` for the one that the store has, or else what the input's
/// program makes by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnAtlases {
    /// FreeSurfer's parcellation, what stands between `lh.` and `.stats`.
    pub freesurfer: Option<String>,
    /// FreeSurfer's segmentation, what stands before `.stats`.
    pub freesurfer_segmentation: Option<String>,
    /// Of CAT12's volumes of regions, as its files call it.
    pub cat12: Option<String>,
    /// Of CAT12's values of surfaces.
    pub cat12_surface: Option<String>,
    /// Of QSIRecon's tables, as `seg-` in the files' names says it.
    pub qsirecon: Option<String>,
}

impl OwnAtlases {
    pub(crate) fn freesurfer(&self) -> String {
        self.freesurfer.clone().unwrap_or_else(|| freesurfer::APARC.to_owned())
    }

    pub(crate) fn freesurfer_segmentation(&self) -> String {
        self.freesurfer_segmentation.clone().unwrap_or_else(|| freesurfer::ASEG.to_owned())
    }

    pub(crate) fn cat12(&self) -> String {
        self.cat12.clone().unwrap_or_else(|| cat12_rois::OF_VOLUMES_BY_DEFAULT.to_owned())
    }

    pub(crate) fn cat12_surface(&self) -> String {
        self.cat12_surface.clone().unwrap_or_else(|| cat12_rois::OF_SURFACES_BY_DEFAULT.to_owned())
    }

    pub(crate) fn qsirecon(&self) -> String {
        self.qsirecon.clone().unwrap_or_else(|| DEFAULT_ATLAS.to_owned())
    }

    /// The same, with the atlases that tables are known to be of where none is chosen.
    pub(crate) fn or_known(mut self, known: &TableInputs) -> Self {
        for (table, input, atlas) in known.atlases() {
            let chosen = match (table.name(), input) {
                (_, input) if *input == InputName::QSIRECON => &mut self.qsirecon,
                (freesurfer::SURFACES, input) if *input == InputName::FREESURFER => &mut self.freesurfer,
                (freesurfer::SEGMENTATION, input) if *input == InputName::FREESURFER => {
                    &mut self.freesurfer_segmentation
                }
                (cat12_rois::VOLUMES, input) if *input == InputName::CAT12_ROI => &mut self.cat12,
                (cat12_rois::SURFACES, input) if *input == InputName::CAT12_ROI => &mut self.cat12_surface,
                _ => continue,
            };
            chosen.get_or_insert_with(|| atlas.to_owned());
        }
        self
    }
}
