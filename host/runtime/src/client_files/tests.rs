//! What may lie in the folder, and what comes of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

fn files(folder: &Path, name: &str) -> ClientFiles {
    let folder = Arc::new(ClientFolder::open(folder).unwrap());
    ClientFiles::new(folder, ApiKind::Openqq, name.parse().unwrap())
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_folder_that_others_could_swap_files_in_is_refused() {
    let home = TempDir::new().unwrap();
    let made = home.path().join("deep/made");
    ClientFolder::open(&made).unwrap();
    assert_eq!(mode_of(&made), 0o700);
    let link = home.path().join("link");
    symlink(&made, &link).unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let open = home.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    for (path, why) in [(&link, "link"), (&file, "File exists"), (&open, "chmod 700")] {
        let error = ClientFolder::open(path).unwrap_err().to_string();
        let is_named = error.contains(why) || error.contains("not a folder");
        assert!(is_named, "{error}");
    }
    // As /tmp is.
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(ClientFolder::open(&open).is_ok());
}

#[test]
fn an_account_is_claimed_once_and_free_again_after() {
    let home = TempDir::new().unwrap();
    let (ours, theirs) = (files(home.path(), "qq"), files(home.path(), "qq"));
    ours.claim().unwrap();
    ours.claim().unwrap();
    ours.write(ClientFile::State, b"ours").unwrap();
    let refused = theirs.claim().unwrap_err();
    let process = Some(std::process::id());
    assert!(
        matches!(&refused, ClientFilesError::InUse { process: given, .. } if *given == process),
        "{refused}"
    );
    theirs.clear();
    assert!(theirs.write(ClientFile::State, b"theirs").is_err() && theirs.remove(ClientFile::State).is_err());
    assert_eq!(
        ours.read(ClientFile::State).unwrap().as_deref(),
        Some(&b"ours"[..]),
        "they are not theirs to remove"
    );
    assert!(files(home.path(), "other").claim().is_ok());
    ours.clear();
    assert!(!ours.is_claimed() && !ours.path(ClientFile::Pid).exists());
    theirs.claim().unwrap();
}

#[test]
fn a_file_is_replaced_whole_and_is_its_owner_s() {
    let home = TempDir::new().unwrap();
    let files = files(home.path(), "qq");
    files.claim().unwrap();
    assert_eq!(files.read(ClientFile::State).unwrap(), None);
    for text in ["a long first state", "short"] {
        files.write(ClientFile::State, text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(files.path(ClientFile::State)).unwrap(), text);
    }
    assert_eq!(mode_of(&files.path(ClientFile::State)), 0o600);
    files.remove(ClientFile::State).unwrap();
    files.remove(ClientFile::State).unwrap();
    let names: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["mojo_webqq_pid_qq.pid"]);
}

#[test]
fn nothing_is_read_through_a_link_or_without_end() {
    let home = TempDir::new().unwrap();
    let secret = home.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let files = files(home.path(), "qq");
    let cookie = files.path(ClientFile::Cookie);
    symlink(&secret, &cookie).unwrap();
    assert!(files.read(ClientFile::Cookie).unwrap_err().to_string().contains("link"));
    fs::remove_file(&cookie).unwrap();
    fs::hard_link(&secret, &cookie).unwrap();
    assert!(files.read(ClientFile::Cookie).unwrap_err().to_string().contains("one name"));
    fs::remove_file(&cookie).unwrap();
    fs::create_dir(&cookie).unwrap();
    assert!(files.read(ClientFile::Cookie).is_err());
    fs::remove_dir(&cookie).unwrap();
    fs::File::create(&cookie).unwrap().set_len(limits::SESSION_BYTES + 1).unwrap();
    assert!(files.read(ClientFile::Cookie).unwrap_err().to_string().contains("longer"));
}
