use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::CacheError;
use crate::lock::holder::Holder;
use crate::lock::holder::tests::holder;
use crate::lock::lock_file::{LOCK_FILE, is_same_file, open};
use crate::lock::owner_lock::{Claim, OwnerLock};

fn this() -> Holder {
    Holder::this(Path::new("/"))
}

/// Takes an output with this text in its lock file, as `here`.
fn take(output: &Path, text: &str, here: &Holder) -> Result<OwnerLock, CacheError> {
    fs::write(output.join(LOCK_FILE), text).unwrap();
    OwnerLock::take(output, &Claim::default(), here)
}

#[test]
fn the_second_owner_is_told_who_the_first_is() {
    let folder = tempfile::tempdir().unwrap();
    let first = OwnerLock::acquire(folder.path()).unwrap();
    let error = OwnerLock::acquire(folder.path()).unwrap_err();
    let name = this().name;
    assert!(matches!(&error, CacheError::Busy { holder, .. } if holder.name == name), "{error}");
    drop(first);
    assert!(!folder.path().join(LOCK_FILE).exists());
    OwnerLock::acquire(folder.path()).unwrap();
}

#[test]
fn a_dead_process_leaves_no_lock_and_one_that_cannot_be_seen_from_here_does() {
    let folder = tempfile::tempdir().unwrap();
    let here = holder("here", "1", Some("b1"), Some("ext4"));
    for dead in [
        "999999 here\n",
        "999999 other boot=b1 fs=nfs\n",
        "999999 here boot=b0 fs=ext4\n",
        "999999 other boot=b0 fs=xfs\n",
    ] {
        drop(take(folder.path(), dead, &here).unwrap());
    }
    for unseen in ["17 other\n", "17 here boot=b0 fs=nfs4\n", "17 other boot=b0\n"] {
        let error = take(folder.path(), unseen, &here).unwrap_err();
        let way_out = format!("--take-over {}:17", unseen.split_whitespace().nth(1).unwrap());
        assert!(error.to_string().contains(&way_out), "{error}");
        assert_eq!(
            fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap(),
            unseen,
            "it is left as it was"
        );
    }
}

#[test]
fn only_the_holder_that_is_named_is_taken_over_and_never_one_that_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let text = "17 other boot=b0 fs=nfs4\n";
    fs::write(folder.path().join(LOCK_FILE), text).unwrap();
    let claim = |name: &str| Claim { take_over: Some(name.parse().unwrap()), ..Claim::default() };
    for wrong in ["other:18", "others:17"] {
        let error = OwnerLock::claim(folder.path(), &claim(wrong)).unwrap_err();
        let words = [wrong, "other:17"];
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap(), text);
    }
    let lock = OwnerLock::claim(folder.path(), &claim("other:17")).unwrap();
    let held = OwnerLock::claim(folder.path(), &claim(&this().name.to_string())).unwrap_err();
    assert!(matches!(held, CacheError::Busy { .. }), "{held}");
    lock.ownership().check().unwrap();
}

#[test]
fn what_a_power_cut_left_of_a_lock_is_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    for left in ["", "17", "17 another-mach", "\0\0\0\0\0\0\0\n", "\0\0 host\n"] {
        drop(take(folder.path(), left, &this()).unwrap());
    }
}

#[test]
fn another_s_file_in_the_lock_s_place_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for notes in ["to do: lock the door\n", "1,2,3\n", "17: the door\n18: the window\n"] {
        let error = take(folder.path(), notes, &this()).unwrap_err();
        assert!(matches!(error, CacheError::NoLock { .. }), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap(), notes);
    }
}

#[test]
fn only_the_user_reads_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let _lock = OwnerLock::acquire(folder.path()).unwrap();
    let mode = fs::metadata(folder.path().join(LOCK_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_lock_that_is_a_link_is_refused_and_what_it_leads_to_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (lock, target) = (folder.path().join(LOCK_FILE), folder.path().join("notes"));
    for there in [false, true] {
        if there {
            fs::write(&target, "mine").unwrap();
        }
        let _ = fs::remove_file(&lock);
        symlink(&target, &lock).unwrap();
        let error = OwnerLock::acquire(folder.path()).unwrap_err();
        assert!(matches!(error, CacheError::Link { .. }), "{error}");
        assert_eq!(fs::read_to_string(&target).ok().as_deref(), there.then_some("mine"));
    }
}

#[test]
fn an_owner_notices_that_its_lock_was_deleted_replaced_or_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LOCK_FILE);
    let others: [&dyn Fn(); 4] = [
        &|| fs::remove_file(&path).unwrap(),
        &|| {
            let text = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            fs::write(&path, text).unwrap();
        },
        &|| fs::write(&path, "17 other boot=b0 fs=nfs\n").unwrap(),
        &|| {
            fs::remove_file(&path).unwrap();
            symlink("/dev/null", &path).unwrap();
        },
    ];
    for other in others {
        let lock = OwnerLock::acquire(folder.path()).unwrap();
        lock.ownership().check().unwrap();
        other();
        let error = lock.ownership().check().unwrap_err();
        assert!(matches!(error, CacheError::LockLost { .. }), "{error}");
        let left = fs::symlink_metadata(&path).is_ok();
        drop(lock);
        assert_eq!(fs::symlink_metadata(&path).is_ok(), left, "what is another's is not deleted");
        let _ = fs::remove_file(&path);
    }
}

#[test]
fn a_file_that_is_no_longer_under_the_lock_s_name_is_not_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LOCK_FILE);
    let (file, is_new) = open(&path).unwrap().unwrap();
    assert!(is_new && is_same_file(&file, &path));
    fs::remove_file(&path).unwrap();
    assert!(!is_same_file(&file, &path));
    fs::write(&path, "").unwrap();
    assert!(!is_same_file(&file, &path), "another file on the same disk");
    let (_, is_new) = open(&path).unwrap().unwrap();
    assert!(!is_new);
}

#[test]
fn however_many_take_and_drop_the_lock_there_is_one_holder_at_a_time() {
    // In memory if possible: syncs do not matter here.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let (holders, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut taken = 0;
                while taken < 1000 {
                    match OwnerLock::acquire(folder.path()) {
                        Ok(lock) => {
                            let now = holders.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(now, Ordering::SeqCst);
                            std::thread::yield_now();
                            holders.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                            taken += 1;
                        }
                        Err(CacheError::Busy { .. }) => std::thread::yield_now(),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(most.into_inner(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_claim_waits_for_a_holder_as_long_as_it_says_and_is_told_which_job_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let of_job = Claim { job: Some("4711_3".to_owned()), ..Claim::default() };
    let first = OwnerLock::claim(folder.path(), &of_job).unwrap();
    let error = OwnerLock::acquire(folder.path()).unwrap_err().to_string();
    assert!(error.contains("SLURM job 4711_3") && error.contains("--wait"), "{error}");
    let patient = Claim { patience: Duration::from_secs(600), ..Claim::default() };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| OwnerLock::claim(folder.path(), &patient).map(drop));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        drop(first);
        waiting.join().unwrap().unwrap();
    });
    let held = OwnerLock::acquire(folder.path()).unwrap();
    let stopped = Claim { cancel: Cancel::from(Arc::new(AtomicBool::new(true))), ..patient };
    assert!(matches!(OwnerLock::claim(folder.path(), &stopped), Err(CacheError::Stopped)));
    drop(held);
}
