//! Compiled components on disk, so that a start does not compile what an earlier one compiled.
//!
//! One file per component and engine configuration: a MAC, then the compiled code. Whatever is wrong with a
//! file, the folder or the key means that the component is compiled again, never that it does not load.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use mynah_model::names::ReleaseId;
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::limits::CACHE_BYTES;
use crate::trusted::Authentic;

const KEY_FILE: &str = "host.key";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const SUFFIX: &str = "cwasm";

/// A folder of compiled components that belongs to this host.
pub(crate) struct CompileCache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    /// The engine's version and configuration, as it stands in file names.
    engine: String,
}

impl CompileCache {
    /// Opens the folder, and makes it and its key if they are not there.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
        make_private_folder(folder)?;
        let key = match read_key(&folder.join(KEY_FILE)) {
            Ok(key) => key,
            Err(_) => write_key(folder)?,
        };
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder: folder.to_owned(), key, engine: format!("{:016x}", hasher.finish()) })
    }

    /// The compiled component, if it is here and authentic.
    pub(crate) fn load(&self, id: &ReleaseId, engine: &Engine) -> Option<Component> {
        let name = self.name(id);
        let path = self.folder.join(&name);
        let mut bytes = Vec::new();
        let mut file = File::open(&path).ok()?;
        file.read_to_end(&mut bytes).ok()?;
        let loaded = bytes.split_first_chunk::<MAC_BYTES>().and_then(|(mac, code)| {
            self.mac(&name, code)?.verify_slice(mac).ok()?;
            Authentic::verified(code).load(engine).ok()
        });
        match loaded {
            Some(component) => {
                // What is used stays: the oldest go first when the folder is full.
                let _ = file.set_modified(SystemTime::now());
                Some(component)
            }
            None => {
                tracing::warn!(file = %path.display(), "compiled component is not authentic or not whole: compiling it again");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps a compiled component. Failing to is not a reason to fail.
    pub(crate) fn store(&self, id: &ReleaseId, component: &Component) {
        if let Err(error) = self.try_store(id, component) {
            tracing::warn!(folder = %self.folder.display(), "compiled component was not kept: {error}");
        }
    }

    fn try_store(&self, id: &ReleaseId, component: &Component) -> io::Result<()> {
        let code = component.serialize().map_err(|error| io::Error::other(error.to_string()))?;
        let name = self.name(id);
        let mac = self.mac(&name, &code).ok_or_else(|| io::Error::other("no MAC could be made"))?;
        self.make_room(code.len())?;
        write_atomically(&self.folder, &name, &[&mac.finalize().into_bytes(), &code])
    }

    fn name(&self, id: &ReleaseId) -> String {
        format!("{}-{}.{SUFFIX}", id.hex(), self.engine)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key).ok()?;
        Some(mac.chain_update(name).chain_update([0]).chain_update(code))
    }

    /// Removes the files that were not used for longest until so many bytes more have room.
    fn make_room(&self, bytes: usize) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if entry.path().extension().is_some_and(|suffix| suffix == SUFFIX) {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut sum = files.iter().map(|(_, len, _)| len).sum::<u64>().saturating_add(bytes as u64);
        for (_, len, path) in files {
            if sum <= CACHE_BYTES {
                break;
            }
            fs::remove_file(path)?;
            sum = sum.saturating_sub(len);
        }
        Ok(())
    }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("the cache folder is not a folder of the user that the host runs as"));
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn read_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other("the key is not the host's alone"));
    }
    if metadata.len() != KEY_BYTES as u64 {
        return Err(io::Error::other("the key has the wrong length"));
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key)?;
    Ok(key)
}

fn write_key(folder: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    write_atomically(folder, KEY_FILE, &[&key])?;
    Ok(key)
}

/// Writes a file of mode 0600 that is there whole or not at all, whoever else writes it at the same time.
fn write_atomically(folder: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let mut random = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let temporary = folder.join(format!("{name}.{:016x}.tmp", u64::from_le_bytes(random)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = parts
        .iter()
        .try_for_each(|part| file.write_all(part))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, folder.join(name)));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(engine: &Engine) -> Component {
        Component::from_binary(engine, &wat::parse_str("(component)").unwrap()).unwrap()
    }

    fn only_entry(folder: &Path) -> PathBuf {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX))
            .unwrap()
    }

    #[test]
    fn what_was_stored_is_loaded_by_another_start_of_the_same_host() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, id) = (Engine::default(), ReleaseId([7; 32]));
        let folder = folder.path().join("cache");
        let cache = CompileCache::open(&folder, &engine).unwrap();
        assert!(cache.load(&id, &engine).is_none());
        cache.store(&id, &component(&engine));
        assert!(CompileCache::open(&folder, &engine).unwrap().load(&id, &engine).is_some());
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(folder.join(KEY_FILE)).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(only_entry(&folder)).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_was_changed_moved_or_cut_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, id) = (Engine::default(), ReleaseId([7; 32]));
        let cache = CompileCache::open(folder.path(), &engine).unwrap();
        let attacks: [fn(&mut Vec<u8>); 4] = [
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            |bytes| *bytes.first_mut().unwrap() ^= 1,
            |bytes| bytes.truncate(40),
            |bytes| bytes.clear(),
        ];
        for attack in attacks {
            cache.store(&id, &component(&engine));
            let path = only_entry(folder.path());
            let mut bytes = fs::read(&path).unwrap();
            attack(&mut bytes);
            fs::write(&path, bytes).unwrap();
            assert!(cache.load(&id, &engine).is_none());
            assert!(!path.exists());
        }
        cache.store(&id, &component(&engine));
        let other = ReleaseId([8; 32]);
        fs::rename(only_entry(folder.path()), folder.path().join(cache.name(&other))).unwrap();
        assert!(cache.load(&other, &engine).is_none());
    }

    #[test]
    fn a_key_that_others_could_read_is_replaced_and_with_it_everything_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (engine, id) = (Engine::default(), ReleaseId([7; 32]));
        let cache = CompileCache::open(folder.path(), &engine).unwrap();
        cache.store(&id, &component(&engine));
        fs::set_permissions(folder.path().join(KEY_FILE), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(CompileCache::open(folder.path(), &engine).unwrap().load(&id, &engine).is_none());
    }
}
