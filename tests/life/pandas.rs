//! A store that begins with a cache of the pandas package.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::lab::{Content, Part, Session, mean, volume};
use super::model::Words;
use super::runs::{Life, words};
use crate::support::cohort::ATLAS;

impl Life {
    /// Takes over a cache that has grey matter and volumes of some sessions.
    pub fn begin_with_a_pandas_cache(&mut self) {
        self.met("pandas cache");
        std::fs::create_dir_all(self.lab.cohort.store()).unwrap();
        let connection = Connection::open(self.lab.cohort.store().join(".cache.db")).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE completed_sessions (subject_code TEXT, session_id TEXT, modality TEXT, completed_at TEXT);
                 CREATE TABLE anatomical_gm (\"index\" BIGINT, label TEXT, mean FLOAT, volume_mm3 FLOAT, modality TEXT,
                    metric TEXT, subject_code TEXT, session_id TEXT, tiv FLOAT);",
            )
            .unwrap();
        let sessions = self.lab.sessions();
        for session in sessions.into_iter().filter(|session| !session.1.is_empty()).take(2) {
            let (table, report) = (self.lab.content(&mut self.random), self.lab.content(&mut self.random));
            let table = Content { has_score: false, ..table };
            add(&connection, &session, &table, &report);
            for (part, content) in [(Part::Tissue("GM"), table), (Part::Volume, report)] {
                let item = (session.clone(), part);
                self.model.of_pandas.insert(item.clone());
                self.model.holds.insert(item, BTreeSet::from([Some(content)]));
            }
            self.model.listed.insert(session, Words::new());
        }
        drop(connection);
        let ended = self.export_cache(&words(&["--atlas-name", ATLAS]), None);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
    }
}

fn add(connection: &Connection, session: &Session, table: &Content, report: &Content) {
    for index in 1..=table.regions {
        let mean = mean(table, index);
        let sql = "INSERT INTO anatomical_gm VALUES (?1, ?2, ?3, ?4, 'gm', 'volume', ?5, ?6, ?7)";
        let label = format!("R{index}");
        let index = i64::try_from(index).unwrap();
        let row = params![index, label, mean, mean * 100.0 + 0.1, session.0, session.1, volume(report)];
        connection.execute(sql, row).unwrap();
    }
    let sql = "INSERT INTO completed_sessions VALUES (?1, ?2, 'anatomical', '2025-01-01')";
    connection.execute(sql, params![session.0, session.1]).unwrap();
}
