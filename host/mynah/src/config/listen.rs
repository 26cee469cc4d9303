//! `listen`: where the API is served, each address alone or as a table with its certificate and what it serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mynah_api::Scopes;

use super::key::read_scopes;
use super::problem::Problem;
use super::section::Value;
use super::{DEFAULT_LISTEN, read_path};

/// A listener, as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenConfig {
    /// Where; port 0 is any free one.
    pub address: SocketAddr,
    /// What it shows to be who it is; `None` is without TLS.
    pub tls: Option<TlsFiles>,
    /// The parts of the API that it serves.
    pub apis: Scopes,
}

/// The files of a certificate, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl From<SocketAddr> for ListenConfig {
    /// Everything, without TLS.
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None, apis: Scopes::all() }
    }
}

/// An address to listen on, as in the file and on the command line.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        format!("write an IP address and a port, such as \"{DEFAULT_LISTEN}\" or \"[::1]:5000\"; port 0 is any free one")
    })
}

/// An address, or a table.
pub(super) fn read(value: &Value<'_>, folder: &Path) -> Result<ListenConfig, Problem> {
    if !value.is_table() {
        return read_address(value).map(ListenConfig::from);
    }
    let mut section = value.section("`listen`")?;
    let address = section.read("address", |value| read_address(&value))?;
    let tls = section.read("tls", |value| read_tls(&value, folder))?;
    let apis = section.read("apis", |value| read_scopes(&value))?;
    section.finish()?;
    let address = address
        .ok_or_else(|| section.problem(format!("`address` is missing, for example \"{DEFAULT_LISTEN}\"")))?;
    Ok(ListenConfig { address, tls, apis: apis.unwrap_or_else(Scopes::all) })
}

fn read_address(value: &Value<'_>) -> Result<SocketAddr, Problem> {
    let text = value.text("an address, such as \"127.0.0.1:5000\"")?;
    parse_listen(text).map_err(|right| value.problem(format!("is not an address: {right}")))
}

fn read_tls(value: &Value<'_>, folder: &Path) -> Result<TlsFiles, Problem> {
    let mut section = value.section("`tls`")?;
    let certificate = section.read("certificate", |value| read_path(&value, folder))?;
    let key = section.read("key", |value| read_path(&value, folder))?;
    section.finish()?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(TlsFiles { certificate, key }),
        _ => Err(section.problem("write { certificate = \"FILE.pem\", key = \"FILE.pem\" }")),
    }
}

#[cfg(test)]
mod tests {
    use mynah_api::Scope;

    use super::*;
    use crate::config::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("etc/mynah.toml"), text).map_err(|error| format!("{error} {:?}", error.hint))
    }

    #[test]
    fn a_listener_is_an_address_or_a_table() {
        let config = parse(
            r#"listen = ["127.0.0.1:5000", { address = "localhost:5443", tls = { certificate = "a.pem", key = "/b.pem" }, apis = ["openqq"] }]"#,
        )
        .unwrap();
        let [plain, tls] = config.listen.as_slice() else { panic!() };
        assert_eq!(*plain, ListenConfig::from(SocketAddr::from(([127, 0, 0, 1], 5000))));
        assert_eq!(tls.address.to_string(), "127.0.0.1:5443");
        assert!(tls.apis.contains(Scope::Openqq) && !tls.apis.contains(Scope::Admin));
        let files = tls.tls.as_ref().unwrap();
        assert_eq!(
            (files.certificate.as_path(), files.key.as_path()),
            (Path::new("etc/a.pem"), Path::new("/b.pem"))
        );
        assert_eq!(parse("listen = { address = \"127.0.0.1:1\" }").unwrap().listen.len(), 1);
    }

    #[test]
    fn a_listener_that_cannot_be_understood_is_refused() {
        for (text, named) in [
            ("listen = []", "is empty"),
            ("listen = {}", "`address` is missing"),
            ("listen = { address = \"nowhere\" }", "is not an address"),
            ("listen = { address = \"127.0.0.1:1\", tls = { certificate = \"a\" } }", "key = \"FILE.pem\""),
            ("listen = { address = \"127.0.0.1:1\", tls = { cert = \"a\" } }", "certificate"),
            ("listen = { address = \"127.0.0.1:1\", tls = true }", "a table"),
            ("listen = { address = \"127.0.0.1:1\", apis = [] }", "is empty"),
            ("listen = { address = \"127.0.0.1:1\", api = [\"openqq\"] }", "apis"),
            ("listen = [1]", "an address"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn the_example_with_the_ports_of_the_original_documents_is_read() {
        let text = include_str!("../../../../examples/ports.toml");
        let config = Config::parse(Path::new("examples/ports.toml"), text).unwrap();
        let ports: Vec<_> = config.listen.iter().map(|listener| listener.address.port()).collect();
        assert_eq!(ports, [5000, 3000, 4000, 2000]);
        assert!(config.check_exposure().is_ok());
    }
}
