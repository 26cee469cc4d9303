//! TLS on a listener: a certificate and its key from PEM files, and the handshake.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::settings::HANDSHAKE_TIME;

/// Makes ring the provider of cryptography of the whole process. Listeners name it themselves; whatever else speaks
/// TLS here takes this one. Whether it was the first to be set.
pub fn install() -> bool {
    ring::default_provider().install_default().is_ok()
}

/// What somebody gets who speaks plain HTTP to a listener with TLS.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain;charset=UTF-8\r\ncontent-length: 38\r\nconnection: close\r\n\r\nthis listener speaks TLS: use https://";

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {what} `{}`: {why}", path.display())]
    File {
        /// `the certificate` or `the key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
    /// Certificate and key are no pair, or are of a kind that is not known.
    #[error("cannot use the certificate `{}` with the key `{}`: {why}", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What was wrong.
        why: String,
    },
}

/// A certificate that a listener shows. Clones are the same.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads a certificate (with those between it and its authority, in this order) and its private key.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable("the certificate", certificate, error))?;
        if chain.is_empty() {
            return Err(unreadable("the certificate", certificate, pem::Error::NoItemsFound));
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("the key", key, error))?;
        let pair = |error: rustls::Error| TlsError::Pair {
            certificate: certificate.into(),
            key: key.into(),
            why: error.to_string(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Greets a peer, who has [`HANDSHAKE_TIME`] for it. One who speaks plain HTTP is told so.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let greeting = async {
            let mut first = [0u8];
            stream.peek(&mut first).await?;
            // TLS begins with a byte that no method of HTTP does.
            if first.iter().all(u8::is_ascii_uppercase) {
                return tell_plain(stream).await;
            }
            self.acceptor.accept(stream).await
        };
        tokio::time::timeout(HANDSHAKE_TIME, greeting).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake did not end in time"))
        })
    }
}

/// Answers, and reads on until the peer has the answer: a socket that is closed over unread bytes takes it back.
async fn tell_plain(mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    stream.write_all(PLAIN_HTTP).await?;
    stream.shutdown().await?;
    let mut unread = [0u8; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP on a listener with TLS"))
}

fn unreadable(what: &'static str, path: &Path, error: pem::Error) -> TlsError {
    let why = match error {
        pem::Error::NoItemsFound => {
            "there is none in it; a PEM file has `-----BEGIN ...-----` lines".to_owned()
        }
        pem::Error::Io(error) => error.to_string(),
        other => format!("it is not PEM: {other}"),
    };
    TlsError::File { what, path: path.into(), why }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A certificate for `localhost` and its key, as PEM.
    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_named_with_its_file() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (certificate, key) = pair();
        let (_, other) = pair();
        let good = (file("good.pem", &certificate), file("good.key", &key));
        assert!(Tls::load(&good.0, &good.1).is_ok());
        let (empty, text, other) =
            (file("empty.pem", ""), file("text.pem", "hello"), file("other.key", &other));
        let broken = file("broken.pem", &certificate.replace("MII", "!!!"));
        let gone = folder.path().join("gone.pem");
        for (certificate, key, named, why) in [
            (&gone, &good.1, "gone.pem", "No such file"),
            (&empty, &good.1, "empty.pem", "there is none"),
            (&text, &good.1, "text.pem", "there is none"),
            (&broken, &good.1, "broken.pem", "not PEM"),
            (&good.0, &gone, "gone.pem", "No such file"),
            (&good.0, &good.0, "good.pem", "there is none"),
            (&good.0, &other, "other.key", "cannot use"),
        ] {
            let Err(error) = Tls::load(certificate, key) else { panic!("{named}") };
            let error = error.to_string();
            assert!(error.contains(named) && error.contains(why), "{error}");
            assert!(!error.contains("PRIVATE KEY"), "{error}");
        }
    }
}
