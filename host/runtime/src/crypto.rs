//! The one crypto provider of the process. rustls wants to be told which, and clients cannot be made before that.

/// Makes ring the provider, unless there is one already. May be called as often as needed.
pub fn install() {
    // An error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
