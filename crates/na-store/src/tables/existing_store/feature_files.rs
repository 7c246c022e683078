//! The files of a store's features.

use crate::error::StoreError;
use crate::format::parquet_file::ParquetFile;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::features::{FeatureKind, PlannedFeature};

impl ExistingStore {
    /// The store's own file of a feature, of whichever state of its table. `None` if there is none, or one that is damaged: it is
    /// made again. A name can pass from one map to another: a file of another feature is none.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn feature_file(&self, feature: &PlannedFeature) -> Result<Option<ParquetFile>, StoreError> {
        let path = feature.name.file_path();
        if !self.own_files().has(&path)? {
            return Ok(None);
        }
        match ParquetFile::open(&self.output().join(path)) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            file => Ok(file?.filter(|file| FeatureKind::of(file).as_ref() == Some(&feature.kind))),
        }
    }
}
