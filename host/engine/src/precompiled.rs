//! Loading compiled code: the one place with `unsafe` in this crate.
//!
//! `Component::deserialize` trusts its bytes like a shared library: whoever can choose them can run native
//! code in the host. They are trusted here because of where they come from, and only the compile cache calls
//! this, with bytes that it authenticated:
//!
//! 1. The bytes carry an HMAC-SHA256 under a key that only this host's user can read (file mode 0600, in a
//!    folder of mode 0700 that the same user owns; the cache checks all three, and makes a new key if one of
//!    them does not hold). So whoever made them could read the key, that is, was this user: and this user can
//!    replace the host's own program.
//! 2. The MAC is over the name of the entry too, which holds the hash of the component and of the engine's
//!    configuration, so that one entry cannot stand in for another.
//! 3. Only [`Component::serialize`] makes what the cache writes. Were the bytes from another version or
//!    configuration of wasmtime after all, `deserialize` itself finds that and returns an error.
//! 4. The bytes were read into memory before they were authenticated, and are not read again, so nobody can
//!    change them in between.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Bytes of a compiled component that the cache found authentic.
pub(crate) struct Authentic<'a>(&'a [u8]);

impl<'a> Authentic<'a> {
    /// Says that the bytes are what [`Component::serialize`] gave on this host. Whoever calls this must have
    /// verified it as the module's documentation says.
    pub(crate) fn verified(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The component.
    pub(crate) fn load(self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(unsafe_code, reason = "the bytes are authentic: see the module's documentation")]
        // SAFETY: the bytes are what `Component::serialize` gave on this host, see the module's documentation.
        unsafe {
            Component::deserialize(engine, self.0)
        }
    }
}
