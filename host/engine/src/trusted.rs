//! What was checked once and is trusted from then on: the one place with `unsafe` in this crate.
//!
//! # Compiled code ([`Authentic`])
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
//!
//! # The type of `handle` ([`Checked`])
//!
//! The bindings compare the types of a component's exports with the contract's each time it is instantiated:
//! a quarter of what a fresh instance costs, and always with the same outcome. Here they are compared when the
//! component is admitted, and [`Handler`] does without:
//!
//! 1. [`Checked::new`] is the only way to a [`Checked`], and it goes through `ScriptPre::new`, which compares
//!    the types of `describe` and `handle` with those that the bindings were generated for.
//! 2. A [`Handler`] is made of an instance of that very `InstancePre`, by the index of the export that was
//!    compared. A component's types are part of its code: all its instances have the same.
//! 3. `new_unchecked` is given the types that the bindings themselves give it for `handle`.

use mynah_model::refusal::Code;
use wasmtime::component::{Component, ComponentExportIndex, Func, InstancePre, TypedFunc};
use wasmtime::{Engine, Store};

use crate::bindings::{self, Action, Event};
use crate::fault::Stop;
use crate::sandbox::Sandbox;

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

/// A linked component whose exports have the contract's types.
pub(crate) struct Checked {
    bindings: bindings::ScriptPre<Sandbox>,
    handle: ComponentExportIndex,
}

/// What a script answers: actions, or why there are none.
pub(crate) type Answer = Result<Vec<Action>, String>;

impl Checked {
    /// Compares the types of the exports with the contract's.
    pub(crate) fn new(linked: InstancePre<Sandbox>) -> wasmtime::Result<Self> {
        let bindings = bindings::ScriptPre::new(linked)?;
        match bindings.instance_pre().component().get_export_index(None, "handle") {
            Some(handle) => Ok(Self { bindings, handle }),
            None => Err(wasmtime::Error::msg("no export `handle` found")),
        }
    }

    /// The engine that it was compiled for.
    pub(crate) fn engine(&self) -> &Engine {
        self.bindings.engine()
    }

    /// With every check: for the one instance that is asked what it is.
    pub(crate) fn bindings(&self) -> &bindings::ScriptPre<Sandbox> {
        &self.bindings
    }

    /// A new instance, ready to handle an event.
    pub(crate) fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Handler> {
        let instance = self.bindings.instance_pre().instantiate(&mut *store)?;
        let handle = instance.get_func(&mut *store, self.handle);
        handle.map(Handler).ok_or_else(|| Stop::error(Code::ContractMismatch, "the instance has no `handle`"))
    }
}

/// The `handle` of an instance.
pub(crate) struct Handler(Func);

impl Handler {
    /// Calls it. The store must be the instance's; another one is a panic, and nothing worse.
    pub(crate) fn call(&self, store: &mut Store<Sandbox>, event: &Event) -> wasmtime::Result<Answer> {
        #[expect(unsafe_code, reason = "the types were compared: see the module's documentation")]
        // SAFETY: `Checked::new` compared the types of this export, see the module's documentation.
        let handle = unsafe { TypedFunc::<(&Event,), (Answer,)>::new_unchecked(self.0) };
        handle.call(store, (event,)).map(|(answer,)| answer)
    }
}
