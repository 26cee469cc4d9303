//! What is kept, for how long, and what callers cannot get at.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use std::time::Duration;

use mynah_model::clock::VirtualClock;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const DAY: u64 = 86_400_000;

struct Stage {
    dir: TempDir,
    clock: Arc<VirtualClock>,
}

impl Stage {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(VirtualClock::new(1_704_067_200_000)) }
    }

    fn open(&self, config: MediaConfig) -> MediaStore {
        let config = MediaConfig { dir: Some(self.dir.path().join("media")), ..config };
        MediaStore::open(config, self.clock.clone()).unwrap()
    }

    /// The names of all files in the media folder.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join("media")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn pictures(&self) -> usize {
        self.files().iter().filter(|name| !name.ends_with(folder::ABOUT)).count()
    }
}

#[tokio::test]
async fn what_is_put_is_found_by_its_id_and_read_back() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig::default());
    let media = store.put(PNG.to_vec(), Some("../../图.png")).await.unwrap();
    assert_eq!(
        (media.name.as_deref(), media.mime.as_deref(), media.size, media.kind()),
        (Some("图.png"), Some("image/png"), Some(PNG.len() as u64), MediaKind::Image)
    );
    let id = media.id.clone().unwrap();
    assert!(id.starts_with("@crypt_") && id.ends_with(":3"), "{id}");
    assert_eq!(store.find(&id), Ok(media.clone()));
    assert_eq!(store.find(id.trim_end_matches(":3")), Ok(media.clone()));
    assert_eq!(store.read(&media).await.unwrap(), PNG);
    let path = store.path_of(&media).unwrap();
    assert_eq!(fs::read(&path).unwrap(), PNG);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert!(stage.files().iter().all(|name| mode(&stage.dir.path().join("media").join(name)) == 0o600));
}

#[tokio::test]
async fn a_picture_may_be_sent_as_a_file_but_a_file_is_no_picture() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig::default());
    let picture = store.put(PNG.to_vec(), None).await.unwrap().id.unwrap();
    let as_file = store.find(&picture.replace(":3", ":6")).unwrap();
    assert_eq!((as_file.kind(), as_file.id.unwrap().ends_with(":6")), (MediaKind::File, true));
    let text = store.put(b"hi".to_vec(), None).await.unwrap().id.unwrap();
    let refused = store.find(&text.replace(":6", ":3")).unwrap_err();
    assert_eq!(refused.to_string(), "the media is of kind 6 (file), not 3 (image)");
    assert!(matches!(store.find("2273934420223351581"), Err(MediaError::BadId(_))));
    let unknown = format!("@crypt_{}_{}:3", "0".repeat(8), "0".repeat(56));
    assert!(matches!(store.find(&unknown), Err(MediaError::Unknown(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_brought_by_many_at_once_are_one_file() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig::default());
    let bytes = PNG.repeat(1_000);
    let puts: Vec<_> = (0..16)
        .map(|number| {
            let (store, bytes) = (store.clone(), bytes.clone());
            tokio::spawn(async move { store.put(bytes, Some(&format!("{number}.png"))).await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    for (number, put) in puts.into_iter().enumerate() {
        let media = put.await.unwrap();
        assert_eq!(media.name.as_deref(), Some(format!("{number}.png").as_str()), "everybody's own name");
        ids.push(media.id);
    }
    ids.dedup();
    assert_eq!((ids.len(), stage.pictures(), stage.files().len()), (1, 1, 2));
}

#[tokio::test]
async fn media_survive_a_restart_and_what_is_not_whole_does_not() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig::default());
    let kept = store.put(PNG.to_vec(), Some("a.png")).await.unwrap();
    let mut broken = Vec::new();
    for text in ["cut", "bare", "linked"] {
        broken.push(store.put(text.into(), None).await.unwrap());
    }
    let paths: Vec<_> = broken.iter().map(|media| store.path_of(media).unwrap()).collect();
    drop(store);
    let folder = stage.dir.path().join("media");
    fs::write(&paths[0], "c").unwrap();
    fs::remove_file(paths[1].with_extension("about")).unwrap();
    fs::remove_file(&paths[2]).unwrap();
    symlink("/etc/hostname", &paths[2]).unwrap();
    fs::write(folder.join(".part-x"), "half").unwrap();
    fs::write(folder.join("README"), "the operator's").unwrap();

    let store = stage.open(MediaConfig::default());
    assert_eq!(store.find(kept.id.as_deref().unwrap()), Ok(kept.clone()));
    assert_eq!(store.read(&kept).await.unwrap(), PNG);
    for media in &broken {
        assert!(matches!(store.find(media.id.as_deref().unwrap()), Err(MediaError::Unknown(_))));
    }
    assert_eq!((stage.pictures(), stage.files().len()), (2, 3), "{:?}", stage.files());
}

#[tokio::test]
async fn media_are_kept_for_a_week() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig::default());
    let waiting = Waiting::new(stage.clock.clone());
    let keeping = tokio::spawn(store.clone().keep_house(waiting));
    let old = store.put(PNG.to_vec(), None).await.unwrap();
    let again = store.put(b"again".to_vec(), None).await.unwrap();
    stage.clock.advance(DAY);
    store.put(b"again".to_vec(), None).await.unwrap();
    stage.clock.advance(6 * DAY - 1);
    assert!(store.find(old.id.as_deref().unwrap()).is_ok());
    stage.clock.advance(1);
    assert!(matches!(store.find(old.id.as_deref().unwrap()), Err(MediaError::Unknown(_))));
    assert_eq!(store.path_of(&old), None);
    assert!(store.read(&old).await.is_err());
    assert!(store.find(again.id.as_deref().unwrap()).is_ok(), "what is brought again is new");
    let gone = async {
        // The host looks every hour.
        while !stage.files().is_empty() {
            stage.clock.advance(limits::MEDIA_LOOK_MS as u64);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the files go");
    keeping.abort();
    store.put(PNG.to_vec(), None).await.unwrap();
    stage.clock.advance(8 * DAY);
    drop(store);
    stage.open(MediaConfig::default());
    assert!(stage.files().is_empty(), "what grew old while the host was down goes when it starts");
}

#[tokio::test]
async fn the_oldest_go_when_there_is_no_room() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig { total_bytes: 2_500, ..MediaConfig::default() });
    let mut ids = Vec::new();
    for byte in b"abc" {
        stage.clock.advance(1);
        ids.push(store.put(vec![*byte; 1_000], None).await.unwrap().id.unwrap());
    }
    let found = ids.iter().map(|id| store.find(id).is_ok()).collect::<Vec<_>>();
    assert_eq!((found, stage.pictures()), (vec![false, true, true], 2));
    drop(store);
    stage.open(MediaConfig { total_bytes: 1_000, ..MediaConfig::default() });
    assert_eq!(stage.pictures(), 1, "a smaller bound counts from the next start on");
}

#[tokio::test]
async fn nothing_and_too_much_are_refused_and_leave_nothing() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig::default());
    assert_eq!(store.put(Vec::new(), None).await, Err(MediaError::Empty));
    let most = limits::MEDIA_FILE_BYTES;
    assert_eq!(store.put(vec![0; most + 1], None).await, Err(MediaError::TooLarge { most }));
    assert!(stage.files().is_empty());
}

#[tokio::test]
async fn only_regular_files_of_the_folders_that_are_named_are_sent() {
    let stage = Stage::new();
    let root = fs::canonicalize(stage.dir.path()).unwrap();
    let (open, closed) = (root.join("open"), root.join("closed"));
    for folder in [open.join("sub"), closed.clone()] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(open.join("图 1.png"), PNG).unwrap();
    fs::write(open.join("sub/b.png"), PNG).unwrap();
    fs::write(closed.join("secret"), "secret").unwrap();
    fs::write(root.join("open-not"), "secret").unwrap();
    symlink(closed.join("secret"), open.join("link")).unwrap();
    symlink("../closed", open.join("door")).unwrap();
    symlink("sub/b.png", open.join("within")).unwrap();
    symlink("/dev/zero", open.join("zero")).unwrap();
    symlink("loop", open.join("loop")).unwrap();
    mknodat(CWD, open.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    fs::write(open.join("empty"), "").unwrap();
    fs::File::create(open.join("large")).unwrap().set_len(limits::MEDIA_FILE_BYTES as u64 + 1).unwrap();

    let store = stage.open(MediaConfig { folders: vec![open.clone()], ..MediaConfig::default() });
    let at = |path: &str| open.join(path).to_str().unwrap().to_owned();
    for path in
        [at("图 1.png"), at("sub/b.png"), at("sub/../sub/./b.png"), at("within"), at("../open/sub/b.png")]
    {
        let media = store.from_reference(&path).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(media.mime.as_deref(), Some("image/png"), "{path}");
    }
    let held = stage.files();
    for path in [
        at("link"),
        at("door/secret"),
        at("../closed/secret"),
        at("../open-not"),
        at("zero"),
        at("loop"),
        at("pipe"),
        at("sub"),
        at(""),
        at("missing"),
        at("b\0.png"),
        closed.join("secret").display().to_string(),
        "/etc/passwd".into(),
        "/proc/self/environ".into(),
        "/dev/zero".into(),
        "/dev/stdin".into(),
        "/".into(),
    ] {
        let error = store.from_reference(&path).await.unwrap_err();
        assert!(error.to_string().contains("no such file in a folder"), "{path}: {error}");
        assert!(error.is_callers());
    }
    for (path, expected) in [
        ("open/b.png", "whole path"),
        ("../../etc/passwd", "whole path"),
        ("", "whole path"),
        ("file:///etc/passwd", "whole path"),
        ("ftp://example.net/x", "whole path"),
        ("http://127.0.0.1:8080/", "loopback"),
        ("http://localhost:8080/", "loopback"),
        (&at("empty"), "empty"),
        (&at("large"), "more than"),
    ] {
        let error = store.from_reference(path).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{path}: {error}");
    }
    assert_eq!(stage.files(), held, "nothing was kept of what was refused");

    let store = stage.open(MediaConfig::default());
    let error = store.from_reference(&at("sub/b.png")).await.unwrap_err().to_string();
    assert!(error.contains("`folders = ["), "{error}");
}

#[tokio::test]
async fn what_a_report_calls_media_path_may_be_sent_on() {
    let stage = Stage::new();
    let store = stage.open(MediaConfig::default());
    let media = store.put(PNG.to_vec(), Some("a.png")).await.unwrap();
    let path = store.path_of(&media).unwrap();
    assert_eq!(store.from_reference(path.to_str().unwrap()).await, Ok(media));
    for near in
        [path.with_extension("about"), path.with_extension("jpg"), path.parent().unwrap().join("x.png")]
    {
        assert!(store.from_reference(near.to_str().unwrap()).await.is_err(), "{near:?}");
    }
}

#[tokio::test]
async fn a_folder_that_nobody_named_goes_with_the_store() {
    let clock = Arc::new(VirtualClock::new(0));
    let store = MediaStore::open(MediaConfig::default(), clock).unwrap();
    let media = store.put(PNG.to_vec(), None).await.unwrap();
    let folder = store.path_of(&media).unwrap().parent().unwrap().to_owned();
    assert!(folder.is_dir());
    drop(store);
    assert!(!folder.exists());
}
