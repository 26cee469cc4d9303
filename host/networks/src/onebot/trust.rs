//! Whom we believe to be the implementation when it is reached over TLS: whom the machine trusts, and whom the operator
//! named for this account.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::back_off::Lost;

/// Certificates of authorities, or of implementations themselves. Clones are the same.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trust {
    named: Arc<[CertificateDer<'static>]>,
}

/// Certificates that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the certificate `{}`: {why}", path.display())]
pub struct TrustError {
    path: PathBuf,
    why: String,
}

impl Trust {
    /// Trusts, beside what the machine does, the certificates of a PEM file. One that is shown just as it is there counts
    /// whatever it says of itself: its name, its dates and who signed it. Only its owner has its key.
    pub fn load(path: &Path) -> Result<Self, TrustError> {
        let error = |why: String| TrustError { path: path.into(), why };
        let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        let named = read.map_err(|why| match why {
            pem::Error::Io(why) => error(why.to_string()),
            why => error(format!("it is not PEM: {why}")),
        })?;
        if named.is_empty() {
            let why = "there is none in it; a PEM file has `-----BEGIN CERTIFICATE-----` lines";
            return Err(error(why.to_owned()));
        }
        Ok(Self { named: named.into() })
    }

    /// What TLS to the implementation is done with.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Lost> {
        let cut = |error: &dyn fmt::Display| Lost::Cut(error.to_string());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.named.iter().cloned());
        if roots.is_empty() {
            let why = "this machine trusts no certificates: install `ca-certificates`, or name the implementation's as `certificate`";
            return Err(cut(&why));
        }
        let provider = Arc::new(ring::default_provider());
        let known = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| cut(&error))?;
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| cut(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier {
                named: self.named.clone(),
                known,
                provider,
            }))
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} named)", self.named.len())
    }
}

/// Takes what the operator named as it is, and anything else as everybody does. Self-signed certificates that say that they
/// are authorities, as `openssl req -x509` makes them, would otherwise not do for a server.
#[derive(Debug)]
struct Verifier {
    named: Arc<[CertificateDer<'static>]>,
    known: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.named.iter().any(|named| named == shown) {
            return Ok(ServerCertVerified::assertion());
        }
        self.known.verify_server_cert(shown, between, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.known.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.known.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_by_its_name() {
        let folder = tempfile::TempDir::new().unwrap();
        for (text, why) in [
            (None, "cannot read the certificate"),
            (Some("hello"), "there is none in it"),
            (Some("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"), "it is not PEM"),
        ] {
            let path = folder.path().join("peer.pem");
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let error = Trust::load(&path).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("peer.pem"), "{error}");
        }
    }
}
