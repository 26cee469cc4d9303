//! Which chats a script may look into: those it may be called in. What it asks of others it does not find.

use mynah_model::address::{Address, AddressPattern, ChatKind};
use mynah_model::names::AccountName;
use mynah_model::refusal::{Code, Refusal};

use crate::fault::cut;
use crate::script::Script;

/// Bytes of an id that a script asked for, in the text of its refusal. 100: longer than any network's.
const ID_SHOWN: usize = 100;

/// What one call may see of an account's chats.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// The account and where the script may be called; `None` if that is everywhere.
    within: Option<(AccountName, Vec<AddressPattern>)>,
    /// The first look-up that was refused.
    refused: Option<Refusal>,
}

impl Sight {
    /// What a script sees of an account.
    pub(crate) fn of(script: &Script, account: &AccountName) -> Self {
        let within = (!script.covers_everything()).then(|| (account.clone(), script.chats.clone()));
        Self { within, refused: None }
    }

    /// Of a script that may be called everywhere.
    #[cfg(test)]
    pub(crate) fn everything() -> Self {
        Self { within: None, refused: None }
    }

    /// Of a script that may be called in these chats.
    #[cfg(test)]
    pub(crate) fn within(account: &str, chats: &[&str]) -> Self {
        let chats = chats.iter().map(|chat| chat.parse().unwrap()).collect();
        Self { within: Some((account.parse().unwrap(), chats)), refused: None }
    }

    /// Whether the script may look into a chat of the account. The first refusal is kept.
    pub(crate) fn covers(&mut self, function: &str, kind: ChatKind, id: &str) -> bool {
        let Some((account, chats)) = &self.within else { return true };
        let address = Address::chat(account.clone(), kind, id);
        if chats.iter().any(|pattern| pattern.matches(&address)) {
            return true;
        }
        if self.refused.is_none() {
            let shown = Address::chat(account.clone(), kind, cut(id.to_owned(), ID_SHOWN));
            let text =
                format!("`roster.{function}` was asked about `{shown}`, which is none of the script's chats");
            self.refused = Some(Refusal::new(Code::GrantRoster, text));
        }
        false
    }

    /// The first look-up that was refused.
    pub(crate) fn into_refused(self) -> Option<Refusal> {
        self.refused
    }
}
