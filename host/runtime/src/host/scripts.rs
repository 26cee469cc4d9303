//! What callers see of scripts and of `mynah.toml`, and what they may change: letting a release in, and reading the
//! file again.

use mynah_model::action::{Actor, Outcome};
use mynah_model::names::{ReleaseId, ScriptName};
use mynah_model::refusal::Refusal;
use mynah_store::{AuditEntry, Batch, Write};

use super::{Host, blocking};
use crate::audit::Asked;
use crate::grants::KvQuota;
use crate::host_error::HostError;
use crate::live_config::ConfigStatus;
use crate::script_detail::ScriptDetail;
use crate::status::ScriptStatus;

impl Host {
    /// Every script that was found, live or not.
    pub fn scripts(&self) -> Vec<ScriptStatus> {
        let error = self.inner.config.status().error;
        let scripts = self.inner.catalog.status().into_iter();
        scripts.map(|status| ScriptStatus { grants_error: error.clone(), ..status }).collect()
    }

    /// One script with all that is known of it.
    pub fn script(&self, name: &str) -> Option<ScriptDetail> {
        let mut detail = self.inner.catalog.detail(name)?;
        detail.status.grants_error = self.inner.config.status().error;
        Some(detail)
    }

    /// Lets a release in that waits; whoever asks stands in the audit.
    ///
    /// # Errors
    /// `release.none` if this release does not wait; otherwise why it cannot be live.
    pub async fn accept_release(
        &self,
        name: &ScriptName,
        release: ReleaseId,
        by: &Actor,
    ) -> Result<Result<(), Refusal>, HostError> {
        let (catalog, script) = (self.inner.catalog.clone(), name.clone());
        let accepted = blocking(move || catalog.accept(&script, &release)).await?;
        if accepted.is_ok() {
            let (number, at) = (self.inner.handling.next_act(), self.now());
            let asked = Asked { number, at, actor: by, address: None, seq: None };
            let text = "a release that waited was let in".to_owned();
            let (script, release) = (Some(name.clone()), Some(release.hex()));
            let entry = AuditEntry { script, release, ..asked.entry("accept", Outcome::Done, text) };
            self.inner.store.write_durable(Batch::from(Write::Audit(entry))).await?;
        }
        Ok(accepted)
    }

    /// What became of `mynah.toml` since the host was started.
    pub fn config(&self) -> ConfigStatus {
        self.inner.config.status()
    }

    /// Reads `mynah.toml` again, whether it was saved or not.
    ///
    /// # Errors
    /// `config.refused`: what was in force stays so.
    pub async fn reload_config(&self) -> Result<Result<ConfigStatus, Refusal>, HostError> {
        let config = self.inner.config.clone();
        blocking(move || config.reload()).await
    }

    /// How much state a script may hold.
    pub(crate) fn kv_quota(&self, script: &ScriptName) -> KvQuota {
        self.inner.catalog.kv_quota(script)
    }
}
